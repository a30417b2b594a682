#include "node/checked_node.h"

#include <fmt/format.h>

#include <algorithm>

#include "node/answer.h"

namespace satgate::node {
namespace {

using payment::Bolt11;
using payment::Invoice;

constexpr size_t kCallsMax = 10'000;    // at a time
constexpr size_t kMadeMax = 50'000;     // invoices that are remembered
constexpr size_t kLookupsMax = 20;      // of open invoices, of one round
constexpr size_t kPaidMax = 10'000;     // payments that are remembered
constexpr int64_t kBeginSeconds = 120;  // then a request to pay has reached the node, or never will
constexpr int64_t kOpenLateSeconds = 3'600;   // an expired invoice is looked at that much longer
constexpr size_t kDescriptionBytesMax = 639;  // BOLT 11, field d
constexpr int64_t kExpirySecondsMax = 365 * 86'400;
constexpr int64_t kPaySecondsMax = 600;

// What the back end may not be asked; the remedy is the caller's.
Result<void> check_request(const InvoiceRequest& request, int64_t unit_msat) {
  if (request.amount_msat <= 0 || request.amount_msat > kMsatMax) {
    return fail("an invoice is for one millisatoshi or more");
  }
  if (request.amount_msat % unit_msat != 0) {
    return fail(fmt::format("this node makes invoices in whole satoshis: {} msat are none",
                            request.amount_msat));
  }
  if (request.description.size() > kDescriptionBytesMax) {
    return fail("the description of an invoice has at most 639 bytes");
  }
  if (request.expires_seconds <= 0 || request.expires_seconds > kExpirySecondsMax) {
    return fail("an invoice lives a second to a year");
  }
  return {};
}

std::unexpected<Error> untrusted(std::string_view why) {
  return fail(fmt::format("the node's invoice can not be trusted: {}", why));
}

template <class T>
net::Task<Result<T>> too_many() {
  co_return fail("too many requests to the node wait for their answers");
}

}  // namespace

CheckedNode::CheckedNode(CheckOptions options, const Clock& clock, std::unique_ptr<Waits> waits,
                         std::unique_ptr<BackEnd> back_end)
    : options_(options),
      clock_(clock),
      waits_(std::move(waits)),
      back_end_(std::move(back_end)),
      started_(clock.now()) {
  waits_->loop.start("lightning");
}

CheckedNode::~CheckedNode() {
  waits_->loop.post([this] {
    waits_->stop();
    if (calls_ == 0) waits_->loop.stop();
  });
  waits_->loop.join();
  waits_->loop.abandon();
}

template <class T>
void CheckedNode::start(net::Task<Result<T>> task, payment::Answered<T> done) {
  const bool is_full = calls_.fetch_add(1) >= kCallsMax;
  net::spawn(waits_->loop,
             run<T>(this, is_full ? too_many<T>() : std::move(task), std::move(done)));
}

template <class T>
net::Task<> CheckedNode::run(CheckedNode* self, net::Task<Result<T>> task,
                             payment::Answered<T> done) {
  Result<T> result = co_await std::move(task);
  done(std::move(result));
  self->end_call();
}

void CheckedNode::end_call() {
  if (calls_.fetch_sub(1) == 1 && waits_->stopped()) waits_->loop.stop();
}

void CheckedNode::create(InvoiceRequest request, payment::Answered<Invoice> done) {
  start<Invoice>(make_invoice(std::move(request)), std::move(done));
}

void CheckedNode::lookup(InvoiceKey key, payment::Answered<InvoiceStatus> done) {
  start<InvoiceStatus>(ask_invoice(std::move(key)), std::move(done));
}

void CheckedNode::pay(PayRequest request, payment::Answered<PayStatus> done) {
  start<PayStatus>(pay_once(std::move(request)), std::move(done));
}

void CheckedNode::find(const Hash256& payment_hash, payment::Answered<PayStatus> done) {
  start<PayStatus>(find_payment(payment_hash), std::move(done));
}

void CheckedNode::watch(Hint hint) {
  calls_.fetch_add(1);
  net::spawn(waits_->loop, keep_watch(this, std::move(hint)));
}

void CheckedNode::ping(payment::Answered<std::string> done) {
  start<std::string>(back_end_->ping(), std::move(done));
}

net::Task<Result<Invoice>> CheckedNode::make_invoice(InvoiceRequest request) {
  const auto allowed = check_request(request, back_end_->unit_msat());
  if (!allowed) co_return fail(allowed.error().message);
  const auto made = co_await back_end_->create(request);
  if (!made) co_return fail(made.error().message);
  auto invoice = check_invoice(request, *made);
  if (invoice) remember(*invoice);
  co_return invoice;
}

Result<Invoice> CheckedNode::check_invoice(const InvoiceRequest& request, const MadeInvoice& made) {
  const auto read = payment::read_bolt11(made.bolt11);
  if (!read) return untrusted(read.error().message);
  if (read->network != options_.network) {
    return untrusted(fmt::format("it is of {}, and lightning.network is {}",
                                 to_string(read->network), to_string(options_.network)));
  }
  if (read->amount_msat != request.amount_msat) return untrusted("it is for another amount");
  if (read->payment_hash != made.payment_hash) return untrusted("its hash is not the one said");
  const int64_t slack = request.expires_seconds / 10 + 30;  // clocks differ
  if (read->expires() < later(clock_.now(), request.expires_seconds - slack)) {
    return untrusted("it expires earlier than wanted (does the node's clock agree with ours?)");
  }
  if (made_.contains(read->payment_hash)) return untrusted("another call has got it before");
  Invoice invoice;
  invoice.payment_hash = read->payment_hash;
  invoice.bolt11 = made.bolt11;
  invoice.node_id = made.node_id;
  invoice.amount_msat = request.amount_msat;
  invoice.expires = read->expires();
  return invoice;
}

void CheckedNode::remember(const Invoice& invoice) {
  made_.insert(invoice.payment_hash);
  order_.push_back(invoice.payment_hash);
  open_[invoice.payment_hash] = {{invoice.payment_hash, invoice.node_id}, invoice.expires};
  if (order_.size() <= kMadeMax) return;
  made_.erase(order_.front());
  open_.erase(order_.front());
  order_.pop_front();
}

net::Task<Result<InvoiceStatus>> CheckedNode::ask_invoice(InvoiceKey key) {
  auto status = co_await back_end_->lookup(std::move(key));
  if (!status) co_return fail(status.error().message);
  const bool is_settled = status->state == InvoiceState::settled;
  const int64_t received = status->received_msat;
  if (is_settled && (received <= 0 || received > kMsatMax)) {
    co_return fail("the node says that the invoice is paid, with an amount that can not be");
  }
  if (!is_settled) status->received_msat = 0;
  co_return status;
}

Result<Payment> CheckedNode::read_payment(const PayRequest& request) const {
  TRY_ASSIGN(const Bolt11 invoice, payment::read_bolt11(request.bolt11));
  if (invoice.network != options_.network) {
    return fail(fmt::format("it is of {}, and lightning.network is {}", to_string(invoice.network),
                            to_string(options_.network)));
  }
  if (!invoice.amount_msat || *invoice.amount_msat <= 0) return fail("it leaves the amount open");
  if (*invoice.amount_msat > kMsatMax) return fail("it is for more money than there is");
  return Payment{request, invoice.payment_hash, *invoice.amount_msat};
}

net::Task<Result<PayStatus>> CheckedNode::pay_once(PayRequest request) {
  const bool has_bounds = request.fee_max_msat >= 0 && request.fee_max_msat <= kMsatMax &&
                          request.timeout_seconds > 0 && request.timeout_seconds <= kPaySecondsMax;
  if (!has_bounds) co_return fail("a payment has a highest fee, and a time of 1 to 600 seconds");
  auto payment = read_payment(request);
  // It was never sent to the node, and never will be.
  if (!payment) co_return refused("the invoice is not paid: " + payment.error().message);
  const Hash256 hash = payment->payment_hash;
  if (payment::read_bolt11(request.bolt11)->expires() <= clock_.now()) {
    co_return co_await confirm_failed(hash, "the invoice has expired");
  }
  if (paid_.size() >= kPaidMax) {
    std::erase_if(
        paid_, [&](const auto& paid) { return clock_.now() > later(paid.second, kBeginSeconds); });
  }
  if (paid_.size() >= kPaidMax) co_return fail("too many payments at a time; it was not sent");
  Time& asked = paid_[hash];
  asked = clock_.now();
  const auto status = co_await back_end_->pay(std::move(*payment));
  paid_[hash] = clock_.now();  // from the end of the request on
  if (!status) co_return fail(status.error().message);
  if (status->state != PayStatus::State::failed) co_return checked(*status, hash);
  co_return co_await confirm_failed(hash, status->reason);
}

net::Task<PayStatus> CheckedNode::confirm_failed(Hash256 payment_hash, std::string reason) {
  const auto found = co_await back_end_->find(payment_hash);
  if (!found) {
    co_return not_known(fmt::format("{}; and it is not known whether anything is under way: {}",
                                    reason, found.error().message));
  }
  if (!*found || (*found)->state == PayStatus::State::failed) co_return refused(reason);
  co_return checked(**found, payment_hash);
}

net::Task<Result<PayStatus>> CheckedNode::find_payment(Hash256 payment_hash) {
  const auto found = co_await back_end_->find(payment_hash);
  if (!found) co_return fail(found.error().message);
  if (*found) co_return checked(**found, payment_hash);
  const auto paid = paid_.find(payment_hash);
  const Time since = paid == paid_.end() ? started_ : std::max(started_, paid->second);
  if (clock_.now() < later(since, kBeginSeconds)) {
    co_return not_known("the node does not know of the payment yet");
  }
  co_return refused("the node knows of no such payment");
}

PayStatus CheckedNode::checked(const PayStatus& status, const Hash256& payment_hash) const {
  if (status.state != PayStatus::State::succeeded) return status;
  if (sha256(as_bytes_view(status.preimage)) != payment_hash) {
    return not_known("the node says that it has paid, but its proof is not that of the invoice");
  }
  if (status.fee_msat < 0 || status.fee_msat > kMsatMax) {
    return not_known("the node says that it has paid, with a fee that can not be");
  }
  return status;
}

net::Task<> CheckedNode::keep_watch(CheckedNode* self, Hint hint) {
  const Hint tell = [self, &hint](const Hash256& hash) {
    self->open_.erase(hash);
    hint(hash);
  };
  bool goes_on = true;
  while (goes_on) {
    co_await self->look_at_open(tell);
    co_await self->back_end_->listen(tell);
    goes_on = co_await self->waits_->pause(self->options_.poll_interval);
  }
  self->end_call();
}

// Some of the open invoices, in circles.
net::Task<> CheckedNode::look_at_open(const Hint& hint) {
  const size_t count = std::min(kLookupsMax, open_.size());
  for (size_t i = 0; i < count && !open_.empty() && !waits_->stopped(); ++i) {
    auto next = open_.upper_bound(last_looked_);
    if (next == open_.end()) next = open_.begin();
    last_looked_ = next->first;
    const Open open = next->second;
    const auto status = co_await ask_invoice(open.key);
    // The node is away, or does not understand: the next round is soon.
    if (!status) co_return;
    const Hash256 hash = open.key.payment_hash;
    if (status->state == InvoiceState::settled) {
      hint(hash);
    } else if (status->state == InvoiceState::expired ||
               clock_.now() > later(open.expires, kOpenLateSeconds)) {
      open_.erase(hash);
    }
  }
}

}  // namespace satgate::node
