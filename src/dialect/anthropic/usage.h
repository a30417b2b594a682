// `usage` of the Messages API. Private to the folder.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>

#include "contract/call.h"

namespace satgate::dialect::anthropic {

// As reported: the first three are disjoint, and a stream says them in parts.
struct Counts {
  uint64_t uncached = 0, cache_read = 0, cache_write = 0;
  uint64_t cache_write_5m = 0, cache_write_1h = 0;  // parts of cache_write, if told apart
  uint64_t output = 0;
  uint64_t reasoning = 0;  // part of output

  // In contract terms. Sums stop at the largest number.
  Usage usage() const;
};

Counts larger(const Counts& a, const Counts& b);

// What is absent or null is zero. Nothing if it is no object or a count is not a whole number.
std::optional<Counts> read_counts(simdjson::dom::element usage);

// The same of a complete report: it has both input_tokens and output_tokens.
std::optional<Counts> read_report(simdjson::dom::element usage);

}  // namespace satgate::dialect::anthropic
