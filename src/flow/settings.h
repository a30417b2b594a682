// Settings: the frozen config as the gateway uses it. Room app/ parses and validates a file into
// one of these; a reload makes a new one and swaps it in, and calls under way keep the old one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/money.h"
#include "contract/mode.h"
#include "contract/records.h"
#include "dialect/llm_api.h"
#include "dialect/mcp/reply.h"
#include "flow/answer_cache.h"
#include "flow/api_keys.h"
#include "flow/host_rules.h"
#include "flow/loop_guard.h"
#include "flow/mcp/hub.h"
#include "flow/model_routing.h"
#include "flow/pay_terms.h"
#include "flow/paywall.h"
#include "net/upstream.h"
#include "payment/bolt11.h"
#include "payment/exchange_rate.h"
#include "tariff/tariff.h"

namespace satgate::flow {

enum class UpstreamKind : uint8_t { http, openai, anthropic };

// How a stream is ended whose upstream went past what was reserved: as an error, or as if the
// answer had reached max_tokens.
enum class StreamEnd : uint8_t { error, length };

// upstreams.NAME
struct Upstream {
  std::string name;
  UpstreamKind kind = UpstreamKind::http;
  net::UpstreamIdentity identity;
  std::string base_path;  // "/v1" of "https://api.openai.com/v1"
  // Injected: a field name and its value. An empty name: none. Never logged.
  std::pair<std::string, std::string> credential;
  // The bound that is written into a chat request which has none. Some servers know only the legacy
  // one, "max_tokens".
  std::string output_bound_name = "max_completion_tokens";
  // It bills by OpenAI's vocabularies, so that tokens can be counted.
  bool counts_as_openai = false;
  bool stored_input = true;  // calls whose input lies at the provider; false: they have no price
  bool passthrough = false;  // the agent's own credential goes through (observe only)
  std::optional<Mode> mode;
  std::vector<std::pair<std::string, std::string>> headers;  // added to every request
};

// routes[], and the routes that an upstream of an LLM provider brings along.
struct Route {
  std::string name;
  std::string path;                  // pattern over the normalised path, `*` matches any run
  std::vector<std::string> methods;  // empty: any
  size_t upstream = 0;               // index into Settings::upstreams
  Mode mode = Mode::control;
  Protocol protocol = Protocol::http;  // how it is answered
  std::optional<dialect::LlmApi> api;  // whose bodies are read, and priced by model
  bool lists_models = false;           // answers are narrowed to what the caller may use
  bool serves_stored = false;          // answers that lie at the provider, to who made them
  std::string_view unbounded;          // why nothing here can have a bound; static
  std::string strip_prefix;            // taken off the path before it is forwarded
  std::optional<PayTerms> pay = {};    // nothing: nothing is bought of its upstream
};

struct Listener {
  std::string address = "127.0.0.1:8000";
  std::string tls_certificate;  // PEM files; both or none
  std::string tls_key;
  HostRules hosts = {};

  void listen_on(std::string listen) {
    hosts.bind(listen);
    address = std::move(listen);
  }
};

// mcp.authorization: what OAuth clients are told (RFC 9728).
struct AuthorizationSettings {
  std::vector<std::string> servers;  // issuers that hand out tokens of this gateway; empty: none
  std::vector<std::string> scopes;   // that may be asked for there
  std::string documentation;         // for people: how to get a token; may be empty
};

// approvals: how a person's decision is waited for, and who is told that one is wanted.
struct ApprovalSettings {
  int64_t expires_seconds = 3600;  // after it was asked for, and again after it was given
  int64_t wait_seconds = 0;        // how long a call is held before it is refused
  std::string webhook;             // empty: nobody is told
  std::string secret;              // of its signature
};

// Where nodes tell of payments.
inline constexpr std::string_view kWebhookPath = "/.well-known/satgate/lightning";

// lightning: the node that is paid. Room app/ makes it from this.
struct LightningSettings {
  std::string provider;
  std::string url;
  std::string credential;  // never logged
  std::string certificate_file;
  std::string certificate_name;
  payment::Network network = payment::Network::mainnet;
  bool hears_webhooks = false;  // phoenixd and LNbits: at kWebhookPath
  std::string webhook_url;      // that the node is told with each invoice; empty: none
  std::string webhook_secret;   // phoenixd signs with it; never logged

  bool operator==(const LightningSettings&) const = default;
};

struct Settings {
  Listener server;
  Listener admin{.address = "127.0.0.1:9090", .tls_certificate = {}, .tls_key = {}};
  std::string public_url;              // where agents find `server`, without a slash at its end
  std::string anonymous;               // token name that requests without a credential act under
  ApiKeys api_keys;                    // plain keys that act under a token, by their hashes
  std::vector<std::string> audiences;  // what this gateway answers to; empty: anything
  bool watch_files = false;            // reload.watch: a change of the config's files is taken
  size_t threads = 0;                  // event loops; 0: one a core
  Currency currency;
  std::optional<payment::RateTerms> rate;  // of `currency`, where it is fetched
  TimeZone timezone;                       // of the windows of limits
  Mode mode = Mode::control;               // where nothing nearer says otherwise
  std::vector<Upstream> upstreams;
  std::vector<Route> routes;  // first match wins
  std::vector<mcp::ServerConfig> mcp_servers;
  std::vector<std::pair<std::string, Mode>> mcp_modes;  // of servers that differ from `mode`
  // Of servers that may ask clients more or less often during a call than others.
  std::vector<std::pair<std::string, size_t>> mcp_asks;
  dialect::mcp::PrefixMode mcp_prefix = dialect::mcp::PrefixMode::collision;
  size_t mcp_name_max = dialect::mcp::kListedNameMax;  // of a listed tool or prompt
  std::optional<size_t> mcp_page_size;                 // of lists; nothing: they are whole
  dialect::mcp::DenialStyle mcp_denial = dialect::mcp::DenialStyle::result;
  AuthorizationSettings mcp_authorization;
  bool mcp_budget_tool = false;    // mcp.agentTools: budget
  bool mcp_delegate_tool = false;  // mcp.agentTools: delegate
  StreamEnd stream_end = StreamEnd::error;
  std::optional<int> window_status;   // denials.windowStatus: 402 or 429 for budget_exceeded
  std::vector<BudgetRecord> budgets;  // declared in the config, which owns their limits
  std::vector<std::pair<std::string, std::string>> labels;  // on every event
  bool strict_durability = false;                           // audit.durability: strict
  size_t body_bytes_max = limits::body_bytes_max;
  uint64_t output_tokens_min = 16;  // an answer is not clamped to less
  size_t delegations_max = limits::delegations_max;
  int64_t upstream_seconds_max = limits::upstream_seconds_max;
  int64_t connect_seconds_max = limits::connect_seconds_max;
  int64_t drain_seconds_max = limits::drain_seconds_max;
  std::optional<LoopRules> loops;   // nothing: no call is guarded
  std::optional<CacheRules> cache;  // nothing: no answer is kept
  ApprovalSettings approvals;
  ChargeSettings charge;
  std::optional<LightningSettings> lightning;  // nothing: nothing can be sold
  std::optional<RoutingRules> routing;  // nothing: the model that is asked for serves the call
  std::shared_ptr<const tariff::Tariff> tariff;

  size_t mcp_asks_max(std::string_view server_name) const {
    for (const auto& [name, most] : mcp_asks) {
      if (name == server_name) return most;
    }
    return limits::mcp_asks_default;
  }

  // Of answers that are kept, LLM's and tools'.
  CacheRules cache_rules() const { return cache.value_or(CacheRules()); }

  Mode mcp_mode(std::string_view server_name) const {
    for (const auto& [name, server_mode] : mcp_modes) {
      if (name == server_name) return server_mode;
    }
    return mode;
  }
};

}  // namespace satgate::flow
