#include "dialect/anthropic/usage.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "dialect/json_text.h"

namespace satgate::dialect::anthropic {
namespace {

namespace dom = simdjson::dom;

uint64_t sum(uint64_t a, uint64_t b) {
  uint64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? std::numeric_limits<uint64_t>::max() : result;
}

bool has(dom::element object, std::string_view name) {
  dom::element value;
  return !object.at_key(name).get(value) && !value.is_null();
}

}  // namespace

Usage Counts::usage() const {
  const uint64_t written = std::max(cache_write, sum(cache_write_5m, cache_write_1h));
  return {.input = sum(sum(uncached, cache_read), written),
          .cached_input = cache_read,
          .cache_write = written,
          .output = output,
          .reasoning = reasoning,
          .cache_write_1h = cache_write_1h};
}

Counts larger(const Counts& a, const Counts& b) {
  return {.uncached = std::max(a.uncached, b.uncached),
          .cache_read = std::max(a.cache_read, b.cache_read),
          .cache_write = std::max(a.cache_write, b.cache_write),
          .cache_write_5m = std::max(a.cache_write_5m, b.cache_write_5m),
          .cache_write_1h = std::max(a.cache_write_1h, b.cache_write_1h),
          .output = std::max(a.output, b.output),
          .reasoning = std::max(a.reasoning, b.reasoning)};
}

std::optional<Counts> read_counts(dom::element usage) {
  dom::object object;
  if (usage.get_object().get(object)) return std::nullopt;
  const auto uncached = read_count(object, "input_tokens");
  const auto read = read_count(object, "cache_read_input_tokens");
  const auto write = read_count(object, "cache_creation_input_tokens");
  const auto write_5m = read_count(object, "cache_creation", "ephemeral_5m_input_tokens");
  const auto write_1h = read_count(object, "cache_creation", "ephemeral_1h_input_tokens");
  const auto output = read_count(object, "output_tokens");
  const auto reasoning = read_count(object, "output_tokens_details", "thinking_tokens");
  if (!uncached || !read || !write || !write_5m || !write_1h || !output || !reasoning) {
    return std::nullopt;
  }
  return Counts{.uncached = *uncached,
                .cache_read = *read,
                .cache_write = *write,
                .cache_write_5m = *write_5m,
                .cache_write_1h = *write_1h,
                .output = *output,
                .reasoning = *reasoning};
}

std::optional<Counts> read_report(dom::element usage) {
  if (!usage.is_object() || !has(usage, "input_tokens") || !has(usage, "output_tokens")) {
    return std::nullopt;
  }
  return read_counts(usage);
}

}  // namespace satgate::dialect::anthropic
