// One call's dealings with an upstream that asks to be paid: what it shows, what it buys, and what
// that is told and charged. It buys once.
//
//   while (true) {
//     ... send the request with shopper.authorization() ...
//     const auto verdict = co_await shopper.judge(head);
//     if (verdict != Shopper::Verdict::ask_again) break;
//   }
//   shopper.tell(outcome);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "contract/call.h"
#include "contract/fault.h"
#include "flow/buyer.h"
#include "flow/conversation.h"
#include "flow/settings.h"
#include "flow/worker.h"
#include "net/task.h"
#include "wire/head.h"

namespace satgate::flow {

class Shopper {
 public:
  // All outlive it. REQUIRES: route.pay, and the gateway has a buyer.
  Shopper(Worker& worker, const Settings& settings, const Route& route, const Call& call,
          const PurchaseRight& right);
  // A turn that nobody has ended is ended: others wait for it.
  ~Shopper();
  Shopper(const Shopper&) = delete;
  Shopper& operator=(const Shopper&) = delete;

  // For the next request to the upstream; empty: nothing was bought yet.
  std::string_view authorization() const;

  enum class Verdict : uint8_t { hand_on, ask_again, fail };
  net::Task<Verdict> judge(const wire::ResponseHead& head);
  Fault fault() const { return fault_; }  // of `fail`
  // Of a request that got no answer.
  Fault blame(Fault fault);

  // What was spent, or may have been.
  Money bought() const { return bought_; }
  void tell(Outcome& outcome) const;

 private:
  bool is_refusal(const wire::ResponseHead& head) const;
  Verdict fail(const NoSale& why);
  Verdict end_purchase(const wire::ResponseHead& head);
  net::Task<Verdict> begin(payment::SellerChallenge challenge);
  net::Task<Verdict> buy(payment::SellerChallenge challenge);
  Verdict take(Buyer::Bought bought);
  Buyer::Order order(payment::SellerChallenge challenge) const;

  Worker& worker_;
  Buyer& buyer_;
  const Settings& settings_;
  const Route& route_;
  const PurchaseRight& right_;
  const std::string shelf_;
  std::optional<Ticket> ticket_;  // that the next request shows, or the last has shown
  std::optional<Hash256> stale_;  // the last that was not taken any more
  std::string scheme_;            // of what this call has bought
  bool has_turn_ = false;
  bool asked_anew_ = false;  // for an invoice that is not paid yet
  size_t rounds_ = 0;
  Money bought_;
  std::string note_;
  Fault fault_;
  bool failed_ = false;
};

}  // namespace satgate::flow
