#include "flow/authorization.h"

#include <fmt/format.h>

#include "base/json_out.h"

namespace satgate::flow {
namespace {

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

// Where the client has found us: "https://gateway.example/base".
std::string base_url(const Settings& settings, const wire::RequestHead& request, bool tls) {
  if (!settings.public_url.empty()) return settings.public_url;
  const std::string_view host = request.host.empty() ? settings.server.address : request.host;
  return fmt::format("{}://{}", tls ? "https" : "http", host);
}

// The part of `path` behind the well-known name: that of the resource.
std::optional<std::string_view> resource_path(std::string_view path) {
  if (!path.starts_with(kWellKnown)) return std::nullopt;
  path.remove_prefix(kWellKnown.size());
  if (path.empty() || path == "/mcp" || path == "/sse") return path;
  return std::nullopt;
}

void append_list(JsonOut& out, JsonOut::Key name, const std::vector<std::string>& items) {
  if (items.empty()) return;
  out.key(name).array();
  for (const std::string& item : items)
    out.string(item);
  out.end_array();
}

// The well-known name stands between the origin of the resource and its path.
std::string metadata_url(const Settings& settings, const wire::RequestHead& request, bool tls) {
  const std::string base = base_url(settings, request, tls);
  const size_t path = base.find('/', base.find("://") + 3);
  const std::string_view origin = std::string_view(base).substr(0, path);
  const std::string_view below = path == base.npos ? "" : std::string_view(base).substr(path);
  const bool is_old = request.path == "/sse" || request.path == "/message";
  return fmt::format("{}{}{}{}", origin, kWellKnown, below, is_old ? "/sse" : "/mcp");
}

bool is_about_scope(Refusal refusal) {
  return refusal == Refusal::endpoint_denied || refusal == Refusal::tool_denied;
}

}  // namespace

std::optional<std::string> resource_metadata(const Settings& settings,
                                             const wire::RequestHead& request, bool tls) {
  const auto path = resource_path(request.path);
  if (!path || settings.mcp_servers.empty()) return std::nullopt;
  const AuthorizationSettings& authorization = settings.mcp_authorization;
  std::string body;
  JsonOut out(body);
  out.object().key("resource").string(base_url(settings, request, tls) + std::string(*path));
  append_list(out, "authorization_servers", authorization.servers);
  append_list(out, "scopes_supported", authorization.scopes);
  out.key("bearer_methods_supported").array().string("header").end_array();
  out.key("resource_name").string("SatGate");
  if (!authorization.documentation.empty()) {
    out.key("resource_documentation").string(authorization.documentation);
  }
  out.end();
  return body;
}

std::string challenge(const Settings& settings, const wire::RequestHead& request, bool tls,
                      Refusal refusal) {
  const AuthorizationSettings& authorization = settings.mcp_authorization;
  const bool is_mcp =
      request.path == "/mcp" || request.path == "/sse" || request.path == "/message";
  const bool has_server = is_mcp && !authorization.servers.empty();
  const bool wants_more = has_server && is_about_scope(refusal);
  if (http_status(refusal) != 401 && !wants_more) return {};
  std::string text = "Bearer realm=\"SatGate\"";
  if (wants_more) text += ", error=\"insufficient_scope\"";
  // Who has shown nothing is told nothing about it.
  if (!wants_more && refusal != Refusal::token_missing) text += ", error=\"invalid_token\"";
  if (!has_server) return text;
  if (!authorization.scopes.empty()) {
    text += fmt::format(", scope=\"{}\"", fmt::join(authorization.scopes, " "));
  }
  return text + fmt::format(", resource_metadata=\"{}\"", metadata_url(settings, request, tls));
}

}  // namespace satgate::flow
