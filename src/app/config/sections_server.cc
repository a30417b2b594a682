#include <fmt/format.h>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {
namespace {

void read_tls(YamlMap& server, flow::Listener& listener) {
  std::optional<YamlMap> tls = server.map("tls");
  if (!tls) return;
  listener.tls_certificate = tls->text("certificate").value_or("");
  listener.tls_key = tls->text("key").value_or("");
  if (listener.tls_certificate.empty() != listener.tls_key.empty()) {
    tls->complain("key", "TLS needs both `certificate` and `key` (PEM files)");
  }
  tls->finish();
}

void read_hosts(YamlMap& map, flow::HostRules& hosts) {
  for (const std::string& entry : map.list("hosts")) {
    if (flow::HostRules::is_entry(entry)) {
      hosts.list(entry);
    } else {
      map.complain("hosts",
                   fmt::format("'{}' must be a name or an address, without scheme and port; `*` "
                               "stands for any run of characters",
                               entry));
    }
  }
}

void read_public_url(YamlMap& server, flow::Settings& settings) {
  const std::optional<std::string> text = server.text("publicUrl");
  if (!text) return;
  const Result<wire::Url> url = wire::parse_url(*text);
  if (!url) return server.complain("publicUrl", url.error().message);
  settings.public_url =
      fmt::format("{}://{}{}", url->tls ? "https" : "http", url->authority(), url->base_path);
  settings.server.hosts.add_public(url->host);
}

void read_listeners(YamlMap& root, flow::Settings& settings) {
  if (std::optional<YamlMap> server = root.map("server")) {
    if (auto address = server->text("listen")) settings.server.listen_on(*address);
    read_hosts(*server, settings.server.hosts);
    read_public_url(*server, settings);
    read_tls(*server, settings.server);
    settings.anonymous = server->token_name("anonymous").value_or("");
    read_api_keys(*server, settings);
    settings.audiences = server->list("audience");
    if (auto threads = server->whole("threads", 1, 256)) {
      settings.threads = static_cast<size_t>(*threads);
    }
    server->finish();
  }
  if (std::optional<YamlMap> admin = root.map("admin")) {
    if (auto address = admin->text("listen")) settings.admin.listen_on(*address);
    read_hosts(*admin, settings.admin.hosts);
    admin->finish();
  }
}

void read_store(YamlMap& root) {
  const std::optional<YAML::Node> node = root.node("store");
  if (!node) return;
  std::string kind = node->IsScalar() ? node->Scalar() : "";
  if (node->IsMap()) {
    YamlMap map = root.child("store", *node);
    kind = map.text("kind").value_or("sqlite");
    map.finish();
  }
  if (kind == "postgres") {
    root.complain("store", "this version keeps its books in SQLite; write `store: sqlite`");
  } else if (kind != "sqlite") {
    root.complain("store", "must be `sqlite`");
  }
}

void read_limits(YamlMap& root, Draft& draft) {
  flow::Settings& settings = draft.settings;
  std::optional<YamlMap> map = root.map("limits");
  if (!map) return;
  constexpr int64_t body_max = int64_t{1} << 30;
  if (auto bytes = map->whole("bodyBytes", 1024, body_max)) {
    settings.body_bytes_max = static_cast<size_t>(*bytes);
  }
  constexpr int64_t tokens_max = 100'000'000;
  if (auto tokens = map->whole("outputTokensMin", 1, tokens_max)) {
    settings.output_tokens_min = static_cast<uint64_t>(*tokens);
  }
  if (auto tokens = map->whole("outputTokensDefault", 1, tokens_max)) {
    draft.policy.output_tokens_default = static_cast<uint64_t>(*tokens);
  }
  if (auto count = map->whole("delegationsPerToken", 0, 100'000'000)) {
    settings.delegations_max = static_cast<size_t>(*count);
  }
  if (auto s = map->seconds("upstreamTimeout")) {
    settings.upstream_seconds_max = *s;
    if (*s >= limits::reservation_seconds_max) {
      map->complain("upstreamTimeout",
                    fmt::format("must stay below {}s, after which a reservation is charged",
                                limits::reservation_seconds_max));
    }
  }
  if (auto s = map->seconds("connectTimeout")) settings.connect_seconds_max = *s;
  if (auto s = map->seconds("drainTimeout")) settings.drain_seconds_max = *s;
  map->finish();
}

bool is_web_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

// A token that travels in clear is somebody else's soon: issuers are https, but for those here.
bool is_issuer(std::string_view text) {
  const Result<wire::Url> url = wire::parse_url(text);
  return url && (url->tls || flow::is_loopback_host(url->host));
}

void read_authorization(YamlMap& mcp, flow::AuthorizationSettings& authorization) {
  std::optional<YamlMap> map = mcp.map("authorization");
  if (!map) return;
  authorization.servers = map->list("servers");
  for (const std::string& issuer : authorization.servers) {
    if (is_issuer(issuer)) continue;
    map->complain("servers", fmt::format("'{}' must be the issuer URL of an authorization server: "
                                         "https://, without query and fragment",
                                         issuer));
  }
  authorization.scopes = map->list("scopes");
  for (const std::string& scope : authorization.scopes) {
    if (!scope.empty() && plain_length(scope) == scope.size() && scope.find(' ') == scope.npos) {
      continue;
    }
    map->complain("scopes", fmt::format("'{}' must be one scope: printable characters without "
                                        "blanks, quotes and backslashes",
                                        scope));
  }
  authorization.documentation = map->text("documentation").value_or("");
  if (!authorization.documentation.empty() && !is_web_url(authorization.documentation)) {
    map->complain("documentation", "must be a URL of a page for people");
  }
  map->finish();
}

void read_mcp(YamlMap& root, flow::Settings& settings) {
  std::optional<YamlMap> map = root.map("mcp");
  if (!map) return;
  if (auto text = map->text("prefix")) {
    if (auto mode = dialect::mcp::parse_prefix_mode(*text)) {
      settings.mcp_prefix = *mode;
    } else {
      map->complain("prefix", "must be never, collision or always");
    }
  }
  if (auto most =
          map->whole("toolNameMax", dialect::mcp::kListedNameMin, dialect::mcp::kListedNameMax)) {
    settings.mcp_name_max = static_cast<size_t>(*most);
  }
  if (auto size = map->whole("pageSize", 1, limits::mcp_page_items_max)) {
    settings.mcp_page_size = static_cast<size_t>(*size);
  }
  if (auto text = map->text("denial")) {
    if (auto style = dialect::mcp::parse_denial_style(*text)) {
      settings.mcp_denial = *style;
    } else {
      map->complain("denial", "must be result, jsonrpc or http");
    }
  }
  read_authorization(*map, settings.mcp_authorization);
  for (const std::string& tool : map->list("agentTools")) {
    if (tool == "budget") {
      settings.mcp_budget_tool = true;
    } else if (tool == "delegate") {
      settings.mcp_delegate_tool = true;
    } else {
      map->complain("agentTools", "must be a list of: budget, delegate");
    }
  }
  map->finish();
}

void read_denials(YamlMap& root, flow::Settings& settings) {
  std::optional<YamlMap> map = root.map("denials");
  if (!map) return;
  if (auto status = map->whole("windowStatus", 402, 429)) {
    if (*status == 402 || *status == 429) {
      settings.window_status = static_cast<int>(*status);
    } else {
      map->complain("windowStatus", "must be 402 or 429");
    }
  }
  if (auto end = map->text("streamEnd")) {
    if (*end != "error" && *end != "length") {
      map->complain("streamEnd", fmt::format("'{}' must be error or length", *end));
    }
    settings.stream_end = *end == "length" ? flow::StreamEnd::length : flow::StreamEnd::error;
  }
  map->finish();
}

void read_audit(YamlMap& root, flow::Settings& settings) {
  std::optional<YamlMap> map = root.map("audit");
  if (!map) return;
  if (auto text = map->text("durability")) {
    if (*text != "normal" && *text != "strict") {
      map->complain("durability", "must be normal or strict");
    }
    settings.strict_durability = *text == "strict";
  }
  map->finish();
}

void read_timezone(YamlMap& root, flow::Settings& settings) {
  const std::optional<std::string> name = root.text("timezone");
  if (!name) return;
  if (const auto zone = TimeZone::named(*name)) {
    settings.timezone = *zone;
  } else {
    root.complain("timezone",
                  fmt::format("'{}' is no time zone that this machine knows; write a name of the "
                              "IANA data base, like Europe/Berlin (package tzdata)",
                              *name));
  }
}

void read_reload(YamlMap& root, flow::Settings& settings) {
  std::optional<YamlMap> map = root.map("reload");
  if (!map) return;
  settings.watch_files = map->boolean("watch").value_or(false);
  map->finish();
}

}  // namespace

std::optional<Mode> read_mode(YamlMap& map, std::string_view key) {
  const std::optional<std::string> text = map.text(key);
  if (!text) return std::nullopt;
  const std::optional<Mode> mode = parse_mode(*text);
  if (!mode) {
    map.complain(key, fmt::format("'{}' must be observe, control or charge", *text));
  }
  return mode;
}

std::pair<std::string, std::string> credential_header(std::string_view credential) {
  const size_t colon = credential.find(": ");
  if (colon != credential.npos && credential.find(' ') > colon) {
    return {lowercase(credential.substr(0, colon)),
            std::string(trim(credential.substr(colon + 2)))};
  }
  const bool has_scheme = credential.find(' ') != credential.npos;
  return {"authorization", fmt::format("{}{}", has_scheme ? "" : "Bearer ", credential)};
}

void read_server(YamlMap& root, Draft& draft) {
  flow::Settings& settings = draft.settings;
  read_listeners(root, settings);
  read_store(root);
  if (auto mode = read_mode(root, "mode")) settings.mode = *mode;
  read_timezone(root, settings);
  draft.policy.timezone = settings.timezone;
  settings.labels = root.strings("labels");
  read_audit(root, settings);
  read_limits(root, draft);
  read_denials(root, settings);
  read_mcp(root, settings);
  read_reload(root, settings);
  if (root.node("alerts")) root.warn("alerts", "is read, but not used by this version");
}

void read_currency(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("currency");
  if (!map) return;
  Currency& currency = draft.policy.currency;
  // usdPerCredit U: one dollar is 1/U credits, rounded up so that dollar prices never shrink.
  if (auto usd = map->amount("usdPerCredit", {})) {
    if (usd->nano() <= 0) {
      map->complain("usdPerCredit", "must be above zero");
    } else {
      const __int128 scaled = static_cast<__int128>(kNanoPerCredit) * kNanoPerCredit;
      currency.nano_per_usd = static_cast<int64_t>((scaled + usd->nano() - 1) / usd->nano());
    }
  }
  const auto rate = map->node("usdPerSat");
  if (rate && rate->IsMap()) {
    YamlMap source = map->child("usdPerSat", *rate);
    draft.settings.rate = read_rate_terms(source, currency);
  } else if (auto usd = map->amount("usdPerSat", {})) {
    currency.nano_per_sat = nano_per_sat(*usd, currency);
  }
  map->finish();
  draft.settings.currency = currency;
}

}  // namespace satgate::app
