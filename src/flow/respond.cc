#include "flow/respond.h"

#include <string>

#include "dialect/denial.h"
#include "flow/authorization.h"

namespace satgate::flow {
namespace {

// Where it stands what else is for sale.
constexpr std::string_view kManifestLink = "</.well-known/l402.json>; rel=\"l402-manifest\"";

std::string denial_body(int status, const Call& call, const Denial& denial) {
  switch (call.protocol) {
    case Protocol::openai:
      return dialect::openai_denial(denial, call.id);
    case Protocol::anthropic:
      return dialect::anthropic_denial(status, denial, call.id);
    case Protocol::http:
    case Protocol::mcp:
      return dialect::http_denial(denial, call.id);
  }
  return {};
}

std::string error_body(Protocol protocol, const RequestId& id, int status, std::string_view code,
                       std::string_view message) {
  switch (protocol) {
    case Protocol::openai:
      return dialect::openai_error(status, code, message, id);
    case Protocol::anthropic:
      return dialect::anthropic_error(status, message, id);
    case Protocol::http:
    case Protocol::mcp:
      return dialect::http_error(code, message, id);
  }
  return {};
}

}  // namespace

int denial_status(const Denial& denial, Protocol protocol, const Settings& settings) {
  if (denial.refusal != Refusal::budget_exceeded) return http_status(denial.refusal);
  if (settings.window_status) return *settings.window_status;
  const bool llm = protocol == Protocol::openai || protocol == Protocol::anthropic;
  return llm ? 429 : 402;
}

void write_call_fields(wire::HeadWriter& head, const Call& call, const Passing& passing,
                       const Settled& settled, const Currency& currency) {
  head.field("x-request-id", id_text(call.id));
  head.field("x-satgate-decision", to_string(passing.decision));
  if (passing.would_deny) head.field("x-satgate-would-deny", code(*passing.would_deny));
  if (!call.asked_model.empty()) head.field("x-satgate-model", call.model);
  if (passing.clamped) head.field("x-satgate-clamped-max-tokens", *passing.output_tokens);
  const std::optional<Money> cost = settled.cost ? settled.cost : passing.price;
  if (cost) head.field("x-cost-per-call", usd_text(*cost, currency));
  const std::optional<Money> remaining = settled.cost ? settled.remaining : passing.remaining;
  if (remaining) head.field("x-budget-remaining", usd_text(*remaining, currency));
  if (call.mode == Mode::charge) head.field("link", kManifestLink);
}

void write_receipt(wire::HeadWriter& head, int status, const Passing& passing) {
  if (status / 100 == 2 && !passing.receipt.empty()) {
    head.field("payment-receipt", passing.receipt);
  }
}

net::Task<> respond_denial(net::ServerExchange& http, const Call& call, const Denial& denial,
                           const Settings& settings) {
  const int status = denial_status(denial, call.protocol, settings);
  wire::HeadWriter& head = http.response(status);
  head.field("content-type", "application/json").field("x-should-retry", "false");
  head.field("cache-control", "no-store");
  if (denial.retry_after_seconds) {
    head.field("retry-after", static_cast<uint64_t>(*denial.retry_after_seconds));
  }
  if (denial.offer) {
    for (const std::string& line : denial.offer->challenges)
      head.field("www-authenticate", line);
    head.field("link", kManifestLink);
  } else {
    const std::string wanted = challenge(settings, http.request(), http.is_tls(), denial.refusal);
    if (!wanted.empty()) head.field("www-authenticate", wanted);
  }
  head.field("x-request-id", id_text(call.id)).field("x-satgate-decision", "deny");
  if (denial.required) {
    head.field("x-cost-per-call", usd_text(*denial.required, settings.currency));
  }
  if (denial.remaining) {
    head.field("x-budget-remaining", usd_text(*denial.remaining, settings.currency));
  }
  const std::string body = denial_body(status, call, denial);
  (void)co_await http.send(body);
}

net::Task<> respond_fault(net::ServerExchange& http, const Call& call, const Fault& fault) {
  // An answer that has begun can not be taken back; it must not look complete either.
  if (http.response_started()) {
    http.cut();
    co_return;
  }
  if (fault.source == Fault::Source::client) {
    http.close_after();
  }
  std::string_view code = "gateway_failed";
  if (fault.source == Fault::Source::upstream) code = "upstream_failed";
  if (fault.source == Fault::Source::client) code = "bad_request";
  if (!fault.code.empty()) code = fault.code;
  const std::string body =
      error_body(call.protocol, call.id, fault.http_status, code, fault.message);
  wire::HeadWriter& head = http.response(fault.http_status);
  head.field("content-type", "application/json").field("x-request-id", id_text(call.id));
  // The call may have been charged: an SDK must not repeat it by itself.
  if (fault.sent_upstream || fault.http_status == 503) head.field("x-should-retry", "false");
  (void)co_await http.send(body);
}

net::Task<> respond_error(net::ServerExchange& http, Protocol protocol, const RequestId& id,
                          int status, std::string_view code, std::string_view message) {
  const std::string body = error_body(protocol, id, status, code, message);
  http.response(status)
      .field("content-type", "application/json")
      .field("x-request-id", id_text(id))
      .field("x-should-retry", "false");
  (void)co_await http.send(body);
}

net::Task<> respond_json(net::ServerExchange& http, int status, std::string_view body) {
  http.response(status)
      .field("content-type", "application/json")
      .field("cache-control", "no-store");
  (void)co_await http.send(body);
}

}  // namespace satgate::flow
