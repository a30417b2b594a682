// Refunds: what a buyer has paid and not used goes back, to an invoice of the buyer's own, by the
// gateway's node.
//
// A crash must never pay twice, and nobody may use what went back. So in this order: what is left
// on the paid token is held, which fails while a call holds some of it; the record says what
// begins; the token is revoked; the refund stands on disk as pending; then the node pays; then the
// record, the ledger and the disk say how it ended. What is pending is looked up at the node before
// anything else is done about that payment, and only what has failed for good may be begun again.
//
// Coroutines run on the caller's loop and block it for the disk.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/time.h"
#include "contract/records.h"
#include "contract/reservation.h"
#include "net/task.h"
#include "payment/bolt11.h"
#include "payment/lightning_node.h"
#include "store/bank.h"
#include "store/invoice_book.h"
#include "store/refund_book.h"

namespace satgate::flow {

struct RefundOrder {
  Hash256 payment{};        // of the invoice that the buyer had paid
  std::string bolt11;       // the buyer's own
  payment::Bolt11 invoice;  // the same, read; REQUIRES: with an amount
  int64_t fee_max_msat = 0;
};

// Why nothing was begun.
struct RefundProblem {
  bool unavailable = false;  // disk or node; else the order can not be carried out
  std::string message;
};

template <class T>
using Refunded = std::expected<T, RefundProblem>;

class Refunds {
 public:
  // `bank` and `clock` live longer.
  Refunds(store::Bank& bank, const Clock& clock) : bank_(bank), clock_(clock) {}

  // As it stands when the node has answered; `pending`: nobody knows yet.
  net::Task<Refunded<store::RefundRecord>> refund(payment::LightningNode& node, RefundOrder order);
  // Asks the node about one that is pending.
  net::Task<Refunded<store::RefundRecord>> settle(payment::LightningNode& node,
                                                  store::RefundRecord refund);

  // Held while a payment opens its token, so that it is not refunded at the same moment.
  std::mutex& opening() { return opening_; }
  // Whether it went back, or was to: then it opens nothing any more.
  Result<bool> is_closed(const Hash256& payment) const;

 private:
  struct Closing;
  net::Task<Refunded<store::InvoiceRecord>> paid_invoice(payment::LightningNode& node,
                                                         Hash256 payment);
  net::Task<Refunded<Closing>> hold_rest(store::InvoiceRecord invoice, int64_t amount_msat);
  net::Task<Refunded<void>> hold(Closing& closing, Money left);
  Refunded<store::RefundRecord> begin(const RefundOrder& order, Closing& closing);
  Refunded<void> close(const RefundOrder& order, const Closing& closing);
  net::Task<store::RefundRecord> pay(payment::LightningNode& node, RefundOrder order,
                                     store::RefundRecord refund, Closing closing);
  store::RefundRecord end(store::RefundRecord refund, const Result<payment::PayStatus>& status,
                          Reservation* held);
  void give_up(const RefundOrder& order, Closing& closing);

  store::Bank& bank_;
  const Clock& clock_;
  std::mutex opening_;
};

}  // namespace satgate::flow
