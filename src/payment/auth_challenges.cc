#include "payment/auth_challenges.h"

#include <algorithm>

#include "base/limits.h"
#include "base/text.h"

namespace satgate::payment {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::vector<AuthChallenge> read() {
    while (true) {
      skip(" \t,");
      const std::string_view word = until(" \t,=\"'");
      if (word.empty()) {
        if (text_.empty()) return std::move(out_);
        text_.remove_prefix(1);  // a quote or `=` that belongs to nothing
        continue;
      }
      const std::string_view behind_word = text_;
      skip(" \t");
      if (text_.starts_with('=')) {
        text_.remove_prefix(1);
        skip(" \t");
        std::string value;
        if (!read_value(value)) return std::move(out_);
        add_param(word, std::move(value));
      } else {
        text_ = behind_word;
        if (out_.size() == kAuthChallengesMax) return std::move(out_);
        out_.push_back({.scheme = std::string(word), .params = {}});
      }
    }
  }

 private:
  void skip(std::string_view letters) {
    text_.remove_prefix(std::min(text_.find_first_not_of(letters), text_.size()));
  }
  std::string_view until(std::string_view letters) {
    const std::string_view word = text_.substr(0, text_.find_first_of(letters));
    text_.remove_prefix(word.size());
    return word;
  }

  bool read_value(std::string& out) {
    const char quote = text_.empty() ? '\0' : text_.front();
    if (quote != '"' && quote != '\'') {
      out = until(" \t,");
      return true;
    }
    for (size_t i = 1; i < text_.size(); ++i) {
      if (text_[i] == quote) {
        text_.remove_prefix(i + 1);
        return true;
      }
      if (quote == '"' && text_[i] == '\\' && i + 1 < text_.size()) ++i;
      out += text_[i];
    }
    return false;
  }

  void add_param(std::string_view name, std::string value) {
    if (out_.empty() || out_.back().params.size() == kAuthParamsMax) return;
    out_.back().params.emplace_back(lowercase(name), std::move(value));
  }

  std::string_view text_;
  std::vector<AuthChallenge> out_;
};

}  // namespace

std::optional<std::string_view> AuthChallenge::find(std::string_view name) const {
  const auto found = std::ranges::find(
      params, name, [](const auto& param) { return std::string_view(param.first); });
  if (found == params.end()) return std::nullopt;
  return found->second;
}

std::vector<AuthChallenge> read_auth_challenges(std::string_view value) {
  if (value.size() > limits::head_bytes_max) return {};
  return Reader(value).read();
}

}  // namespace satgate::payment
