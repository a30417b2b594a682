#include "dialect/openai/usage.h"

#include <string_view>

#include "dialect/json_text.h"

namespace satgate::dialect::openai {

std::optional<Usage> read_usage(simdjson::dom::element element) {
  simdjson::dom::object object;
  if (element.get_object().get(object)) return std::nullopt;
  simdjson::dom::element prompt;
  if (object.at_key("prompt_tokens").get(prompt)) return std::nullopt;
  const auto input = read_count(object, "prompt_tokens");
  const auto output = read_count(object, "completion_tokens");
  const auto total = read_count(object, "total_tokens");
  const auto cached = read_count(object, "prompt_tokens_details", "cached_tokens");
  const auto written = read_count(object, "prompt_tokens_details", "cache_write_tokens");
  const auto reasoning = read_count(object, "completion_tokens_details", "reasoning_tokens");
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

}  // namespace satgate::dialect::openai
