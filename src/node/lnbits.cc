#include "node/lnbits.h"

#include <fmt/format.h>

#include "base/text.h"

namespace satgate::node {
namespace {

// An amount of LNbits: millisatoshis, below zero for what leaves.
Result<int64_t> signed_at(const Json& object, const char* name) {
  const Json* found = member(object, name);
  const bool is_number = found != nullptr && found->is_number_integer();
  if (!is_number) return fail(fmt::format("its answer can not be used: '{}' is no number", name));
  const bool is_too_large = found->is_number_unsigned() && found->get<uint64_t>() > INT64_MAX;
  const int64_t number = is_too_large ? INT64_MAX : found->get<int64_t>();
  if (number > kMsatMax || number < -kMsatMax) {
    return fail("its answer names more money than there is");
  }
  return number;
}

// "details", which only those of the wallet's own key see, of the payment that was asked for.
Result<const Json*> read_details(const Json& json, const Hash256& hash) {
  const Json* details = object_at(json, "details");
  if (details == nullptr) return fail("its answer has no details: the key is of another wallet");
  TRY_ASSIGN(const Hash256 said, hex_hash_at(*details, "payment_hash"));
  if (said != hash) return fail("its answer is about another payment");
  return details;
}

Result<InvoiceStatus> read_invoice(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const Json* details, read_details(json, hash));
  TRY_ASSIGN(const bool paid, flag_at(json, "paid"));
  const bool is_failed = text_at(*details, "status").value_or("") == "failed";
  TRY_ASSIGN(const int64_t amount, signed_at(*details, "amount"));
  if (amount <= 0) return fail("its answer is about a payment that leaves the wallet");
  InvoiceStatus status;
  status.state = paid ? InvoiceState::settled : InvoiceState::open;
  if (is_failed) status.state = InvoiceState::expired;
  if (status.state == InvoiceState::settled) status.received_msat = amount;
  return status;
}

Result<PayStatus> read_payment(const Json& json, const Hash256& hash) {
  TRY_ASSIGN(const Json* details, read_details(json, hash));
  TRY_ASSIGN(const bool paid, flag_at(json, "paid"));
  const std::string status = text_at(*details, "status").value_or("");
  if (status == "failed") return refused("LNbits: the payment has failed");
  if (!paid) return not_known("the payment is under way");
  TRY_ASSIGN(const Hash256 preimage, hex_hash_at(json, "preimage"));
  TRY_ASSIGN(const int64_t fee, signed_at(*details, "fee"));
  return succeeded(preimage, fee < 0 ? -fee : fee);
}

}  // namespace

net::Task<Rested<RestAnswer>> Lnbits::get(std::string path) {
  RestRequest ask;
  ask.method = "GET";
  ask.path = std::move(path);
  ask.repeatable = true;
  co_return co_await client_->ask(std::move(ask));
}

net::Task<Result<MadeInvoice>> Lnbits::create(InvoiceRequest request) {
  Json body;
  body["out"] = false;
  body["amount"] = request.amount_msat / 1'000;
  body["unit"] = "sat";
  body["memo"] = request.description;
  body["expiry"] = request.expires_seconds;
  if (!webhook_url_.empty()) body["webhook"] = webhook_url_;
  RestRequest ask;
  ask.path = "/api/v1/payments";
  ask.content_type = "application/json";
  ask.body = write_json(body);
  ask.repeatable = true;
  const auto answer = co_await client_->ask(std::move(ask));
  if (!answer) co_return fail(answer.error().message);
  const bool is_made = answer->status == 201 || answer->status == 200;
  if (!is_made) co_return fail(client_->explain(*answer));
  const auto json = read_object(answer->body);
  if (!json) co_return fail(json.error().message);
  const auto hash = hex_hash_at(*json, "payment_hash");
  if (!hash) co_return fail(hash.error().message);
  // Before 1.0 it was called payment_request.
  auto bolt11 = text_at(*json, "bolt11");
  if (!bolt11) bolt11 = text_at(*json, "payment_request");
  if (!bolt11) co_return fail(bolt11.error().message);
  co_return MadeInvoice{*bolt11, *hash, ""};
}

net::Task<Result<std::optional<Json>>> Lnbits::payment(Hash256 hash) {
  const auto answer = co_await get("/api/v1/payments/" + to_hex(as_bytes_view(hash)));
  if (!answer) co_return fail(answer.error().message);
  auto json = read_object(answer->body);
  // {"detail":"Payment does not exist."}, as opposed to a path that is not known.
  const bool is_unknown =
      answer->status == 404 && json && text_at(*json, "detail").value_or("").starts_with("Payment");
  if (is_unknown) co_return std::optional<Json>();
  if (answer->status != 200) co_return fail(client_->explain(*answer));
  if (!json) co_return fail(json.error().message);
  co_return std::optional<Json>(std::move(*json));
}

net::Task<Result<InvoiceStatus>> Lnbits::lookup(InvoiceKey key) {
  const auto json = co_await payment(key.payment_hash);
  if (!json) co_return fail(json.error().message);
  if (!*json) co_return InvoiceStatus{};
  co_return read_invoice(**json, key.payment_hash);
}

net::Task<Result<int64_t>> Lnbits::fee_reserve(std::string bolt11) {
  const auto answer = co_await get("/api/v1/payments/fee-reserve?invoice=" + bolt11);
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  co_return whole_at(*json, "fee_reserve");
}

net::Task<Result<PayStatus>> Lnbits::pay(Payment payment) {
  // It can not be told a limit, but it says what it holds back for the fee.
  const auto reserve = co_await fee_reserve(payment.request.bolt11);
  if (!reserve) co_return fail(reserve.error().message);
  if (*reserve > payment.request.fee_max_msat) {
    co_return refused(
        fmt::format("LNbits may take {} msat for this payment, more than allowed", *reserve));
  }
  Json body;
  body["out"] = true;
  body["bolt11"] = payment.request.bolt11;
  RestRequest ask;
  ask.path = "/api/v1/payments";
  ask.content_type = "application/json";
  ask.body = write_json(body);
  ask.timeout = pay_wait(payment.request.timeout_seconds);
  const auto answer = co_await client_->ask(std::move(ask));
  if (!answer) co_return pay_unanswered(answer.error());
  const auto json = read_object(answer->body);
  const bool is_client_error = answer->status >= 400 && answer->status < 500;
  const bool is_failed = json && answer->status >= 400 &&
                         (is_client_error || text_at(*json, "status").value_or("") == "failed");
  if (is_failed) co_return refused("LNbits: " + client_->explain(*answer));
  if (answer->status >= 300) co_return not_known(client_->explain(*answer));
  // The answer itself has no preimage in all versions.
  const auto found = co_await find(payment.payment_hash);
  if (!found) co_return not_known(found.error().message);
  co_return found->value_or(not_known("LNbits does not know of the payment yet"));
}

net::Task<Result<std::optional<PayStatus>>> Lnbits::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  const auto json = co_await payment(payment_hash);
  if (!json) co_return fail(json.error().message);
  if (!*json) co_return Found();
  auto status = read_payment(**json, payment_hash);
  if (!status) co_return fail(status.error().message);
  co_return Found(std::move(*status));
}

net::Task<> Lnbits::listen(const Hint&) {
  co_return;
}

net::Task<Result<std::string>> Lnbits::ping() {
  const auto answer = co_await get("/api/v1/wallet");
  const auto json = client_->object_of(answer);
  if (!json) co_return fail(json.error().message);
  co_return client_->shown(text_at(*json, "name").value_or("LNbits"));
}

}  // namespace satgate::node
