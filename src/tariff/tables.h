// The frozen form of a Policy: names resolved, ids and labels made, amounts checked. Private to
// the room.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contract/call.h"
#include "contract/path.h"
#include "contract/quote.h"
#include "tariff/argument_rules.h"
#include "tariff/policy.h"
#include "tariff/prices.h"
#include "tariff/terms.h"
#include "tariff/tool_price.h"

namespace satgate::tariff {

// A model with its price: per call, or per token with the rates of short and of long prompts.
struct PricedModel {
  std::string name;
  std::string rule;  // "models.gpt-4o"
  bool per_call = false;
  Money call_cost;
  TokenRates base, long_context;
  uint64_t long_above = 0;                                     // 0: one tier
  std::array<std::optional<TokenRates>, kServiceTiers> tiers;  // where they differ from the usual
  std::optional<TokenRates> batch;   // of requests in a batch, where they are not the usual
  std::optional<int64_t> reasoning;  // nano-credits a million tokens, where it is not as output
  bool only_units = false;           // tokens have no price
  std::optional<Money> image;        // one picture
  std::optional<Money> characters;   // a million of them
  uint64_t context = 0;              // 0: not known
  uint64_t max_output = 0;           // 0: not known
  bool dated = false;
  bool offered = false;
  std::optional<Provider> provider;  // nothing: priced by the config alone
  ModelKind kind = ModelKind::reasoning;
};

// All the names a call goes by in the tool tables. `joined` is "SERVER.TOOL".
struct Names {
  std::string_view server, tool, listed, joined;
};

// Holds the joined name without the heap. A name that does not fit is no tool of anybody's.
class NameBuffer {
 public:
  std::optional<Names> names(std::string_view server, std::string_view tool,
                             std::string_view listed);

 private:
  std::array<char, 512> bytes_;
};

struct ToolRule {
  std::string name;
  std::string rule;  // "tools.search_*"
  ToolPolicy policy;
  std::optional<ToolPrice> price;  // of `cost` or `price`
  std::optional<Terms> terms;      // in place of `cost`
  std::optional<ToolCache> cache;
  std::vector<ArgumentRule> arguments;
  std::optional<PathEntry> rate;  // its label points at rate_label
  std::string rate_label;
};

// What a tool table says about one call.
struct ToolVerdict {
  const ToolRule* priced = nullptr;
  const ToolRule* cached = nullptr;
  const ToolRule* shared = nullptr;  // with partners
  bool enabled = true;
  bool require_approval = false;
  std::optional<Money> approval_above;
};

class ToolTable {
 public:
  void add(ToolRule rule);
  void freeze();  // after the last add: rules do not move any more

  ToolVerdict look_up(const Names& names) const;
  [[nodiscard]] bool add_rates(Path& path, const Names& names) const;
  // Those of every rule that names the call, as its rates are.
  void add_argument_rules(std::vector<const ArgumentRule*>& rules, const Names& names) const;
  const std::vector<ToolRule>& rules() const { return rules_; }
  bool has_prices_by_argument() const { return has_prices_by_argument_; }
  bool has_caches() const { return has_caches_; }

 private:
  template <class Visit>
  void each_match(const Names& names, Visit&& visit) const;

  std::vector<ToolRule> rules_;
  bool has_argument_rules_ = false;
  bool has_prices_by_argument_ = false;
  bool has_caches_ = false;
  std::map<std::string_view, size_t> exact_;
  std::vector<size_t> patterns_;
};

struct ServerRule {
  std::string rule;  // "mcpServers.web-fetch.policy.price"
  ServerPolicy policy;
  std::optional<PathEntry> limit, rate;
  std::string limit_label, rate_label;
};

struct EndpointRule {
  std::string path;
  std::string rule;  // "endpoints./api/*"
  Money cost;        // at most
  std::optional<Terms> terms = {};
  std::optional<Shares> share = {};
};

struct TokenRules {
  ToolTable tools;
  std::optional<PathEntry> limit;
  std::string limit_label;
};

struct RouteRule {
  std::string rule;
  Money price;  // at most
  std::optional<Terms> terms = {};
};

struct Tables {
  std::map<std::string, ServerRule, std::less<>> servers;
  ToolTable tools;
  std::map<std::string, TokenRules, std::less<>> tokens;
  std::map<std::string, EndpointRule, std::less<>> endpoints;  // exact, without a final slash
  std::vector<EndpointRule> endpoint_patterns;                 // most specific first
  std::map<std::string, RouteRule, std::less<>> routes;
  Table<Shares> route_shares;
  bool has_shares = false;  // any at all
  std::map<std::string, PricedModel, std::less<>> config_models;
  std::vector<PricedModel> model_patterns;  // most specific first
  std::map<std::string, PricedModel, std::less<>> builtin_models;
  uint64_t output_tokens_default = 0;
  bool has_pricers = false;

  const PricedModel* find_model(std::string_view name) const;
  const EndpointRule* find_endpoint(std::string_view path) const;
  const TokenRules* find_token(std::string_view name) const;
  const ServerRule* find_server(const Call& call) const;
};

}  // namespace satgate::tariff
