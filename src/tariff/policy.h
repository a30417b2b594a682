// What the config says about prices and limits, as plain structs that app/config fills. Nothing is
// checked here; Tariff::create checks all of it. Amounts are credits, currencies already applied.
//
// In every table a name may hold `*`. The most specific entry that says something about a matter
// decides it: an exact name, then the pattern with the most other characters, then `*`.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/money.h"
#include "base/time_zone.h"
#include "contract/call.h"
#include "contract/share.h"
#include "contract/spend_limits.h"

namespace satgate::tariff {

template <class T>
using Table = std::map<std::string, T, std::less<>>;

// tools.NAME.arguments.ARGUMENT: every one that is given must hold. Numbers are decimal texts.
struct ArgumentPolicy {
  std::vector<std::string> one_of = {};
  std::optional<std::string> min = {}, max = {};
  std::optional<std::string> pattern = {};  // PCRE2, of the whole value
  std::vector<std::string> hosts = {};      // the value is a URL of one of them
  bool absent = false;                      // it may not be there
  bool optional = false;                    // it need not be there
  // Of arguments that a price depends on, not of the config's own rules.
  bool whole = false;   // a number without a fraction
  bool single = false;  // one value, at one place: no list
};

// The units after those of the tier before it, up to and with this one; nothing: all others.
struct UnitTier {
  std::optional<int64_t> up_to = {};
  Money amount = {};  // of one
};

// tools.NAME.price.perUnit: so many of something, as an argument says.
struct UnitPolicy {
  std::string argument = {};
  Money amount = {};                 // of one
  std::vector<UnitTier> tiers = {};  // in place of `amount`
  int64_t min = 1, max = 0;
  std::optional<int64_t> when_missing = {};  // unset: it must be there
};

// tools.NAME.price.byArgument
struct ChoicePolicy {
  std::string argument = {};
  Table<Money> values = {};
  std::optional<Money> other = {};               // of any other value; unset: it is refused
  std::optional<std::string> when_missing = {};  // one of `values`; unset: it must be there
  bool each = false;                             // for each of `perUnit`, not for the call
};

// tools.NAME.price.perResultKiB
struct ResultPolicy {
  Money per_kib = {};
  int64_t max_kib = 0;
};

// tools.NAME.price: the sum of its parts.
struct PricePolicy {
  Money base = {};
  std::optional<UnitPolicy> per_unit = {};
  std::optional<ChoicePolicy> by_argument = {};
  std::optional<ResultPolicy> result = {};
};

// Who may be given what was answered before: whoever holds the same minted token or a part of it,
// every token of one named budget, or everyone.
enum class CacheScope : uint8_t { token, budget, everyone };

// `volume`: what calls cost by how many their caller has made so far.
struct VolumePolicy {
  std::vector<UnitTier> tiers = {};  // of calls
  Window per = Window::lifetime;     // in which they count
};

// dynamic.times: the first that holds, by the clocks of the config's time zone.
struct TimeFactor {
  std::array<bool, 7> days = {true, true, true, true, true, true, true};  // from Sunday on
  int64_t from_second = 0, to_second = 0;  // of the day; the same, or an earlier end: over midnight
  Money factor = {};                       // as an amount: nano-parts
};

// dynamic.load: of several, that with the highest bound.
struct LoadFactor {
  int64_t above = 0;  // calls in flight
  Money factor = {};
};

// dynamic.priority
struct UrgencyFactor {
  std::string name = {};
  Money factor = {};
};

// dynamic.pricer: somebody else says what a call costs.
struct PricerPolicy {
  std::string url = {};
  int64_t keep_seconds = 30;  // its answer counts for like calls
  int64_t timeout_ms = 1000;
  bool required = false;  // no answer, no call; else the config's own price
};

// dynamic.upstreamCost: a field of the upstream's answer says what it was, and so what is charged.
struct UpstreamCostPolicy {
  std::string header = {};
  Money factor = Money::credits(1);
};

// `dynamic`: what moves a price.
struct DynamicPolicy {
  std::vector<TimeFactor> times = {};
  std::vector<LoadFactor> load = {};
  std::string urgency_header = {};
  std::vector<UrgencyFactor> urgencies = {};
  std::optional<PricerPolicy> pricer = {};
  std::optional<UpstreamCostPolicy> upstream_cost = {};
  std::optional<Money> max = {};  // whatever moves it
};

// `outcome`: a call is charged when a signal says that it was a success.
struct OutcomePolicy {
  std::string secret = {};        // with which the signal is signed
  int64_t timeout_seconds = 600;  // for which the money is held; below what a reservation lives
  bool charge_otherwise = true;   // when no signal has come by then; false: it is given back
};

// Beside or in place of a flat price.
struct TermsPolicy {
  std::optional<VolumePolicy> volume = {};  // in place of it
  std::optional<DynamicPolicy> dynamic = {};
  std::optional<OutcomePolicy> outcome = {};

  bool any() const { return volume || dynamic || outcome; }
};

// tools.NAME.cache
struct ToolCachePolicy {
  int64_t ttl_seconds = 0;
  Money cost = {};  // of an answer that is given again
  CacheScope scope = CacheScope::token;
};

// mcpServers.NAME.policy
struct ServerPolicy {
  std::optional<Money> price = {};  // per call of any of its tools that has no price of its own
  SpendLimits limits = {};  // hourlyLimit, dailyLimit, monthlyLimit: over all tokens together
  bool enabled = true;
  bool only_reads = false;  // only tools of which the server says that they change nothing
  bool require_approval = false;
  std::optional<Money> approval_above = {};        // of calls that cost more than this
  std::optional<int64_t> max_calls_per_hour = {};  // over all tokens together
  std::optional<Shares> share = {};                // of what its calls cost
};

// tools.NAME and policies.TOKEN.tools.NAME. NAME is a tool as its server calls it ("search"), as
// the client sees it ("github_search"), "SERVER.TOOL", or a whole server or upstream.
struct ToolPolicy {
  std::optional<Money> cost = {};
  std::optional<PricePolicy> price = {};  // in place of `cost`
  TermsPolicy terms = {};                 // of a `cost`
  std::optional<ToolCachePolicy> cache = {};
  bool enabled = true;
  bool require_approval = false;
  std::optional<Money> approval_above = {};        // of calls that cost more than this
  std::optional<int64_t> max_calls_per_hour = {};  // all calls that match this entry, together
  std::optional<Shares> share = {};                // of what they cost
  // By argument, `repo.owner` for one inside of another. Those of all entries that match hold.
  Table<ArgumentPolicy> arguments = {};
};

// endpoints.PATH, routes[]
struct EndpointPolicy {
  Money cost;
  TermsPolicy terms = {};
  std::optional<Shares> share = {};
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
  std::optional<TierPolicy> batch = {};     // of requests in a batch; unset: as others
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
  Table<EndpointPolicy> routes;  // routes[].price by route name; no patterns
  Table<Shares> route_shares;    // routes[].share, likewise
  // The bound written into a request that names none, for a model whose own maximum is not known.
  uint64_t output_tokens_default = 16'384;
  bool builtin_models = true;  // off: only `models` has prices
  TimeZone timezone = {};      // of `dynamic.times`
};

}  // namespace satgate::tariff
