// What the flags of `token create`, `token attenuate` and `mint` narrow, and the caveats that say
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::console {

struct Narrowing {
  std::optional<std::string> holder;
  std::vector<std::pair<std::string, std::string>> labels;
  std::vector<std::string> audience, endpoints, methods, tools, tools_deny, models;
  std::optional<std::string> upstream;
  std::optional<std::string> rate_limit;  // "10/min"
  std::optional<std::string> expires;     // "1h", a date, RFC 3339, or unix seconds
  std::optional<Money> call_max, budget_max, budget_hourly, budget_daily, budget_monthly;
  std::optional<uint32_t> max_depth;
};

// In an order in which the holder comes first: so two children with the same limits but different
// holders have different lineages, and with them different accounts.
Result<std::vector<std::string>> caveats_of(const Narrowing& narrowing, Time now);

// "1h" from now on, or an instant.
Result<Time> parse_expiry(const std::string& text, Time now);

}  // namespace satgate::console
