// A LightningNode on a loop and thread of its own, over a BackEnd whose every word is checked:
//
// - An invoice is one only when its text was decoded, its signature is good, and it is of the
//   configured network, of the hash that the node said, for exactly the amount that was wanted, not
//   shorter-lived by much than wanted, and no other call has got it before.
// - What came is a plausible amount.
// - A payment has succeeded when its preimage is that of the invoice. It has failed when the node
//   says so, or refuses it, and find() says that nothing of it is under way. All else is `pending`;
//   only where nothing at all was sent, pay() is an error.
// - "The node knows of no such payment" is `failed` only some time after the last pay(), and after
//   the start: until then the request may still be on its way to it.
//
// Destroying it ends what waits, whose callbacks get an error. Not from a callback.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/time.h"
#include "node/back_end.h"
#include "node/waits.h"
#include "payment/bolt11.h"
#include "payment/lightning_node.h"

namespace satgate::node {

struct CheckOptions {
  payment::Network network = payment::Network::mainnet;
  net::Milliseconds poll_interval{3'000};  // of open invoices, and between two attempts to listen
};

class CheckedNode final : public payment::LightningNode {
 public:
  // `clock` lives longer than this.
  CheckedNode(CheckOptions options, const Clock& clock, std::unique_ptr<Waits> waits,
              std::unique_ptr<BackEnd> back_end);
  ~CheckedNode() override;
  CheckedNode(const CheckedNode&) = delete;
  CheckedNode& operator=(const CheckedNode&) = delete;

  BackEnd& back_end() { return *back_end_; }

  std::string_view provider() const override { return back_end_->provider(); }
  int64_t unit_msat() const override { return back_end_->unit_msat(); }
  void create(InvoiceRequest request, payment::Answered<payment::Invoice> done) override;
  void lookup(InvoiceKey key, payment::Answered<InvoiceStatus> done) override;
  void pay(PayRequest request, payment::Answered<PayStatus> done) override;
  void find(const Hash256& payment_hash, payment::Answered<PayStatus> done) override;
  void watch(Hint hint) override;
  void ping(payment::Answered<std::string> done) override;

 private:
  struct Open {
    InvoiceKey key;
    Time expires;
  };

  template <class T>
  void start(net::Task<Result<T>> task, payment::Answered<T> done);
  template <class T>
  static net::Task<> run(CheckedNode* self, net::Task<Result<T>> task, payment::Answered<T> done);
  void end_call();

  net::Task<Result<payment::Invoice>> make_invoice(InvoiceRequest request);
  Result<payment::Invoice> check_invoice(const InvoiceRequest& request, const MadeInvoice& made);
  void remember(const payment::Invoice& invoice);
  net::Task<Result<InvoiceStatus>> ask_invoice(InvoiceKey key);
  net::Task<Result<PayStatus>> pay_once(PayRequest request);
  Result<Payment> read_payment(const PayRequest& request) const;
  net::Task<PayStatus> confirm_failed(Hash256 payment_hash, std::string reason);
  net::Task<Result<PayStatus>> find_payment(Hash256 payment_hash);
  PayStatus checked(const PayStatus& status, const Hash256& payment_hash) const;
  static net::Task<> keep_watch(CheckedNode* self, Hint hint);
  net::Task<> look_at_open(const Hint& hint);

  const CheckOptions options_;
  const Clock& clock_;
  std::unique_ptr<Waits> waits_;  // holds the loop: outlives what lives on it
  std::unique_ptr<BackEnd> back_end_;
  const Time started_;
  std::atomic<size_t> calls_ = 0;  // that have not been answered
  // On the loop:
  std::set<Hash256> made_;     // hashes of the invoices that were given out
  std::deque<Hash256> order_;  // of them, the oldest first
  std::map<Hash256, Open> open_;
  Hash256 last_looked_{};         // at open_, which is walked in circles
  std::map<Hash256, Time> paid_;  // when pay() was last asked to pay it
};

}  // namespace satgate::node
