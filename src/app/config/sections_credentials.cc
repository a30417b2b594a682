// What goes to an MCP server as the gateway's own credential, as that of its callers, or as that of
// a token.
#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {
namespace {

void read_token_url(YamlMap& map, flow::mcp::OAuthClient& client) {
  client.token_url = map.text("tokenUrl").value_or("");
  const Result<wire::Url> url = wire::parse_url(client.token_url);
  if (client.token_url.empty()) {
    map.complain("tokenUrl", "is missing; where shall access tokens be asked for?");
  } else if (!url) {
    map.complain("tokenUrl", url.error().message);
  } else if (!url->tls && !flow::is_loopback_host(url->host)) {
    map.warn("tokenUrl", "is not https://: the client secret travels in clear");
  }
}

bool is_authorization(const std::pair<std::string, std::string>& field) {
  return equals_ignore_case(field.first, "authorization");
}

// A field that means something else to us, or to the server, is no place for it.
void read_credential_from(YamlMap& map, flow::mcp::HttpUpstream& http) {
  std::optional<YamlMap> from = map.map("credentialFrom");
  if (!from) return;
  const std::string name = lowercase(from->text("header").value_or(""));
  const bool is_name = std::ranges::all_of(
      name, [](char c) { return c == '-' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  const bool is_ours = name.starts_with("x-satgate-") || name == "x-api-key" ||
                       name == "x-request-id" || name.starts_with("x-forwarded-");
  if (!is_name || is_ours || !name.starts_with("x-") || name.size() < 3) {
    from->complain("header",
                   "must be a header of its own that begins with X-, like "
                   "X-Upstream-Authorization");
  }
  if (std::ranges::any_of(http.headers, is_authorization)) {
    from->complain("header",
                   "its value is sent as Authorization, which `headers` has already; use "
                   "`credential` for the gateway's own");
  }
  http.credential_from = name;
  from->finish();
}

// The name of a token is no secret, and the value of its entry is nothing else.
void read_credentials_of_tokens(YamlMap& map, flow::mcp::HttpUpstream& http) {
  std::optional<YamlMap> table = map.map("credentials");
  if (!table) return;
  if (map.has("credentialFrom")) {
    map.complain("credentials",
                 "stands beside `credentialFrom`: a call goes with what its caller brings, or with "
                 "what this file has for its token; keep one of them");
  }
  for (const auto& [token, node] : table->entries()) {
    const std::optional<std::string> secret = table->secret(token);
    if (!secret) continue;
    if (secret->empty()) table->complain(token, "is empty; leave it out, or write ${NAME}");
    flow::mcp::HeaderField field = credential_header(*secret);
    const bool is_taken = std::ranges::any_of(http.headers, [&](const auto& header) {
      return equals_ignore_case(header.first, field.first);
    });
    if (is_taken) {
      table->complain(token,
                      fmt::format("is sent as {}, which `headers` has already", field.first));
    }
    if (map.sources().has_token && !map.sources().has_token(token)) {
      table->warn(token, "there is no token of this name in the data directory (yet)");
    }
    http.credentials.emplace(token, std::move(field));
  }
  if (table->entries().empty()) map.complain("credentials", "names no token");
}

// The resource is the server itself, as MCP has it, unless the config says otherwise (RFC 8707).
void read_oauth(YamlMap& map, flow::mcp::HttpUpstream& http) {
  std::optional<YamlMap> oauth = map.map("oauth");
  if (!oauth) return;
  flow::mcp::OAuthClient client;
  read_token_url(*oauth, client);
  client.client_id = oauth->text("clientId").value_or("");
  client.client_secret = oauth->secret("clientSecret").value_or("");
  if (!oauth->has("clientId")) oauth->complain("clientId", "is missing");
  if (!oauth->has("clientSecret")) {
    oauth->complain("clientSecret", "is missing; write ${NAME} or file:PATH");
  }
  client.scope = fmt::format("{}", fmt::join(oauth->list("scope"), " "));
  client.resource = oauth->text("resource").value_or(http.url);
  client.audience = oauth->text("audience").value_or("");
  client.secret_in_body = oauth
                              ->choice<bool>("authMethod", {{"client_secret_basic", false},
                                                            {"client_secret_post", true}})
                              .value_or(false);
  client.ca_file = oauth->text("caFile").value_or(http.ca_file);
  oauth->finish();
  const bool has_other =
      is_authorization(http.credential) || std::ranges::any_of(http.headers, is_authorization);
  if (has_other) {
    map.complain("oauth",
                 "stands beside a `credential` or a header that is sent in Authorization, "
                 "too; keep one of them");
  }
  http.oauth = std::move(client);
}

}  // namespace

void read_credentials(YamlMap& server, flow::mcp::HttpUpstream& http) {
  if (auto credential = server.secret("credential")) {
    http.credential = credential_header(*credential);
  }
  read_oauth(server, http);
  read_credential_from(server, http);
  read_credentials_of_tokens(server, http);
}

}  // namespace satgate::app
