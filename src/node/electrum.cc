#include "node/electrum.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace satgate::node {
namespace {

constexpr net::Milliseconds kAnswerWait{15'000};
constexpr size_t kHistoryBytesMax = 16 * 1024 * 1024;

// Of its module invoices: what `status` means.
constexpr int64_t kUnpaid = 0;
constexpr int64_t kExpired = 1;
constexpr int64_t kPaid = 3;
constexpr int64_t kInFlight = 4;
constexpr int64_t kUnconfirmed = 7;  // on the chain

// It can not be told a limit: it takes routes that cost at most 5 sat or 1 %.
int64_t fee_bound(int64_t amount_msat) {
  return std::max<int64_t>(5'000, amount_msat / 100);
}

Result<InvoiceStatus> read_request(const Json& request, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(request, "rhash"));
  if (said != hash) return fail("its answer is about another request");
  TRY_ASSIGN(const int64_t state, whole_at(request, "status"));
  InvoiceStatus status;
  if (state == kPaid) {
    // It says that the request is paid, not with how much; less would not be.
    status.state = InvoiceState::settled;
    TRY_ASSIGN(status.received_msat, whole_at(request, "amount_msat"));
  } else if (state == kExpired) {
    status.state = InvoiceState::expired;
  } else if (state == kUnpaid || state == kInFlight || state == kUnconfirmed) {
    status.state = InvoiceState::open;
  } else {
    return fail("its answer has a status of a request that is not known");
  }
  return status;
}

bool is_not_found(std::string_view message) {
  return message.find("not found") != std::string_view::npos;
}

}  // namespace

std::string btc_text(int64_t sat) {
  return fmt::format("{}.{:08}", sat / 100'000'000, sat % 100'000'000);
}

net::Task<std::expected<Json, Electrum::Failure>> Electrum::call(std::string method,
                                                                 Json parameters,
                                                                 net::Milliseconds wait,
                                                                 bool repeatable) {
  Json body;
  body["jsonrpc"] = "2.0";
  body["id"] = ++calls_;
  body["method"] = std::move(method);
  body["params"] = std::move(parameters);
  RestRequest ask;
  ask.path = "/";
  ask.content_type = "application/json";
  ask.body = write_json(body);
  ask.timeout = wait;
  ask.answer_bytes_max = kHistoryBytesMax;
  ask.repeatable = repeatable;
  const auto answer = co_await client_->ask(std::move(ask));
  Failure failure;
  if (!answer) {
    failure = {answer.error().message, answer.error().sent};
    co_return std::unexpected(std::move(failure));
  }
  failure = {client_->explain(*answer), true};
  // It refuses before it does anything; every other status is not its own way to fail.
  failure.by_node = answer->status == 401 || answer->status == 403;
  if (answer->status != 200) co_return std::unexpected(std::move(failure));
  auto json = read_object(answer->body);
  if (!json) failure.message = json.error().message;
  if (!json) co_return std::unexpected(std::move(failure));
  if (const Json* error = object_at(*json, "error")) {
    failure.message = client_->shown(text_at(*error, "message").value_or("an error"));
    failure.by_node = true;
    co_return std::unexpected(std::move(failure));
  }
  const Json* result = member(*json, "result");
  if (result == nullptr) failure.message = "its answer has no result";
  if (result == nullptr) co_return std::unexpected(std::move(failure));
  co_return Json(*result);
}

net::Task<Result<MadeInvoice>> Electrum::create(InvoiceRequest request) {
  Json parameters;
  parameters["amount"] = btc_text(request.amount_msat / 1'000);
  parameters["memo"] = request.description;
  parameters["expiration"] = request.expires_seconds;
  parameters["force"] = true;  // also when the wallet has many unpaid requests
  const auto made =
      co_await call("add_request", std::move(parameters), kAnswerWait, /*repeatable=*/true);
  if (!made) co_return fail(made.error().message);
  const auto hash = hex_hash_at(*made, "rhash");
  if (!hash) co_return fail(hash.error().message + "; is the wallet one with Lightning?");
  const auto bolt11 = text_at(*made, "lightning_invoice");
  if (!bolt11) co_return fail(bolt11.error().message);
  co_return MadeInvoice{*bolt11, *hash, text_at(*made, "request_id").value_or("")};
}

net::Task<Result<InvoiceStatus>> Electrum::lookup(InvoiceKey key) {
  Json parameters;
  parameters["request_id"] =
      key.node_id.empty() ? to_hex(as_bytes_view(key.payment_hash)) : key.node_id;
  const auto request =
      co_await call("get_request", std::move(parameters), kAnswerWait, /*repeatable=*/true);
  if (request) co_return read_request(*request, key.payment_hash);
  const Failure& failure = request.error();
  const bool is_unknown = failure.by_node && is_not_found(failure.message);
  if (is_unknown) co_return InvoiceStatus{};
  co_return fail(failure.message);
}

net::Task<Result<PayStatus>> Electrum::pay(Payment payment) {
  const int64_t bound = fee_bound(payment.amount_msat);
  if (bound > payment.request.fee_max_msat) {
    co_return refused(
        fmt::format("Electrum may take {} msat for this payment, more than allowed", bound));
  }
  Json parameters;
  parameters["invoice"] = payment.request.bolt11;
  parameters["timeout"] = payment.request.timeout_seconds;
  const auto paid =
      co_await call("lnpay", std::move(parameters), pay_wait(payment.request.timeout_seconds),
                    /*repeatable=*/false);
  if (!paid) {
    const Failure& failure = paid.error();
    if (!failure.sent) co_return fail(failure.message);
    // Its errors say in words alone whether another attempt is under way: find() knows.
    co_return failure.by_node ? refused("Electrum: " + failure.message)
                              : not_known(failure.message);
  }
  const auto success = flag_at(*paid, "success");
  if (!success) co_return not_known(success.error().message);
  if (!*success) co_return refused("Electrum found no way for the payment");
  const auto preimage = hex_hash_at(*paid, "preimage");
  if (!preimage) co_return not_known(preimage.error().message);
  const auto settled = co_await find_settled(payment.payment_hash);
  co_return succeeded(*preimage, settled ? settled->fee_msat : bound);
}

net::Task<Result<PayStatus>> Electrum::find_settled(Hash256 payment_hash) {
  const auto history =
      co_await call("lightning_history", Json::object(), kAnswerWait, /*repeatable=*/true);
  if (!history) co_return fail(history.error().message);
  if (!history->is_array()) co_return fail("its answer is no list");
  const std::string wanted = to_hex(as_bytes_view(payment_hash));
  for (const Json& item : *history) {
    if (text_at(item, "payment_hash").value_or("") != wanted) continue;
    const auto preimage = hex_hash_at(item, "preimage");
    const auto fee = whole_at(item, "fee_msat");
    if (preimage) co_return succeeded(*preimage, fee.value_or(0));
  }
  co_return fail("Electrum says that it has paid, but its history does not have the payment");
}

// Parts of a payment that it has given up may still be on their way.
net::Task<Result<bool>> Electrum::has_open_htlcs() {
  const auto channels =
      co_await call("list_channels", Json::object(), kAnswerWait, /*repeatable=*/true);
  if (!channels) co_return fail(channels.error().message);
  if (!channels->is_array()) co_return fail("its answer is no list");
  for (const Json& channel : *channels) {
    if (member(channel, "local_unsettled_sent") == nullptr) continue;  // a backup of one
    const auto sent = whole_at(channel, "local_unsettled_sent");
    if (!sent) co_return fail(sent.error().message);
    if (*sent > 0) co_return true;
  }
  co_return false;
}

net::Task<Result<std::optional<PayStatus>>> Electrum::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  Json parameters;
  parameters["invoice_id"] = to_hex(as_bytes_view(payment_hash));
  const auto invoice =
      co_await call("get_invoice", std::move(parameters), kAnswerWait, /*repeatable=*/true);
  if (!invoice) {
    const Failure& failure = invoice.error();
    const bool is_unknown = failure.by_node && is_not_found(failure.message);
    if (is_unknown) co_return Found();
    co_return fail(failure.message);
  }
  const auto state = whole_at(*invoice, "status");
  if (!state) co_return fail(state.error().message);
  if (*state == kPaid) {
    auto settled = co_await find_settled(payment_hash);
    if (!settled) co_return fail(settled.error().message);
    co_return Found(std::move(*settled));
  }
  if (*state == kInFlight) co_return Found(not_known("the payment is under way"));
  const auto open = co_await has_open_htlcs();
  if (!open) co_return fail(open.error().message);
  if (*open) co_return Found(not_known("parts of a payment are under way"));
  co_return Found(refused("Electrum: the payment has failed"));
}

net::Task<> Electrum::listen(const Hint&) {
  co_return;
}

net::Task<Result<std::string>> Electrum::ping() {
  const auto info = co_await call("getinfo", Json::object(), kAnswerWait, /*repeatable=*/true);
  if (!info) co_return fail(info.error().message);
  co_return client_->shown("Electrum " + text_at(*info, "version").value_or(""));
}

}  // namespace satgate::node
