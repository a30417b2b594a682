// What the config says about prices and limits, as plain structs that app/config fills. Nothing is
// checked here; Tariff::create checks all of it. Amounts are credits, currencies already applied.
//
// In every table a name may hold `*`. The most specific entry that says something about a matter
// decides it: an exact name, then the pattern with the most other characters, then `*`.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/money.h"
#include "contract/call.h"
#include "contract/spend_limits.h"

namespace satgate::tariff {

template <class T>
using Table = std::map<std::string, T, std::less<>>;

// mcpServers.NAME.policy
struct ServerPolicy {
  std::optional<Money> price = {};  // per call of any of its tools that has no price of its own
  SpendLimits limits = {};  // hourlyLimit, dailyLimit, monthlyLimit: over all tokens together
  bool enabled = true;
  bool require_approval = false;
  std::optional<int64_t> max_calls_per_hour = {};  // over all tokens together
};

// tools.NAME and policies.TOKEN.tools.NAME. NAME is a tool as its server calls it ("search"), as
// the client sees it ("github_search"), "SERVER.TOOL", or a whole server or upstream.
struct ToolPolicy {
  std::optional<Money> cost = {};
  bool enabled = true;
  bool require_approval = false;
  std::optional<int64_t> max_calls_per_hour = {};  // all calls that match this entry, together
};

// endpoints.PATH
struct EndpointPolicy {
  Money cost;
};

// models.NAME.serviceTiers.NAME: credits per million tokens.
struct TierPolicy {
  Money input, output;
  std::optional<Money> cached_input = {};  // unset: as input
  std::optional<Money> cache_write = {};   // unset: as input
};

// models.NAME: a price per call, or rates per million tokens, or only `max_output`, which then
// amends a model of the built-in table.
struct ModelPolicy {
  std::optional<Money> cost = {};
  std::optional<Money> input = {};         // credits per million tokens
  std::optional<Money> cached_input = {};  // unset: as input
  std::optional<Money> cache_write = {};   // unset: as input
  std::optional<Money> output = {};        // needed with `input`
  std::optional<Money> reasoning = {};     // output that is thought and not said; unset: as output
  std::map<ServiceTier, TierPolicy> tiers = {};
  std::optional<Money> image = {};          // credits a picture, at most
  std::optional<Money> characters = {};     // credits per million characters that are spoken
  std::optional<uint64_t> context = {};     // tokens of prompt and answer together
  std::optional<uint64_t> max_output = {};  // most tokens of one choice
};

// policies.TOKENNAME
struct TokenPolicy {
  SpendLimits limits = {};  // totalDailyCredits -> day, and likewise hour, month, lifetime
  Table<ToolPolicy> tools = {};
};

struct Policy {
  Currency currency;
  Table<ServerPolicy> servers;
  Table<ToolPolicy> tools = {};
  Table<EndpointPolicy> endpoints;
  Table<ModelPolicy> models;
  Table<TokenPolicy> tokens;
  Table<Money> routes;  // routes[].price by route name; no patterns
  // The bound written into a request that names none, for a model whose own maximum is not known.
  uint64_t output_tokens_default = 16'384;
  bool builtin_models = true;  // off: only `models` has prices
};

}  // namespace satgate::tariff
