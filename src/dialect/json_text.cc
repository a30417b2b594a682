#include "dialect/json_text.h"

namespace satgate::dialect {
namespace {

constexpr size_t kKeepBytes = 1024 * 1024;

}  // namespace

std::optional<simdjson::dom::element> JsonText::parse(std::string_view text) {
  if (size_ > kKeepBytes && text.size() <= kKeepBytes) {
    std::string().swap(padded_);
    tree_ = simdjson::dom::parser();
    lazy_ = simdjson::ondemand::parser();
  }
  size_ = text.size();
  padded_.reserve(size_ + simdjson::SIMDJSON_PADDING);
  padded_.assign(text);
  padded_.append(simdjson::SIMDJSON_PADDING, '\0');
  simdjson::dom::element root;
  const auto* bytes = reinterpret_cast<const uint8_t*>(padded_.data());
  if (tree_.parse(bytes, size_, false).get(root)) return std::nullopt;
  return root;
}

simdjson::simdjson_result<simdjson::ondemand::document> JsonText::walk() {
  return lazy_.iterate(padded_.data(), size_, padded_.size());
}

std::string_view trim_token(std::string_view token) {
  const size_t last = token.find_last_not_of(" \t\r\n");
  return token.substr(0, last + 1);
}

std::optional<uint64_t> read_count(simdjson::dom::object object, std::string_view name) {
  simdjson::dom::element value;
  if (object.at_key(name).get(value) || value.is_null()) return 0;
  uint64_t number = 0;
  if (value.get_uint64().get(number)) return std::nullopt;
  return number;
}

std::optional<uint64_t> read_count(simdjson::dom::object object, std::string_view group,
                                   std::string_view name) {
  simdjson::dom::object inner;
  if (object.at_key(group).get_object().get(inner)) return 0;
  return read_count(inner, name);
}

}  // namespace satgate::dialect
