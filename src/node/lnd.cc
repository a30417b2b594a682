#include "node/lnd.h"

#include <fmt/format.h>

#include "base/text.h"
#include "node/answer.h"

namespace satgate::node {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr int64_t kNotFound = 5;       // google.rpc.Code
constexpr int64_t kAlreadyExists = 6;  // paid already, or under way
constexpr net::Milliseconds kStreamQuiet{600'000};

// {"code":5,"message":"..."}, by itself or as "error" in a stream.
struct NodeError {
  int64_t code = 0;
  std::string message;
};
std::optional<NodeError> read_error(const Json& json) {
  const Json* inner = object_at(json, "error");
  const Json& error = inner != nullptr ? *inner : json;
  const auto code = whole_at(error, "code");
  const auto message = text_at(error, "message");
  if (!code || !message) return std::nullopt;
  return NodeError{*code, *message};
}

// Before 0.18 an unknown invoice was error 2, with these words.
bool is_unknown_invoice(const NodeError& error) {
  return error.code == kNotFound ||
         error.message.find("unable to locate invoice") != std::string::npos ||
         error.message.find("no existing invoices") != std::string::npos;
}

Result<InvoiceStatus> read_invoice(const Json& invoice) {
  TRY_ASSIGN(const std::string state, text_at(invoice, "state"));
  InvoiceStatus status;
  if (state == "OPEN") {
    status.state = InvoiceState::open;
  } else if (state == "ACCEPTED") {
    status.state = InvoiceState::accepted;
  } else if (state == "CANCELED") {
    status.state = InvoiceState::expired;
  } else if (state == "SETTLED") {
    status.state = InvoiceState::settled;
    TRY_ASSIGN(status.received_msat, whole_at(invoice, "amt_paid_msat"));
  } else {
    return fail("its answer has a state of an invoice that is not known");
  }
  return status;
}

// Of lnrpc.Payment.
Result<PayStatus> read_payment(const Json& payment, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(payment, "payment_hash"));
  if (said != hash) return fail("its answer is about another payment");
  TRY_ASSIGN(const std::string status, text_at(payment, "status"));
  if (status == "SUCCEEDED") {
    TRY_ASSIGN(const Hash256 preimage, hex_hash_at(payment, "payment_preimage"));
    TRY_ASSIGN(const int64_t fee, whole_at(payment, "fee_msat"));
    return succeeded(preimage, fee);
  }
  if (status == "FAILED") {
    return refused("LND: " + text_at(payment, "failure_reason").value_or("it has failed"));
  }
  return not_known("the payment is under way");
}

// The last line of a stream that says something: a payment, or an error.
Result<Json> last_line(std::string_view body) {
  std::string_view last;
  for (const std::string_view line : split(body, '\n')) {
    if (!trim(line).empty()) last = line;
  }
  return read_object(last);
}

Result<PayStatus> read_sent(const RestAnswer& answer, const Hash256& hash,
                            const RestClient& client) {
  const auto json = last_line(answer.body);
  // Without words of LND's own it may be a proxy that speaks, and LND may still have the request.
  if (!json) return not_known(client.explain(answer));
  if (const auto error = read_error(*json)) {
    if (error->code == kAlreadyExists) return not_known(client.shown(error->message));
    return refused("LND: " + client.shown(error->message));
  }
  const Json* payment = object_at(*json, "result");
  if (payment == nullptr) return not_known(client.explain(answer));
  auto status = read_payment(*payment, hash);
  if (!status) return not_known(status.error().message);
  return status;
}

}  // namespace

net::Task<Result<MadeInvoice>> Lnd::create(InvoiceRequest request) {
  Json body;
  body["value_msat"] = std::to_string(request.amount_msat);
  body["memo"] = request.description;
  body["expiry"] = std::to_string(request.expires_seconds);
  RestRequest ask;
  ask.path = "/v1/invoices";
  ask.content_type = kJson;
  ask.body = write_json(body);
  ask.repeatable = true;
  const auto answer = co_await client_->ask(std::move(ask));
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  const auto hash = base64_hash_at(*json, "r_hash");
  if (!hash) co_return fail(hash.error().message);
  const auto bolt11 = text_at(*json, "payment_request");
  if (!bolt11) co_return fail(bolt11.error().message);
  co_return MadeInvoice{*bolt11, *hash, ""};
}

net::Task<Result<InvoiceStatus>> Lnd::lookup(InvoiceKey key) {
  RestRequest ask;
  ask.method = "GET";
  ask.path = "/v1/invoice/" + to_hex(as_bytes_view(key.payment_hash));
  ask.repeatable = true;
  const auto answer = co_await client_->ask(std::move(ask));
  if (!answer) co_return fail(answer.error().message);
  const auto json = read_object(answer->body);
  if (answer->status != 200) {
    const auto error = json ? read_error(*json) : std::nullopt;
    if (error && is_unknown_invoice(*error)) co_return InvoiceStatus{};
    co_return fail(client_->explain(*answer));
  }
  if (!json) co_return fail(json.error().message);
  const auto hash = base64_hash_at(*json, "r_hash");
  if (!hash) co_return fail(hash.error().message);
  if (*hash != key.payment_hash) co_return fail("its answer is about another invoice");
  co_return read_invoice(*json);
}

net::Task<Result<PayStatus>> Lnd::pay(Payment payment) {
  Json body;
  body["payment_request"] = payment.request.bolt11;
  body["fee_limit_msat"] = std::to_string(payment.request.fee_max_msat);
  body["timeout_seconds"] = payment.request.timeout_seconds;
  body["no_inflight_updates"] = true;
  RestRequest ask;
  ask.path = "/v2/router/send";
  ask.content_type = kJson;
  ask.body = write_json(body);
  ask.timeout = pay_wait(payment.request.timeout_seconds);
  const auto answer = co_await client_->ask(std::move(ask));
  if (!answer) co_return pay_unanswered(answer.error());
  co_return read_sent(*answer, payment.payment_hash, *client_);
}

net::Task<Result<std::optional<PayStatus>>> Lnd::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  RestRequest ask;
  ask.method = "GET";
  // Padded: gRPC-gateway reads bytes in a path as padded url-safe base64 alone.
  ask.path = "/v2/router/track/" + base64url_encode(as_bytes_view(payment_hash)) + "=";
  // The first line is how it stands; the others would come when that changes.
  std::string first;
  const RestClient::Line keep = [&first](std::string_view line) {
    first = line;
    return false;
  };
  const auto answer = co_await client_->follow(std::move(ask), keep);
  if (!answer) co_return fail(answer.error().message);
  const auto json = read_object(answer->status == 200 ? first : answer->body);
  if (!json) co_return fail(client_->explain(*answer));
  if (const auto error = read_error(*json)) {
    if (error->code == kNotFound) co_return Found();
    co_return fail("LND: " + client_->shown(error->message));
  }
  const Json* payment = object_at(*json, "result");
  if (payment == nullptr) co_return fail("its answer holds no payment");
  auto status = read_payment(*payment, payment_hash);
  if (!status) co_return fail(status.error().message);
  co_return Found(std::move(*status));
}

net::Task<> Lnd::listen(const Hint& hint) {
  RestRequest ask;
  ask.method = "GET";
  // What was settled after that one comes first: nothing is missed between two connections.
  ask.path = fmt::format("/v1/invoices/subscribe?settle_index={}", settle_index_);
  ask.timeout = kStreamQuiet;
  const RestClient::Line tell = [this, &hint](std::string_view line) {
    const auto json = read_object(line);
    const Json* invoice = json ? object_at(*json, "result") : nullptr;
    if (invoice == nullptr) return false;
    const auto status = read_invoice(*invoice);
    const auto hash = base64_hash_at(*invoice, "r_hash");
    if (!status || !hash) return false;
    if (status->state != InvoiceState::settled) return true;
    settle_index_ = std::max(settle_index_, whole_at(*invoice, "settle_index").value_or(0));
    hint(*hash);
    return true;
  };
  co_await client_->follow(std::move(ask), tell);
}

net::Task<Result<std::string>> Lnd::ping() {
  RestRequest ask;
  ask.method = "GET";
  ask.path = "/v1/getinfo";
  ask.repeatable = true;
  const auto answer = co_await client_->ask(std::move(ask));
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  co_return client_->shown(text_at(*json, "alias").value_or("LND"));
}

}  // namespace satgate::node
