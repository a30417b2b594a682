#include "dialect/openai/json.h"

#include <algorithm>

#include "base/limits.h"

namespace satgate::dialect::openai {
namespace {

constexpr size_t kKeepBytes = 1024 * 1024;

// Nothing if the member is there but is no count; absent and null count as zero.
std::optional<uint64_t> count(simdjson::dom::object object, std::string_view name) {
  simdjson::dom::element value;
  if (object.at_key(name).get(value) || value.is_null()) return 0;
  uint64_t number = 0;
  if (value.get_uint64().get(number)) return std::nullopt;
  return number;
}

std::optional<uint64_t> detail(simdjson::dom::object usage, std::string_view group,
                               std::string_view name) {
  simdjson::dom::object details;
  if (usage.at_key(group).get_object().get(details)) return 0;
  return count(details, name);
}

}  // namespace

std::optional<simdjson::dom::element> JsonText::parse(std::string_view text) {
  if (text.size() > limits::body_bytes_max) return std::nullopt;
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

std::optional<Usage> read_usage(simdjson::dom::element element) {
  simdjson::dom::object object;
  if (element.get_object().get(object)) return std::nullopt;
  simdjson::dom::element prompt;
  if (object.at_key("prompt_tokens").get(prompt)) return std::nullopt;
  const auto input = count(object, "prompt_tokens");
  const auto output = count(object, "completion_tokens");
  const auto total = count(object, "total_tokens");
  const auto cached = detail(object, "prompt_tokens_details", "cached_tokens");
  const auto written = detail(object, "prompt_tokens_details", "cache_write_tokens");
  const auto reasoning = detail(object, "completion_tokens_details", "reasoning_tokens");
  if (!input || !output || !total || !cached || !written || !reasoning) return std::nullopt;
  Usage usage;
  usage.input = *input;
  usage.output = *output;
  if (*total > *input && *total - *input > *output) usage.output = *total - *input;
  usage.cached_input = *cached;
  usage.cache_write = *written;
  usage.reasoning = *reasoning;
  return usage;
}

Usage larger(const Usage& a, const Usage& b) {
  Usage usage;
  usage.input = std::max(a.input, b.input);
  usage.cached_input = std::max(a.cached_input, b.cached_input);
  usage.cache_write = std::max(a.cache_write, b.cache_write);
  usage.output = std::max(a.output, b.output);
  usage.reasoning = std::max(a.reasoning, b.reasoning);
  usage.cache_write_1h = std::max(a.cache_write_1h, b.cache_write_1h);
  return usage;
}

}  // namespace satgate::dialect::openai
