#include "node/phoenixd.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "node/answer.h"

namespace satgate::node {
namespace {

constexpr size_t kDescriptionUnitsMax = 128;  // UTF-16 code units

// application/x-www-form-urlencoded.
std::string form_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (is_letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_') {
      out += c;
    } else {
      out += c == ' ' ? "+" : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// The front of a text (UTF-8) that phoenixd takes.
std::string_view shortened(std::string_view text) {
  size_t units = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) == 0x80) continue;  // inside of a character
    units += byte >= 0xf0 ? 2 : 1;
    if (units > kDescriptionUnitsMax) return text.substr(0, i);
  }
  return text;
}

// Its 404 for what it does not have, as opposed to a path that it does not know.
bool is_unknown(const RestAnswer& answer) {
  return answer.status == 404 && lowercase(answer.body).find("not found") != std::string::npos;
}

// It can not be told a limit: it pays its peer 0.4 % and 4 sat.
int64_t fee_bound(int64_t amount_msat) {
  return amount_msat / 1'000 * 4 + 5'000;
}

// What the payer has paid: what came, and what the node paid for it to come (a part of a satoshi
// is cut off in the first).
Result<int64_t> read_received(const Json& json) {
  TRY_ASSIGN(const int64_t sat, whole_at(json, "receivedSat"));
  TRY_ASSIGN(const int64_t received, msat_of_sat(sat));
  TRY_ASSIGN(const int64_t fees, whole_at(json, "fees"));
  if (fees > kMsatMax) return fail("its answer names more money than there is");
  return (received + fees + 999) / 1'000 * 1'000;
}

Result<InvoiceStatus> read_incoming(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(json, "paymentHash"));
  if (said != hash) return fail("its answer is about another invoice");
  TRY_ASSIGN(const bool paid, flag_at(json, "isPaid"));
  InvoiceStatus status;
  if (paid) {
    status.state = InvoiceState::settled;
    TRY_ASSIGN(status.received_msat, read_received(json));
  } else {
    const bool expired = flag_at(json, "isExpired").value_or(false);
    status.state = expired ? InvoiceState::expired : InvoiceState::open;
  }
  return status;
}

Result<PayStatus> read_outgoing(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(json, "paymentHash"));
  if (said != hash) return fail("its answer is about another payment");
  TRY_ASSIGN(const bool paid, flag_at(json, "isPaid"));
  if (paid) {
    TRY_ASSIGN(const Hash256 preimage, hex_hash_at(json, "preimage"));
    TRY_ASSIGN(const int64_t fees, whole_at(json, "fees"));
    return succeeded(preimage, fees);
  }
  if (member(json, "completedAt") != nullptr) return refused("phoenixd: the payment has failed");
  return not_known("the payment is under way");
}

Result<PayStatus> read_sent(const Json& json, const RestClient& client) {
  if (member(json, "paymentPreimage") != nullptr) {
    TRY_ASSIGN(const Hash256 preimage, hex_hash_at(json, "paymentPreimage"));
    TRY_ASSIGN(const int64_t sat, whole_at(json, "routingFeeSat"));
    TRY_ASSIGN(const int64_t fee, msat_of_sat(sat));
    return succeeded(preimage, fee);
  }
  TRY_ASSIGN(const std::string reason, text_at(json, "reason"));
  return refused("phoenixd: " + client.shown(reason));
}

}  // namespace

net::Task<Rested<RestAnswer>> Phoenixd::get(std::string path) {
  RestRequest ask;
  ask.method = "GET";
  ask.path = std::move(path);
  ask.repeatable = true;
  co_return co_await client_->ask(std::move(ask));
}

net::Task<Result<MadeInvoice>> Phoenixd::create(InvoiceRequest request) {
  RestRequest ask;
  ask.path = "/createinvoice";
  ask.content_type = "application/x-www-form-urlencoded";
  ask.body =
      fmt::format("amountSat={}&description={}&expirySeconds={}", request.amount_msat / 1'000,
                  form_encode(shortened(request.description)), request.expires_seconds);
  if (!webhook_url_.empty()) ask.body += "&webhookUrl=" + form_encode(webhook_url_);
  ask.repeatable = true;
  const auto answer = co_await client_->ask(std::move(ask));
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  const auto hash = hex_hash_at(*json, "paymentHash");
  if (!hash) co_return fail(hash.error().message);
  const auto bolt11 = text_at(*json, "serialized");
  if (!bolt11) co_return fail(bolt11.error().message);
  co_return MadeInvoice{*bolt11, *hash, ""};
}

net::Task<Result<InvoiceStatus>> Phoenixd::lookup(InvoiceKey key) {
  const auto answer = co_await get("/payments/incoming/" + to_hex(as_bytes_view(key.payment_hash)));
  if (!answer) co_return fail(answer.error().message);
  if (is_unknown(*answer)) co_return InvoiceStatus{};
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  co_return read_incoming(*json, key.payment_hash);
}

net::Task<Result<PayStatus>> Phoenixd::pay(Payment payment) {
  const int64_t fee = fee_bound(payment.amount_msat);
  if (fee > payment.request.fee_max_msat) {
    co_return refused(
        fmt::format("phoenixd may take {} msat for this payment, more than allowed", fee));
  }
  RestRequest ask;
  ask.path = "/payinvoice";
  ask.content_type = "application/x-www-form-urlencoded";
  ask.body = "invoice=" + form_encode(payment.request.bolt11);
  ask.timeout = pay_wait(payment.request.timeout_seconds);
  const auto answer = co_await client_->ask(std::move(ask));
  if (!answer) co_return pay_unanswered(answer.error());
  const bool is_refused = answer->status >= 400 && answer->status < 500;
  if (is_refused) co_return refused("phoenixd: " + client_->explain(*answer));
  const auto json = read_object(answer->body);
  if (!json || answer->status != 200) co_return not_known(client_->explain(*answer));
  auto sent = read_sent(*json, *client_);
  if (!sent) co_return not_known(sent.error().message);
  co_return sent;
}

net::Task<Result<std::optional<PayStatus>>> Phoenixd::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  const auto answer =
      co_await get("/payments/outgoingbyhash/" + to_hex(as_bytes_view(payment_hash)));
  if (!answer) co_return fail(answer.error().message);
  if (is_unknown(*answer)) co_return Found();
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  auto status = read_outgoing(*json, payment_hash);
  if (!status) co_return fail(status.error().message);
  co_return Found(std::move(*status));
}

net::Task<> Phoenixd::listen(const Hint&) {
  co_return;
}

net::Task<Result<std::string>> Phoenixd::ping() {
  const auto answer = co_await get("/getinfo");
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  co_return client_->shown("phoenixd " + text_at(*json, "version").value_or(""));
}

}  // namespace satgate::node
