#include "node/cln.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace satgate::node {
namespace {

constexpr net::Milliseconds kAnswerWait{15'000};
constexpr int64_t kListenSeconds = 60;

// Of `xpay`: what says that this attempt has come to its end. 203: refused by the payee; 205: no
// way there; 206: too dear; 207: expired. Every other one may mean that parts are under way.
constexpr std::array<int64_t, 4> kPayHasFailed = {203, 205, 206, 207};
constexpr int64_t kWaitTimedOut = 904;

struct NodeError {
  int64_t code = 0;  // 0: negative
  std::string message;
};
std::optional<NodeError> read_error(std::string_view body) {
  const auto json = read_object(body);
  if (!json || member(*json, "code") == nullptr) return std::nullopt;
  const auto message = text_at(*json, "message");
  if (!message) return std::nullopt;
  return NodeError{whole_at(*json, "code").value_or(0), *message};
}

bool is_success(int status) {
  return status == 200 || status == 201;
}

Result<PayStatus> read_sent(const Json& json, const char* preimage_name) {
  TRY_ASSIGN(const Hash256 preimage, hex_hash_at(json, preimage_name));
  const auto amount = whole_at(json, "amount_msat");
  TRY_ASSIGN(const int64_t sent, whole_at(json, "amount_sent_msat"));
  if (amount && sent < *amount) return fail("its answer says that less was sent than arrived");
  return succeeded(preimage, amount ? sent - *amount : 0);
}

Result<PayStatus> read_pay(const Json& pay, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(pay, "payment_hash"));
  if (said != hash) return fail("its answer is about another payment");
  TRY_ASSIGN(const std::string status, text_at(pay, "status"));
  if (status == "complete") return read_sent(pay, "preimage");
  if (status == "failed") return refused("Core Lightning: the payment has failed");
  return not_known("the payment is under way");
}

Result<InvoiceStatus> read_invoice(const Json& invoice, const Hash256& hash) {
  TRY_ASSIGN(const Hash256 said, hex_hash_at(invoice, "payment_hash"));
  if (said != hash) return fail("its answer is about another invoice");
  TRY_ASSIGN(const std::string state, text_at(invoice, "status"));
  InvoiceStatus status;
  if (state == "unpaid") {
    status.state = InvoiceState::open;
  } else if (state == "expired") {
    status.state = InvoiceState::expired;
  } else if (state == "paid") {
    status.state = InvoiceState::settled;
    TRY_ASSIGN(status.received_msat, whole_at(invoice, "amount_received_msat"));
  } else {
    return fail("its answer has a status of an invoice that is not known");
  }
  return status;
}

Result<const Json*> list_at(const Json& json, const char* name) {
  const Json* list = member(json, name);
  if (list == nullptr || !list->is_array()) return fail("its answer holds no list");
  return list;
}

}  // namespace

net::Task<Rested<RestAnswer>> Cln::call(std::string command, Json parameters,
                                        net::Milliseconds wait, bool repeatable) {
  RestRequest request;
  request.path = "/v1/" + command;
  request.content_type = "application/json";
  request.body = write_json(parameters);
  request.timeout = wait;
  request.repeatable = repeatable;
  co_return co_await client_->ask(std::move(request));
}

net::Task<Result<Json>> Cln::ask(std::string command, Json parameters) {
  const auto answer =
      co_await call(std::move(command), std::move(parameters), kAnswerWait, /*repeatable=*/true);
  if (!answer) co_return fail(answer.error().message);
  if (!is_success(answer->status)) co_return fail(client_->explain(*answer));
  co_return read_object(answer->body);
}

net::Task<Result<MadeInvoice>> Cln::create(InvoiceRequest request) {
  std::array<char, 16> random{};
  fill_random(random.data(), random.size());
  Json parameters;
  parameters["amount_msat"] = request.amount_msat;
  parameters["label"] = "satgate-" + to_hex({random.data(), random.size()});
  parameters["description"] = request.description;
  parameters["expiry"] = request.expires_seconds;
  const auto json = co_await ask("invoice", std::move(parameters));
  if (!json) co_return fail(json.error().message);
  const auto hash = hex_hash_at(*json, "payment_hash");
  if (!hash) co_return fail(hash.error().message);
  const auto bolt11 = text_at(*json, "bolt11");
  if (!bolt11) co_return fail(bolt11.error().message);
  co_return MadeInvoice{*bolt11, *hash, ""};
}

net::Task<Result<InvoiceStatus>> Cln::lookup(InvoiceKey key) {
  Json parameters;
  parameters["payment_hash"] = to_hex(as_bytes_view(key.payment_hash));
  const auto json = co_await ask("listinvoices", std::move(parameters));
  if (!json) co_return fail(json.error().message);
  const auto invoices = list_at(*json, "invoices");
  if (!invoices) co_return fail(invoices.error().message);
  if ((*invoices)->empty()) co_return InvoiceStatus{};
  if ((*invoices)->size() > 1) co_return fail("its answer has two invoices of one hash");
  co_return read_invoice((*invoices)->front(), key.payment_hash);
}

net::Task<Result<PayStatus>> Cln::pay(Payment payment) {
  Json parameters;
  parameters["invstring"] = payment.request.bolt11;
  parameters["maxfee"] = payment.request.fee_max_msat;
  parameters["retry_for"] = payment.request.timeout_seconds;
  const auto answer =
      co_await call("xpay", std::move(parameters), pay_wait(payment.request.timeout_seconds),
                    /*repeatable=*/false);
  if (!answer) co_return pay_unanswered(answer.error());
  if (is_success(answer->status)) {
    const auto json = read_object(answer->body);
    if (!json) co_return not_known(json.error().message);
    auto sent = read_sent(*json, "payment_preimage");
    if (!sent) co_return not_known(sent.error().message);
    co_return sent;
  }
  const auto error = read_error(answer->body);
  const bool is_end = error && std::ranges::find(kPayHasFailed, error->code) != kPayHasFailed.end();
  const bool is_forbidden = answer->status == 401 || answer->status == 403;
  if (is_end || is_forbidden) co_return refused("Core Lightning: " + client_->explain(*answer));
  co_return not_known(client_->explain(*answer));
}

net::Task<Result<std::optional<PayStatus>>> Cln::find(Hash256 payment_hash) {
  using Found = std::optional<PayStatus>;
  Json parameters;
  parameters["payment_hash"] = to_hex(as_bytes_view(payment_hash));
  const auto json = co_await ask("listpays", std::move(parameters));
  if (!json) co_return fail(json.error().message);
  const auto pays = list_at(*json, "pays");
  if (!pays) co_return fail(pays.error().message);
  // Several attempts: one that has arrived, or is under way, is what counts.
  Found best;
  for (const Json& pay : **pays) {
    const auto status = read_pay(pay, payment_hash);
    if (!status) co_return fail(status.error().message);
    if (!best || best->state == PayStatus::State::failed ||
        status->state == PayStatus::State::succeeded) {
      best = *status;
    }
  }
  co_return best;
}

net::Task<Result<std::optional<Cln::Paid>>> Cln::wait_paid(int64_t after, int64_t seconds) {
  Json parameters;
  parameters["lastpay_index"] = after;
  parameters["timeout"] = seconds;
  const net::Milliseconds wait = kAnswerWait + net::Milliseconds(seconds * 1'000);
  const auto answer =
      co_await call("waitanyinvoice", std::move(parameters), wait, /*repeatable=*/true);
  if (!answer) co_return fail(answer.error().message);
  if (!is_success(answer->status)) {
    const auto error = read_error(answer->body);
    if (error && error->code == kWaitTimedOut) co_return std::optional<Paid>();
    co_return fail(client_->explain(*answer));
  }
  const auto json = read_object(answer->body);
  if (!json) co_return fail(json.error().message);
  const auto hash = hex_hash_at(*json, "payment_hash");
  if (!hash) co_return fail(hash.error().message);
  const auto index = whole_at(*json, "pay_index");
  if (!index || *index <= after) co_return fail("its answer has no later pay_index");
  co_return std::optional<Paid>(Paid{*hash, *index});
}

// The pay_index of the newest paid invoice: there is no command that tells it, and to be told of
// all paid ones since the node was made would take as many requests.
net::Task<Result<int64_t>> Cln::newest_paid() {
  int64_t known = 0;           // there is one of this index, or it is 0
  int64_t beyond = INT64_MAX;  // there is none of a higher index than beyond
  for (int64_t step = 1; known < beyond;) {
    const int64_t after = beyond == INT64_MAX ? known + step - 1 : known + (beyond - known) / 2;
    const auto paid = co_await wait_paid(after, 0);
    if (!paid) co_return fail(paid.error().message);
    if (*paid) known = (*paid)->index;
    if (!*paid) beyond = after;
    if (beyond == INT64_MAX && step < INT64_MAX / 8) step *= 2;
    if (known > INT64_MAX / 4) co_return fail("its answer has a pay_index that can not be");
  }
  co_return known;
}

net::Task<> Cln::listen(const Hint& hint) {
  if (!pay_index_) {
    const auto newest = co_await newest_paid();
    if (!newest) co_return;
    pay_index_ = *newest;
  }
  for (;;) {
    const auto paid = co_await wait_paid(*pay_index_, kListenSeconds);
    if (!paid) co_return;
    if (!*paid) co_return;  // a good time to look for what was missed
    pay_index_ = (*paid)->index;
    hint((*paid)->hash);
  }
}

net::Task<Result<std::string>> Cln::ping() {
  const auto json = co_await ask("getinfo", Json::object());
  if (!json) co_return fail(json.error().message);
  co_return client_->shown(text_at(*json, "alias").value_or("Core Lightning"));
}

}  // namespace satgate::node
