#include "console/admin_plane.h"

#include <fmt/format.h>

#include <vector>

#include "base/crypto.h"
#include "base/text.h"
#include "console/openapi.h"
#include "console/pages.h"
#include "flow/metrics.h"
#include "wire/url.h"

namespace satgate::console {

// One request to /api/v1, taken apart.
struct AdminPlane::Request {
  std::string method;
  std::vector<std::string> parts;  // of the path below /api/v1, decoded
  Query query;
  Json body;

  bool is(std::string_view m, size_t count) const { return method == m && parts.size() == count; }
};

namespace {

constexpr std::string_view kApi = "/api/v1/";
constexpr size_t kBodyBytesMax = 1024 * 1024;

std::unexpected<ApiError> no_such_resource() {
  return std::unexpected(ApiError{404, "not_found",
                                  "There is no such resource; see "
                                  "/api/v1/openapi.json."});
}

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const auto byte = from_hex(text.substr(i + 1, 2));
    if (i + 2 >= text.size() || !byte) return std::nullopt;
    out += *byte;
    i += 2;
  }
  return out;
}

net::Task<> send_json(net::ServerExchange& http, int status, const Json& body) {
  const std::string text = body.dump(-1, ' ', false, Json::error_handler_t::replace);
  http.response(status)
      .field("content-type", "application/json")
      .field("cache-control", "no-store");
  (void)co_await http.send(text);
}

net::Task<> send_error(net::ServerExchange& http, const ApiError& error) {
  const Json body = {{"error", error.code}, {"message", error.message}};
  co_await send_json(http, error.status, body);
}

net::Task<> send_text(net::ServerExchange& http, std::string_view type, std::string_view body) {
  http.response(200)
      .field("content-type", type)
      .field("content-security-policy", "default-src 'none'")
      .field("x-content-type-options", "nosniff");
  (void)co_await http.send(body);
}

net::Task<> send_page(net::ServerExchange& http, const Page& page) {
  http.response(200)
      .field("content-type", page.type)
      .field("cache-control", "no-cache")
      .field("content-security-policy", kPagePolicy)
      .field("cross-origin-opener-policy", "same-origin")
      .field("cross-origin-resource-policy", "same-origin")
      .field("referrer-policy", "no-referrer")
      .field("x-content-type-options", "nosniff")
      .field("x-frame-options", "DENY");
  (void)co_await http.send(page.body);
}

}  // namespace

AdminPlane::AdminPlane(flow::Gateway& gateway, std::string admin_token, SaveKeyring save_keyring)
    : gateway_(gateway),
      admin_token_(std::move(admin_token)),
      tokens_(gateway, std::move(save_keyring)),
      budgets_(gateway),
      record_(gateway, gateway.clock.now()),
      approvals_(gateway),
      definitions_(gateway),
      lightning_(gateway),
      webhook_(gateway) {}

bool AdminPlane::is_authorized(const wire::RequestHead& request) const {
  const auto value = request.fields.find_single("authorization");
  constexpr std::string_view scheme = "Bearer ";
  if (!value || !value->starts_with(scheme)) return false;
  return equal_constant_time(value->substr(scheme.size()), admin_token_);
}

net::Task<> AdminPlane::handle(net::ServerExchange& http) {
  const std::string_view path = http.request().path;
  if (path == "/healthz") {
    const Json body = {{"status", "ok"}};
    co_return co_await send_json(http, 200, body);
  }
  if (path == "/readyz") {
    const bool ready = gateway_.bank.healthy() && gateway_.serving;
    const Json body = {{"status", ready ? "ok" : "unavailable"},
                       {"failure", gateway_.bank.failure()}};
    co_return co_await send_json(http, ready ? 200 : 503, body);
  }
  const std::string_view host = http.request().host;
  if (!gateway_.settings()->admin.hosts.answers_to(host)) {
    const ApiError error = {403, "host_denied",
                            fmt::format("The admin listener does not answer to the host '{}'. If "
                                        "it is yours, add it to `admin.hosts` in the config.",
                                        host)};
    co_return co_await send_error(http, error);
  }
  if (path == "/metrics") {
    const std::string text = flow::print_prometheus(gateway_.metrics);
    co_return co_await send_text(http, "text/plain; version=0.0.4", text);
  }
  if (const auto page = find_page(path)) co_return co_await send_page(http, *page);
  if (path == "/api/v1/openapi.json") {
    co_return co_await send_text(http, "application/json", kOpenApi);
  }
  if (!path.starts_with(kApi)) {
    const ApiError error = no_such_resource().error();
    co_return co_await send_error(http, error);
  }
  if (!is_authorized(http.request())) {
    const ApiError error{401, "token_missing",
                         "Send 'Authorization: Bearer' with the content of admin.token in the data "
                         "directory."};
    co_return co_await send_error(http, error);
  }
  co_await handle_api(http);
}

net::Task<> AdminPlane::handle_api(net::ServerExchange& http) {
  const wire::RequestHead& head = http.request();
  Request request;
  request.method = head.method;
  for (const std::string_view part : split(head.path.substr(kApi.size()), '/')) {
    auto decoded = percent_decode(part);
    if (!decoded)
      co_return co_await send_error(http, {400, "bad_request", "Bad percent-encoding."});
    request.parts.push_back(std::move(*decoded));
  }
  wire::QueryPairs pairs(head.query);
  std::string_view name, value;
  while (pairs.next(name, value))
    request.query[std::string(name)] = value;
  const auto body = co_await http.read_body_all(kBodyBytesMax);
  if (!body) {
    const ApiError error{body.error().http_status, "bad_request", body.error().message};
    co_return co_await send_error(http, error);
  }
  request.body = Json::object();
  if (!body->empty()) {
    request.body = Json::parse(*body, nullptr, false);
    if (request.body.is_discarded()) {
      const ApiError error{400, "bad_request", "The body is not JSON."};
      co_return co_await send_error(http, error);
    }
  }
  const Reply reply = co_await answer(request);
  if (!reply) co_return co_await send_error(http, reply.error());
  co_await send_json(http, 200, *reply);
}

// What the node is asked about takes time, and the loop has others to serve.
net::Task<Reply> AdminPlane::answer(const Request& r) {
  const bool asks_node = r.is("POST", 2) && r.parts[0] == "lightning";
  if (asks_node && r.parts[1] == "refunds") co_return co_await lightning_.refund(r.body);
  if (asks_node && r.parts[1] == "reconcile") co_return co_await lightning_.reconcile(r.body);
  co_return dispatch(r);
}

Reply AdminPlane::dispatch(const Request& r) {
  const std::string& resource = r.parts.front();
  if (resource == "tokens") return dispatch_tokens(r);
  if (resource == "budgets") return dispatch_budgets(r);
  if (resource == "approvals") return dispatch_approvals(r);
  if (resource == "definitions") return dispatch_definitions(r);
  if (resource == "lightning") return dispatch_lightning(r);
  if (resource == "keys") return dispatch_keys(r);
  if (resource == "mint" && r.is("POST", 1)) return tokens_.mint_child(r.body);
  if (resource == "status" && r.is("GET", 1)) return record_.status();
  if (resource == "prices" && r.is("GET", 1)) return record_.prices();
  if (resource == "audit" && r.is("GET", 2)) {
    if (r.parts[1] == "events") return record_.events(r.query);
    if (r.parts[1] == "checkpoints") return record_.checkpoints();
  }
  if (resource == "reports" && r.is("GET", 2)) {
    if (r.parts[1] == "spend") return record_.spend(r.query);
    if (r.parts[1] == "revenue") return record_.revenue(r.query);
  }
  return no_such_resource();
}

Reply AdminPlane::dispatch_tokens(const Request& r) {
  if (r.is("GET", 1)) return tokens_.list();
  if (r.is("POST", 1)) return tokens_.create(r.body);
  if (r.is("POST", 2) && r.parts[1] == "revoke") {
    Fields fields(r.body, gateway_.settings()->currency);
    const std::optional<std::string> which = fields.text("token");
    TRY(fields.finish());
    if (!which) return bad_request("'token' is missing: a name, an id or a token's text");
    return tokens_.revoke(*which);
  }
  if (r.is("GET", 2)) return tokens_.show(r.parts[1]);
  if (r.is("PATCH", 2)) return tokens_.update(r.parts[1], r.body);
  if (r.is("DELETE", 2)) return tokens_.revoke(r.parts[1]);
  if (r.is("POST", 3) && r.parts[2] == "unblock") return tokens_.unblock(r.parts[1]);
  return no_such_resource();
}

Reply AdminPlane::dispatch_budgets(const Request& r) {
  if (r.is("GET", 1)) return budgets_.list();
  if (r.is("POST", 1)) return budgets_.create(r.body);
  if (r.is("GET", 2)) return budgets_.show(r.parts[1]);
  if (r.is("PATCH", 2)) return budgets_.update(r.parts[1], r.body);
  return no_such_resource();
}

Reply AdminPlane::dispatch_approvals(const Request& r) {
  if (r.is("GET", 1)) return approvals_.list();
  if (r.is("GET", 2)) return approvals_.show(r.parts[1]);
  const bool decides = r.is("POST", 3) && (r.parts[2] == "approve" || r.parts[2] == "deny");
  if (decides) return approvals_.decide(r.parts[1], r.parts[2], r.body);
  return no_such_resource();
}

Reply AdminPlane::dispatch_definitions(const Request& r) {
  if (r.is("GET", 1)) return definitions_.list();
  if (r.is("GET", 2)) return definitions_.show(r.parts[1]);
  if (r.is("POST", 3) && r.parts[2] == "accept") return definitions_.accept(r.parts[1], r.body);
  return no_such_resource();
}

Reply AdminPlane::dispatch_lightning(const Request& r) {
  if (r.is("GET", 1)) return lightning_.status();
  if (r.is("GET", 2) && r.parts[1] == "invoices") return lightning_.invoices(r.query);
  if (r.is("GET", 2) && r.parts[1] == "purchases") return lightning_.purchases(r.query);
  if (r.is("POST", 2) && r.parts[1] == "settle") return lightning_.settle(r.body);
  return no_such_resource();
}

Reply AdminPlane::dispatch_keys(const Request& r) {
  if (r.is("GET", 1)) return tokens_.keys();
  if (r.is("POST", 2) && r.parts[1] == "rotate") return tokens_.rotate_key();
  if (r.is("DELETE", 2)) return tokens_.retire_key(r.parts[1]);
  return no_such_resource();
}

}  // namespace satgate::console
