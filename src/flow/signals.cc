#include "flow/signals.h"

#include <optional>
#include <string>

#include "dialect/mcp/raw_json.h"
#include "flow/outcomes.h"
#include "flow/respond.h"
#include "payment/webhook.h"

namespace satgate::flow {
namespace {

constexpr size_t kSignalBytesMax = 64 * 1024;

std::optional<bool> read_success(dialect::mcp::RawJson& json, std::string_view body) {
  if (!json.check(body)) return std::nullopt;
  const auto members = json.members(body);
  if (!members) return std::nullopt;
  std::optional<bool> success;
  for (const dialect::mcp::RawMember& member : *members) {
    if (member.key != "success" || success) return std::nullopt;
    if (member.value != "true" && member.value != "false") return std::nullopt;
    success = member.value == "true";
  }
  return success;
}

}  // namespace

// What came of a call, told by who knows the secret of its price.
net::Task<> handle_outcome(Worker& worker, net::ServerExchange& http) {
  const RequestId id = random_id<RequestId>();
  const wire::RequestHead& request = http.request();
  if (request.method != "POST") {
    co_return co_await respond_error(http, Protocol::http, id, 405, "method_not_allowed",
                                     "An outcome is told by POST.");
  }
  const auto body = co_await http.read_body_all(kSignalBytesMax);
  if (!body) co_return;
  const auto success = read_success(worker.json, *body);
  if (!success) {
    co_return co_await respond_error(http, Protocol::http, id, 400, "bad_request",
                                     "The body must be {\"success\": true} or false.");
  }
  const std::string_view call = request.path.substr(kOutcomesPath.size());
  const auto signature = request.fields.find_single("x-satgate-signature").value_or("");
  switch (worker.gateway.outcomes.decide(call, *body, *success, signature)) {
    case Outcomes::Decided::done:
      co_return co_await respond_json(http, 200,
                                      *success ? R"({"charged":true})" : R"({"charged":false})");
    case Outcomes::Decided::unsigned_:
      co_return co_await respond_error(
          http, Protocol::http, id, 403, "outcome_denied",
          "X-SatGate-Signature must be sha256= and the HMAC-SHA256 of the request id, a dot and "
          "the body, by the secret of the price.");
    case Outcomes::Decided::unknown:
      co_return co_await respond_error(http, Protocol::http, id, 404, "outcome_unknown",
                                       "No call with this id waits for its outcome.");
    case Outcomes::Decided::unavailable:
      co_return co_await respond_error(http, Protocol::http, id, 503, "ledger_unavailable",
                                       "The outcome could not be written.");
  }
}

// The node tells of a payment. Whoever it is, all that follows is a question to the node.
net::Task<> handle_webhook(Worker& worker, net::ServerExchange& http,
                           const LightningSettings& lightning) {
  const RequestId id = random_id<RequestId>();
  if (http.request().method != "POST") {
    co_return co_await respond_error(http, Protocol::http, id, 405, "method_not_allowed",
                                     "Payments are told here by POST.");
  }
  const std::string signature(
      http.request().fields.find_single("x-phoenix-signature").value_or(""));
  const auto body = co_await http.read_body_all(kSignalBytesMax);
  if (!body) co_return;
  const bool is_signed = lightning.provider == "phoenixd";
  const auto told = is_signed
                        ? payment::read_phoenixd_webhook(*body, signature, lightning.webhook_secret)
                        : payment::read_lnbits_webhook(*body);
  if (!told && told.error() == payment::WebhookError::forged) {
    co_return co_await respond_error(http, Protocol::http, id, 401, "bad_signature",
                                     "X-Phoenix-Signature is not that of this body.");
  }
  if (!told) {
    co_return co_await respond_error(http, Protocol::http, id, 400, "bad_request",
                                     "This tells of no payment.");
  }
  worker.gateway.paywall->hear(*told);
  co_await respond_json(http, 200, "{}");
}

}  // namespace satgate::flow
