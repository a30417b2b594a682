#include "flow/data_plane.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/json_out.h"
#include "dialect/stored_id.h"
#include "flow/authorization.h"
#include "flow/batch_call.h"
#include "flow/caller.h"
#include "flow/credential.h"
#include "flow/exchange.h"
#include "flow/http_call.h"
#include "flow/llm_call.h"
#include "flow/models_call.h"
#include "flow/price_json.h"
#include "flow/respond.h"
#include "flow/router.h"
#include "flow/signals.h"
#include "wire/url.h"

namespace satgate::flow {
namespace {

Call begin_call(Worker& worker, const wire::RequestHead& request) {
  Call call;
  call.at = worker.gateway.clock.now();
  call.id = ordered_id<RequestId>(call.at);
  call.method = request.method;
  call.query = request.query;
  return call;
}

// The route to the upstream that made the answer; none when nobody knows it.
const Route* route_to_maker(Worker& worker, const Settings& settings, const wire::Fields& fields,
                            Protocol protocol, const Call& call) {
  const Caller caller = caller_of(worker, settings, find_credential(fields));
  if (!caller.token) return nullptr;
  const auto upstream =
      worker.gateway.stored.find(call.stored_id, caller.token->chain().points.back());
  const auto leads_there = [&](const Route& route) {
    return route.serves_stored && route.protocol == protocol &&
           settings.upstreams[route.upstream].name == upstream;
  };
  const auto found = std::ranges::find_if(settings.routes, leads_there);
  return found == settings.routes.end() ? nullptr : &*found;
}

bool may_ask_the_price(const net::ServerExchange& http, const Route& route) {
  const wire::BodyFraming& framing = http.request().framing;
  return route.mode == Mode::charge && framing.kind == wire::BodyFraming::Kind::length &&
         framing.bytes <= limits::unpaid_body_bytes_max;
}

net::Task<> refuse_host(net::ServerExchange& http) {
  const std::string message = fmt::format(
      "This gateway does not answer to the host '{}'. If it is a name of this gateway, add it to "
      "`server.hosts` in the config.",
      http.request().host);
  co_await respond_error(http, Protocol::http, random_id<RequestId>(), 403, "host_denied", message);
}

// The same for everybody, pages of other sites included; a price may change at any time.
net::Task<> respond_sale(net::ServerExchange& http, const SaleDocument& document) {
  const auto known = http.request().fields.find("if-none-match");
  const bool is_known = known && known->find(document.etag) != known->npos;
  wire::HeadWriter& head = http.response(is_known ? 304 : 200);
  head.field("cache-control", "public, max-age=60").field("etag", document.etag);
  head.field("access-control-allow-origin", "*");
  if (!is_known) head.field("content-type", "application/json");
  (void)co_await http.send(is_known ? std::string_view() : std::string_view(document.text));
}

std::string_view kind_word(Alternative::Kind kind) {
  switch (kind) {
    case Alternative::Kind::model:
      return "model";
    case Alternative::Kind::tool:
      return "tool";
    case Alternative::Kind::endpoint:
      return "endpoint";
  }
  return {};
}

}  // namespace

net::Task<> DataPlane::handle(net::ServerExchange& http) {
  ++worker_.gateway.metrics.requests;
  const std::shared_ptr<const Settings> settings = worker_.settings();
  const wire::RequestHead& request = http.request();
  if (request.path == "/healthz") co_return co_await handle_health(http, false);
  if (request.path == "/readyz") co_return co_await handle_health(http, true);
  if (!settings->server.hosts.answers_to(request.host)) co_return co_await refuse_host(http);
  if (request.path.starts_with(kOutcomesPath)) co_return co_await handle_outcome(worker_, http);
  if (request.path == kWebhookPath && settings->lightning && settings->lightning->hears_webhooks)
    co_return co_await handle_webhook(worker_, http, *settings->lightning);
  if (request.path.starts_with("/.well-known/"))
    co_return co_await handle_documents(http, *settings);
  Call call = begin_call(worker_, request);
  if (mcp::Endpoint::serves(request)) {
    Snapshot snapshot = worker_.gateway.snapshot();
    if (!snapshot.settings->mcp_servers.empty()) {
      co_return co_await mcp_.handle(http, call, std::move(snapshot));
    }
  }
  std::string scratch;
  const auto path = wire::normalise_path(request.path, scratch);
  if (!path) {
    co_return co_await respond_error(http, Protocol::http, call.id, 400, "bad_request",
                                     wire::sentence(path.error()));
  }
  call.endpoint = *path;
  const Route* route = find_route(*settings, request.method, *path);
  if (route == nullptr) {
    co_return co_await respond_error(http, Protocol::http, call.id, 404, "no_route",
                                     "No route of this gateway serves this method and path.");
  }
  co_await handle_route(http, *settings, *route, call);
}

net::Task<> DataPlane::handle_route(net::ServerExchange& http, const Settings& settings,
                                    const Route& route, Call& call) {
  call.mode = route.mode;
  call.protocol = route.protocol;
  call.route = route.name;
  call.upstream = settings.upstreams[route.upstream].name;
  if (route.api) {
    LlmCall conversation(worker_, settings, http, route, call);
    // Before the body is read: strangers must not fill memory. Who may buy asks with it what it
    // costs, so a small one is read.
    if (!may_ask_the_price(http, route)) {
      if (const std::optional<Denial> denial = judge_credential(worker_, conversation)) {
        co_return co_await respond_denial(http, call, *denial, settings);
      }
    }
    const bool readable = co_await conversation.prepare();
    if (readable) co_await exchange(worker_, conversation);
    co_return;
  }
  if (route.lists_models) {
    call.lists_models = true;
    ModelsCall conversation(worker_, settings, http, route, call);
    co_return co_await exchange(worker_, conversation);
  }
  if (route.serves_stored) co_return co_await handle_stored(http, settings, route, call);
  call.unbounded = route.unbounded;
  HttpCall conversation(worker_, settings, http, route, call);
  co_await exchange(worker_, conversation);
}

// By the route to where the answer lies: a fallback may have made it elsewhere.
net::Task<> DataPlane::handle_stored(net::ServerExchange& http, const Settings& settings,
                                     const Route& route, Call& call) {
  call.asks_stored = true;
  call.stored_id = dialect::stored_id(call.protocol, call.method, call.endpoint);
  const Route* maker =
      route_to_maker(worker_, settings, http.request().fields, route.protocol, call);
  const Route& there = maker == nullptr ? route : *maker;
  call.mode = there.mode;
  call.route = there.name;
  call.upstream = settings.upstreams[there.upstream].name;
  // Of a batch all is small but its results.
  const bool has_links = call.protocol == Protocol::anthropic && call.method != "DELETE" &&
                         !call.endpoint.ends_with("/results");
  if (has_links) {
    BatchCall conversation(worker_, settings, http, there, call);
    co_return co_await exchange(worker_, conversation);
  }
  HttpCall conversation(worker_, settings, http, there, call);
  co_await exchange(worker_, conversation);
}

net::Task<> DataPlane::handle_health(net::ServerExchange& http, bool readiness) {
  const bool up = !readiness || (worker_.gateway.bank.healthy() && worker_.gateway.serving);
  std::string body;
  JsonOut out(body);
  out.object().key("status").string(up ? "ok" : "unavailable").end();
  co_await respond_json(http, up ? 200 : 503, body);
}

// Prices by machine: /.well-known/satgate, and what is for sale. For OAuth clients, what this
// resource is.
net::Task<> DataPlane::handle_documents(net::ServerExchange& http, const Settings& settings) {
  const std::string_view path = http.request().path;
  if (const auto document = resource_metadata(settings, http.request(), http.is_tls())) {
    co_return co_await respond_json(http, 200, *document);
  }
  if (const auto document = sale_.find(path)) co_return co_await respond_sale(http, *document);
  if (path != "/.well-known/satgate") {
    co_return co_await respond_error(http, Protocol::http, random_id<RequestId>(), 404, "no_route",
                                     "There is no such document.");
  }
  std::string body;
  JsonOut out(body);
  out.object().key("gateway").string("satgate").key("version").string(SATGATE_VERSION);
  out.key("mode").string(to_string(settings.mode)).key("unit").string("credits");
  out.key("credit").string(format_usd(Money::credits(1), settings.currency));
  out.key("prices").array();
  for (const tariff::Offer& offer : settings.tariff->listing()) {
    out.object().member(kind_word(offer.kind)).string(offer.name);
    append_price(out, offer);
    out.end();
  }
  out.end_array().end();
  co_await respond_json(http, 200, body);
}

}  // namespace satgate::flow
