#include "flow/refunds.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "flow/paywall.h"
#include "store/directory.h"
#include "token/paid.h"

namespace satgate::flow {
namespace {

using payment::InvoiceState;
using payment::PayStatus;
using store::InvoiceRecord;
using store::RefundRecord;
using State = RefundRecord::State;

constexpr int kLeaseRounds = 64;
constexpr int64_t kPaySeconds = 20;  // less than a client of the admin API waits

std::unexpected<RefundProblem> refused(std::string message) {
  return std::unexpected(RefundProblem{false, std::move(message)});
}

std::unexpected<RefundProblem> unavailable(std::string message) {
  return std::unexpected(RefundProblem{true, std::move(message)});
}

std::string sats(int64_t msat) {
  return payment::format_sats(msat) + " sats";
}

std::unexpected<RefundProblem> in_use() {
  return refused("the token is in use right now: try again when its calls have ended");
}

// Rounded down to whole satoshis: what is left of a payment at the price that was paid.
int64_t rest_msat(int64_t received_msat, Money left, Money credit) {
  if (left >= credit) return received_msat;
  const __int128 rest = static_cast<__int128>(received_msat) * left.nano() / credit.nano();
  return static_cast<int64_t>(rest) / 1000 * 1000;
}

template <class T, class Ask>
net::Task<Result<T>> answer_of(Ask ask) {
  auto start = [&ask](net::Completion<Result<T>> done) {
    ask([done](Result<T> answer) { done(std::move(answer)); });
  };
  co_return co_await net::await_callback<Result<T>>(std::move(start));
}

AuditEvent event_of(const Hash256& payment, std::string_view name, std::string_view detail,
                    Time now) {
  AuditEvent event;
  event.time = now;
  event.kind = EventKind::refund;
  event.subject = name;
  event.token = token::paid_token_id(payment);
  event.detail = detail;
  return event;
}

}  // namespace

Refunded<void> check_amount(int64_t left_msat, int64_t amount_msat) {
  if (left_msat == 0) return refused("nothing of this payment is left");
  if (amount_msat <= left_msat) return {};
  return refused(fmt::format("{} are left of this payment, and the invoice asks for {}",
                             sats(left_msat), sats(amount_msat)));
}

// What is left of a payment, while nobody else can spend it.
struct Refunds::Closing {
  int64_t left_msat = 0;
  std::shared_ptr<const TokenRecord> token;  // null: none was opened
  std::shared_ptr<Reservation> held;         // null: nothing can spend it anyway
};

Result<bool> Refunds::is_closed(const Hash256& payment) const {
  TRY_ASSIGN(const auto refund, bank_.refunds().of_payment(payment));
  return refund.has_value();
}

net::Task<Refunded<RefundRecord>> Refunds::settle(payment::LightningNode& node,
                                                  RefundRecord refund) {
  auto ask = [&node, &refund](payment::Answered<PayStatus> done) {
    node.find(refund.target, std::move(done));
  };
  const auto status = co_await answer_of<PayStatus>(std::move(ask));
  co_return end(std::move(refund), status, nullptr);
}

net::Task<Refunded<RefundRecord>> Refunds::refund(payment::LightningNode& node, RefundOrder order) {
  auto before = bank_.refunds().of_payment(order.payment);
  if (!before) co_return unavailable(before.error().message);
  if (*before && (*before)->state == State::pending) {
    auto settled = co_await settle(node, **before);
    if (!settled || settled->state == State::pending) co_return settled;
    *before = *settled;
  }
  if (*before && (*before)->state == State::paid) {
    if ((*before)->target == order.invoice.payment_hash) co_return **before;
    co_return refused(fmt::format("{} of this payment went back already, to another invoice",
                                  sats((*before)->amount_msat)));
  }
  auto invoice = co_await paid_invoice(node, order.payment);
  if (!invoice) co_return std::unexpected(invoice.error());
  const int64_t amount = *order.invoice.amount_msat;
  Closing closing;
  if (*before) {
    closing.left_msat = (*before)->left_msat;
    const auto fits = check_amount(closing.left_msat, amount);
    if (!fits) co_return std::unexpected(fits.error());
  } else {
    auto rest = co_await hold_rest(*std::move(invoice), amount);
    if (!rest) co_return std::unexpected(rest.error());
    closing = *std::move(rest);
  }
  auto begun = begin(order, closing);
  if (!begun) {
    give_up(order, closing);
    co_return begun;
  }
  co_return co_await pay(node, std::move(order), *std::move(begun), std::move(closing));
}

// As the node says, where it is not noted yet.
net::Task<Refunded<InvoiceRecord>> Refunds::paid_invoice(payment::LightningNode& node,
                                                         Hash256 payment) {
  auto found = bank_.invoices().find(payment);
  if (!found) co_return unavailable(found.error().message);
  if (!*found) co_return refused("no invoice with this payment hash was made here");
  InvoiceRecord invoice = **found;
  if (invoice.paid) co_return invoice;
  const payment::InvoiceKey key{payment, invoice.node_id};
  auto ask = [&node, &key](payment::Answered<payment::InvoiceStatus> done) {
    node.lookup(key, std::move(done));
  };
  const auto status = co_await answer_of<payment::InvoiceStatus>(std::move(ask));
  if (!status) co_return unavailable(status.error().message);
  if (status->state != InvoiceState::settled) co_return refused("nobody has paid this invoice");
  const Time now = clock_.now();
  if (auto noted = bank_.invoices().mark_paid(payment, status->received_msat, now); !noted) {
    co_return unavailable(noted.error().message);
  }
  invoice.paid = now;
  invoice.received_msat = status->received_msat;
  co_return invoice;
}

net::Task<Refunded<Refunds::Closing>> Refunds::hold_rest(InvoiceRecord invoice,
                                                         int64_t amount_msat) {
  Closing closing;
  const auto found = bank_.directory().token(token::paid_token_id(invoice.payment_hash));
  if (!found) co_return unavailable(found.error().message);
  closing.left_msat = invoice.received_msat;
  if (!*found) {
    const auto fits = check_amount(closing.left_msat, amount_msat);
    if (!fits) co_return std::unexpected(fits.error());
    co_return closing;
  }
  closing.token = *found;
  const Money credit = closing.token->sale->credit;
  const ledger::Balance balance = bank_.balance(closing.token->account, clock_.now());
  if (!balance.carved.is_zero()) {
    co_return refused("a part of this token was handed down: revoke it first, so that it is back");
  }
  if (!balance.held.is_zero()) co_return in_use();
  const Money left = max(credit - balance.spent, Money());
  closing.left_msat = rest_msat(invoice.received_msat, left, credit);
  const auto fits = check_amount(closing.left_msat, amount_msat);
  if (!fits) co_return std::unexpected(fits.error());
  const auto held = co_await hold(closing, left);
  if (!held) co_return std::unexpected(held.error());
  co_return closing;
}

// All of it, which fails when any of it was spent or held meanwhile.
net::Task<Refunded<void>> Refunds::hold(Closing& closing, Money left) {
  SpendLimits limits;
  limits[Window::lifetime] = closing.token->sale->credit;
  Path path;
  if (!path.add({closing.token->account, AccountKind::paid, limits, closing.token->name})) {
    co_return unavailable("its account can not be held");
  }
  for (int round = 0; round < kLeaseRounds; ++round) {
    auto held = bank_.reserve(path, left, clock_.now());
    if (held) {
      closing.held = std::make_shared<Reservation>(std::move(*held));
      co_return Refunded<void>();
    }
    if (std::holds_alternative<ledger::Misfit>(held.error())) co_return in_use();
    if (const auto* down = std::get_if<store::Unavailable>(&held.error())) {
      co_return unavailable(down->reason);
    }
    const auto& shortage = std::get<ledger::LeaseShortage>(held.error());
    auto extend = [this, &shortage](net::Completion<bool> done) {
      bank_.extend_leases(shortage, [done](bool granted) { done(granted); });
    };
    const bool granted = co_await net::await_callback<bool>(std::move(extend));
    if (!granted) break;
  }
  co_return unavailable("no lease could be committed");
}

// From here on it is on disk that this invoice may have been paid.
Refunded<RefundRecord> Refunds::begin(const RefundOrder& order, Closing& closing) {
  const std::lock_guard lock(opening_);
  if (!closing.token) {
    const auto opened = bank_.directory().token(token::paid_token_id(order.payment));
    if (!opened) return unavailable(opened.error().message);
    if (*opened && !(*opened)->revoked) {
      return refused("the payment has just opened its token: try again");
    }
  }
  TRY(close(order, closing));
  RefundRecord refund;
  refund.payment = order.payment;
  refund.target = order.invoice.payment_hash;
  refund.bolt11 = order.bolt11;
  refund.amount_msat = *order.invoice.amount_msat;
  refund.left_msat = closing.left_msat;
  refund.created = clock_.now();
  const auto id = bank_.refunds().add(refund);
  if (!id) return unavailable(id.error().message);
  refund.id = *id;
  return refund;
}

// The record first, then the token.
Refunded<void> Refunds::close(const RefundOrder& order, const Closing& closing) {
  const std::string name = paid_token_name(order.payment);
  const std::string detail =
      fmt::format("{} of payment {} begin to go back, to invoice {}; what was bought is closed",
                  sats(*order.invoice.amount_msat), to_hex(as_bytes_view(order.payment)),
                  to_hex(as_bytes_view(order.invoice.payment_hash)));
  const Time now = clock_.now();
  const auto written = bank_.record(event_of(order.payment, name, detail, now));
  if (!written) return unavailable(written.error().reason);
  if (!bank_.flush()) return unavailable("the record can not be written");
  if (!closing.token || closing.token->revoked) return {};
  TokenRecord closed = *closing.token;
  closed.revoked = true;
  closed.revoked_at = now;
  if (auto stored = bank_.directory().update_token(std::move(closed)); !stored) {
    return unavailable(stored.error().message);
  }
  return {};
}

// The end is written from the node's answer, whether or not anybody waits for it any more.
net::Task<RefundRecord> Refunds::pay(payment::LightningNode& node, RefundOrder order,
                                     RefundRecord refund, Closing closing) {
  payment::PayRequest request;
  request.bolt11 = order.bolt11;
  request.fee_max_msat = order.fee_max_msat;
  request.timeout_seconds = kPaySeconds;
  auto start = [this, &node, &request, &refund, &closing](net::Completion<RefundRecord> done) {
    node.pay(request, [this, refund, held = closing.held, done](Result<PayStatus> status) {
      done(end(refund, status, held.get()));
    });
  };
  co_return co_await net::await_callback<RefundRecord>(std::move(start));
}

RefundRecord Refunds::end(RefundRecord refund, const Result<PayStatus>& status, Reservation* held) {
  refund.state = !status                                        ? State::pending
                 : status->state == PayStatus::State::pending   ? State::pending
                 : status->state == PayStatus::State::succeeded ? State::paid
                                                                : State::failed;
  refund.reason = !status ? status.error().message : status->reason;
  refund.fee_msat = refund.state == State::paid ? status->fee_msat : 0;
  const Time now = clock_.now();
  if (refund.state != State::pending) refund.ended = now;
  const std::string_view outcome = refund.state == State::paid     ? "went back"
                                   : refund.state == State::failed ? "did not go back"
                                                                   : "may have gone back";
  std::string detail = fmt::format("{} of payment {} {}, to invoice {}", sats(refund.amount_msat),
                                   to_hex(as_bytes_view(refund.payment)), outcome,
                                   to_hex(as_bytes_view(refund.target)));
  if (!refund.reason.empty()) detail += ": " + refund.reason;
  const std::string name = paid_token_name(refund.payment);
  AuditEvent event = event_of(refund.payment, name, detail, now);
  // The token is closed for good, so nothing of its credit comes back to it.
  if (held) {
    const Money rest = held->amount();
    static_cast<void>(bank_.settle(std::move(*held), rest, event));
  } else if (refund.state != State::pending) {
    static_cast<void>(bank_.record(event));
  }
  static_cast<void>(bank_.flush());
  // Where this fails it stays pending, and is asked about again.
  const auto written =
      bank_.refunds().end(refund.id, refund.state, refund.fee_msat, refund.reason, now);
  if (!written) refund.state = State::pending;
  return refund;
}

void Refunds::give_up(const RefundOrder& order, Closing& closing) {
  if (!closing.held) return;
  const std::string name = paid_token_name(order.payment);
  AuditEvent event = event_of(order.payment, name, "a refund was not begun", clock_.now());
  static_cast<void>(bank_.release(std::move(*closing.held), event));
  static_cast<void>(bank_.flush());
}

}  // namespace satgate::flow
