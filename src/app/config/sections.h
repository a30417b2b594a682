// The sections of the config, one function each; config.cc calls them in order.
#pragma once

#include "app/config/yaml_map.h"
#include "flow/settings.h"
#include "tariff/policy.h"

namespace satgate::app {

// What the sections build together before it is frozen.
struct Draft {
  flow::Settings settings;
  tariff::Policy policy;
};

void read_server(YamlMap& root, Draft& draft);  // server, admin, store, mode, labels, audit,
                                                // limits, denials, mcp
void read_api_keys(YamlMap& server, flow::Settings& settings);  // server.apiKeys
void read_currency(YamlMap& root, Draft& draft);                // currency: before any amount
// currency.usdPerSat, where it is fetched. What it falls back to is the currency's until then.
payment::RateTerms read_rate_terms(YamlMap& map, Currency& currency);
int64_t nano_per_sat(Money usd, const Currency& currency);
void read_upstreams(YamlMap& root, Draft& draft);  // upstreams
void read_mcp_servers(YamlMap& root, Draft& draft);
// `definitions` and `tools` of an MCP server.
flow::mcp::ServerConfig::Definitions read_definitions(YamlMap& server);
void read_tool_overrides(YamlMap& server, flow::mcp::ServerConfig& config);
// credential, oauth, credentialFrom and credentials of a server over HTTP; after its url, headers
// and caFile
void read_credentials(YamlMap& server, flow::mcp::HttpUpstream& http);
void read_routes(YamlMap& root, Draft& draft);  // routes; after upstreams and mode
void read_prices(YamlMap& root, Draft& draft);  // tools, endpoints, models
tariff::ToolPolicy read_tool(YamlMap map, const Currency& currency);  // one entry of `tools`
// `volume` and `dynamic`, beside a price under this key.
tariff::TermsPolicy read_terms(YamlMap& map, std::string_view price, const Currency& currency);
void read_policies(YamlMap& root, Draft& draft);  // policies, with their templates
// One entry of `policies` that stands for itself.
void read_policy(YamlMap map, const std::string& token, Draft& draft);
void read_budgets(YamlMap& root, Draft& draft);
void read_loop_guard(YamlMap& root, Draft& draft);  // loopGuard, for every token
// loopGuard of one token, if it is there.
void read_loop_guard_of(YamlMap& policy, const std::string& token, Draft& draft);
void read_cache(YamlMap& root, Draft& draft);  // cache; after upstreams
void read_approvals(YamlMap& root, Draft& draft);
void read_lightning(YamlMap& root, Draft& draft);  // lightning, charge; after currency
// A complaint about what is for sale where nobody can be paid.
void check_charge(const flow::Settings& settings, std::vector<std::string>& errors);
// `pay` of a route.
std::optional<flow::PayTerms> read_pay(YamlMap& route, const Currency& currency);
// Complaints about routes that can not buy.
void check_pay(const flow::Settings& settings, std::vector<std::string>& errors);
void read_routing(YamlMap& root, Draft& draft);  // routing, for every token
void read_routing_of(YamlMap& policy, const std::string& token, Draft& draft);
// Complaints about models and upstreams that routing names. REQUIRES: the tariff is made.
void check_routing(const flow::Settings& settings, std::vector<std::string>& errors);

// `share` of an entry with a price: partners and what they get of it.
std::optional<Shares> read_shares(YamlMap& map);
// "12.5%" or "12.5", with at most four decimals, in millionths of a whole.
std::optional<uint32_t> parse_share(std::string_view text);

tariff::CacheScope read_cache_scope(YamlMap& map);  // `scope` of a cache

// "20%" or "20", at most 100.
std::optional<int> parse_percent(std::string_view text);

// `mode` of a mapping, if it is there and this version can do it.
std::optional<Mode> read_mode(YamlMap& map, std::string_view key);
// `Name: value`; else a value of Authorization, after `Bearer` if it has no blank.
std::pair<std::string, std::string> credential_header(std::string_view credential);

// Routes that upstreams bring along without being named in `routes`.
void add_builtin_routes(Draft& draft);

}  // namespace satgate::app
