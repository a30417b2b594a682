#include "flow/data_plane.h"

#include <string>

#include "base/json_out.h"
#include "flow/exchange.h"
#include "flow/http_call.h"
#include "flow/llm_call.h"
#include "flow/models_call.h"
#include "flow/price_json.h"
#include "flow/respond.h"
#include "flow/router.h"
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
  if (request.path.starts_with("/.well-known/")) co_return co_await handle_prices(http, *settings);
  Call call = begin_call(worker_, request);
  if (request.path == "/mcp") {
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
    // Before the body is read: strangers must not fill memory.
    if (const std::optional<Denial> denial = judge_credential(worker_, conversation)) {
      co_return co_await respond_denial(http, call, *denial, settings);
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
  HttpCall conversation(worker_, settings, http, route, call);
  co_await exchange(worker_, conversation);
}

net::Task<> DataPlane::handle_health(net::ServerExchange& http, bool readiness) {
  const bool up = !readiness || (worker_.gateway.bank.healthy() && worker_.gateway.serving);
  std::string body;
  JsonOut out(body);
  out.object().key("status").string(up ? "ok" : "unavailable").end();
  co_await respond_json(http, up ? 200 : 503, body);
}

// Prices by machine: /.well-known/satgate, and l402.json for those who look there.
net::Task<> DataPlane::handle_prices(net::ServerExchange& http, const Settings& settings) {
  const std::string_view path = http.request().path;
  if (path != "/.well-known/satgate" && path != "/.well-known/l402.json") {
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
