#include "dialect/openai/usage.h"

#include <string_view>

#include "dialect/json_text.h"
#include "dialect/llm.h"

namespace satgate::dialect::openai {
namespace {

namespace dom = simdjson::dom;

constexpr std::string_view kTotal = "total_tokens";

struct Names {
  std::string_view input, input_details, output, output_details;
};

constexpr Names kCompletion = {"prompt_tokens", "prompt_tokens_details", "completion_tokens",
                               "completion_tokens_details"};
constexpr Names kResponse = {"input_tokens", "input_tokens_details", "output_tokens",
                             "output_tokens_details"};

// Of the members that must be there: null says no more than nothing does.
bool has(dom::object object, std::string_view name) {
  dom::element value;
  return !object.at_key(name).get(value) && !value.is_null();
}

std::optional<Usage> read_counts(dom::object object, const Names& names) {
  const auto input = read_count(object, names.input);
  const auto output = read_count(object, names.output);
  const auto total = read_count(object, kTotal);
  const auto cached = read_count(object, names.input_details, "cached_tokens");
  const auto written = read_count(object, names.input_details, "cache_write_tokens");
  const auto reasoning = read_count(object, names.output_details, "reasoning_tokens");
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

}  // namespace

std::optional<Usage> read_usage(dom::element element) {
  dom::object object;
  if (element.get_object().get(object) || !has(object, kCompletion.input)) return std::nullopt;
  // Else nobody says what the output was: it is no zero.
  if (!has(object, kCompletion.output) && !has(object, kTotal)) return std::nullopt;
  return read_counts(object, kCompletion);
}

std::optional<Usage> read_embedding_usage(dom::element element) {
  dom::object object;
  if (element.get_object().get(object) || !has(object, kCompletion.input)) return std::nullopt;
  auto usage = read_counts(object, kCompletion);
  if (usage) usage->output = 0;  // some count the numbers as such, in total_tokens
  return usage;
}

std::optional<Usage> read_responses_usage(dom::element element) {
  dom::object object;
  if (element.get_object().get(object)) return std::nullopt;
  if (!has(object, kResponse.input) || !has(object, kResponse.output)) return std::nullopt;
  return read_counts(object, kResponse);
}

std::optional<ServiceTier> read_billed_tier(dom::object answer) {
  std::string_view tier;
  if (answer.at_key("service_tier").get_string().get(tier)) return std::nullopt;
  if (tier == "default") return ServiceTier::standard;
  if (tier == "flex") return ServiceTier::flex;
  if (tier == "priority") return ServiceTier::priority;
  return std::nullopt;
}

std::optional<Usage> read_response(dom::element response) {
  dom::object members;
  if (response.get_object().get(members)) return std::nullopt;
  std::optional<Usage> result;
  for (const auto [key, value] : members) {
    std::string_view status;
    if (key == "status" && !value.get_string().get(status) &&
        (status == "queued" || status == "in_progress")) {
      return std::nullopt;
    }
    if (key != "usage") continue;
    const auto usage = read_responses_usage(value);
    if (!usage) return std::nullopt;
    result = result ? larger(*result, *usage) : *usage;
  }
  if (result) result->tier = read_billed_tier(members);
  return result;
}

}  // namespace satgate::dialect::openai
