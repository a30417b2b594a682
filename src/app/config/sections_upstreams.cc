#include <fmt/format.h>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {
namespace {

std::optional<flow::UpstreamKind> parse_kind(std::string_view text) {
  if (text == "http") return flow::UpstreamKind::http;
  if (text == "openai") return flow::UpstreamKind::openai;
  if (text == "anthropic") return flow::UpstreamKind::anthropic;
  return std::nullopt;
}

void read_url(YamlMap& map, flow::Upstream& upstream) {
  const std::optional<std::string> url = map.text("url");
  if (!url) {
    map.complain("url", "is missing; where shall calls go?");
    return;
  }
  const Result<wire::Url> parsed = wire::parse_url(*url);
  if (!parsed) {
    map.complain("url", parsed.error().message);
    return;
  }
  upstream.identity = net::identity_of(*parsed);
  upstream.base_path = parsed->base_path;
  if (auto file = map.text("caFile")) upstream.identity.ca_file = *file;
  if (auto file = map.text("clientCertificate")) upstream.identity.client_cert = *file;
  if (auto file = map.text("clientKey")) upstream.identity.client_key = *file;
  if (auto insecure = map.boolean("insecure")) upstream.identity.insecure = *insecure;
}

void read_llm_options(YamlMap& map, flow::Upstream& upstream) {
  if (auto name = map.text("maxTokensField")) {
    if (*name != "max_tokens" && *name != "max_completion_tokens") {
      map.complain("maxTokensField",
                   fmt::format("'{}' must be max_tokens or max_completion_tokens", *name));
    }
    upstream.output_bound_name = *name;
  }
  const std::string_view host = upstream.identity.host;
  upstream.counts_as_openai =
      map.boolean("countTokens")
          .value_or(host == "api.openai.com" || host.ends_with(".openai.azure.com"));
  if (auto policy = map.text("storedConversations")) {
    if (*policy != "context" && *policy != "refuse") {
      map.complain("storedConversations",
                   fmt::format("'{}' must be context (they are bounded by the model's context) or "
                               "refuse",
                               *policy));
    }
    upstream.stored_input = *policy == "context";
  }
}

void read_upstream(YamlMap map, const std::string& name, Draft& draft) {
  flow::Upstream upstream;
  upstream.name = name;
  const std::string kind = map.text("kind").value_or("http");
  if (auto parsed = parse_kind(kind)) {
    upstream.kind = *parsed;
  } else {
    map.complain("kind", fmt::format("'{}' must be openai, anthropic or http", kind));
  }
  read_url(map, upstream);
  upstream.mode = read_mode(map, "mode");
  const std::string credential = map.secret("credential").value_or("");
  upstream.passthrough = credential == "passthrough";
  if (!credential.empty() && !upstream.passthrough) {
    upstream.credential = upstream.kind == flow::UpstreamKind::anthropic
                              ? std::pair<std::string, std::string>("x-api-key", credential)
                              : credential_header(credential);
  }
  if (upstream.passthrough) {
    if (upstream.mode.value_or(draft.settings.mode) != Mode::observe) {
      map.complain("credential",
                   "`passthrough` hands the agent's own key to the upstream and so works only in "
                   "`mode: observe`; in control give the upstream its own credential");
    }
  }
  upstream.headers = map.strings("headers");
  if (upstream.kind == flow::UpstreamKind::openai) read_llm_options(map, upstream);
  map.finish();
  draft.settings.upstreams.push_back(std::move(upstream));
}

void read_server_policy(YamlMap& server, const std::string& name, Draft& draft) {
  tariff::ServerPolicy& policy = draft.policy.servers[name];
  std::optional<YamlMap> map = server.map("policy");
  if (!map) return;
  const Currency& currency = draft.policy.currency;
  policy.price = map->amount("price", currency);
  if (auto limit = map->amount("hourlyLimit", currency)) policy.limits[Window::hour] = *limit;
  if (auto limit = map->amount("dailyLimit", currency)) policy.limits[Window::day] = *limit;
  if (auto limit = map->amount("monthlyLimit", currency)) policy.limits[Window::month] = *limit;
  policy.enabled = map->boolean("enabled").value_or(true);
  policy.only_reads = map->choice<bool>("allow", {{"read", true}, {"all", false}}).value_or(false);
  policy.require_approval = map->boolean("requireApproval").value_or(false);
  policy.approval_above = map->amount("approvalAbove", currency);
  policy.max_calls_per_hour = map->whole("maxCallsPerHour", 0, 1'000'000'000);
  policy.share = read_shares(*map);
  if (auto most = map->whole("maxAsksPerCall", 0, limits::mcp_asks_max)) {
    draft.settings.mcp_asks.emplace_back(name, static_cast<size_t>(*most));
  }
  map->finish();
}

void read_stdio(YamlMap& map, flow::mcp::ServerConfig& server) {
  flow::mcp::StdioCommand command;
  command.command = map.text("command").value_or("");
  command.args = map.list("args");
  command.env = map.strings("env");
  server.transport = std::move(command);
}

void read_http(YamlMap& map, flow::mcp::ServerConfig& server) {
  flow::mcp::HttpUpstream http;
  http.url = map.text("url").value_or("");
  if (const Result<wire::Url> parsed = wire::parse_url(http.url); !parsed) {
    map.complain("url", parsed.error().message);
  }
  http.headers = map.strings("headers");
  http.ca_file = map.text("caFile").value_or("");
  read_credentials(map, http);
  server.transport = std::move(http);
}

flow::mcp::ServerConfig::Sharing read_sharing(YamlMap& map) {
  using Sharing = flow::mcp::ServerConfig::Sharing;
  return map
      .choice<Sharing>("sharing", {{"automatic", Sharing::automatic},
                                   {"shared", Sharing::shared},
                                   {"separate", Sharing::separate}})
      .value_or(Sharing::automatic);
}

void read_mcp_server(YamlMap map, const std::string& name, Draft& draft) {
  flow::mcp::ServerConfig server;
  server.name = name;
  const bool stdio = map.has("command");
  if (stdio == map.has("url")) {
    map.complain("url", "give either `url` (Streamable HTTP) or `command` (stdio)");
  }
  // MCP clients write the transport into their files; it must agree with what is there.
  for (const char* key : {"type", "transport"}) {
    if (auto type = map.text(key); type && (*type == "stdio") != stdio) {
      map.complain(key, "does not fit: `command` is stdio, `url` is http");
    }
  }
  if (stdio) {
    read_stdio(map, server);
  } else {
    read_http(map, server);
  }
  server.prefix = map.text("prefix");
  server.sharing = read_sharing(map);
  server.definitions = read_definitions(map);
  read_tool_overrides(map, server);
  if (auto timeout = map.seconds("timeout")) {
    server.timeout = std::chrono::seconds(*timeout);
    if (*timeout >= limits::reservation_seconds_max) {
      map.complain("timeout",
                   fmt::format("must stay below {}s, after which a reservation is charged",
                               limits::reservation_seconds_max));
    }
  }
  if (auto mode = read_mode(map, "mode")) draft.settings.mcp_modes.emplace_back(name, *mode);
  read_server_policy(map, name, draft);
  map.finish();
  draft.settings.mcp_servers.push_back(std::move(server));
}

std::optional<size_t> upstream_index(const flow::Settings& settings, std::string_view name) {
  for (size_t i = 0; i < settings.upstreams.size(); ++i) {
    if (settings.upstreams[i].name == name) return i;
  }
  return std::nullopt;
}

void read_match(YamlMap& map, flow::Route& route) {
  const std::optional<YAML::Node> match = map.node("match");
  if (!match) {
    map.complain("match", "is missing; write for example `match: /api/*`");
    return;
  }
  if (match->IsScalar()) {
    route.path = match->Scalar();
  } else {
    YamlMap inner = map.child("match", *match);
    route.path = inner.text("path").value_or("");
    if (auto prefix = inner.text("pathPrefix")) route.path = *prefix + "*";
    route.methods = inner.list("methods");
    inner.finish();
  }
  if (!route.path.starts_with('/') && !route.path.starts_with('*')) {
    map.complain("match", "the path must begin with '/'");
  }
}

void read_route(YamlMap map, size_t index, Draft& draft) {
  flow::Settings& settings = draft.settings;
  flow::Route route;
  route.name = map.text("name").value_or(fmt::format("route-{}", index + 1));
  read_match(map, route);
  const std::string upstream = map.text("upstream").value_or("");
  if (auto found = upstream_index(settings, upstream)) {
    route.upstream = *found;
    const flow::Upstream& target = settings.upstreams[*found];
    route.mode = read_mode(map, "mode").value_or(target.mode.value_or(settings.mode));
    if (target.passthrough && route.mode != Mode::observe) {
      map.complain("mode", fmt::format("upstream '{}' passes the agent's own credential through, "
                                       "which works only in observe",
                                       upstream));
    }
  } else {
    map.complain("upstream", fmt::format("there is no upstream '{}' under `upstreams`", upstream));
  }
  const Currency& currency = draft.policy.currency;
  const std::optional<Money> price = map.amount("price", currency);
  tariff::TermsPolicy terms = read_terms(map, "price", currency);
  if (price || terms.volume) {
    draft.policy.routes[route.name] = {price.value_or(Money()), std::move(terms)};
  }
  if (auto shares = read_shares(map)) draft.policy.route_shares[route.name] = *std::move(shares);
  route.strip_prefix = map.text("stripPrefix").value_or("");
  route.pay = read_pay(map, draft.policy.currency);
  map.finish();
  settings.routes.push_back(std::move(route));
}

}  // namespace

void read_upstreams(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("upstreams");
  if (!map) return;
  for (const auto& [name, node] : map->entries())
    read_upstream(map->child(name, node), name, draft);
}

void read_mcp_servers(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("mcpServers");
  if (!map) return;
  for (const auto& [name, node] : map->entries()) {
    read_mcp_server(map->child(name, node), name, draft);
  }
}

void read_routes(YamlMap& root, Draft& draft) {
  size_t index = 0;
  for (YamlMap& map : root.maps("routes"))
    read_route(std::move(map), index++, draft);
}

}  // namespace satgate::app
