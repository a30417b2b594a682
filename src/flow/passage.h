// A Passage is one call on its way through the rooms: it gathers what each room earned. A step
// after a refusal does nothing, except that observe goes on (Law 1.5) and remembers what it would
// have refused. exchange.cc fixes the order of the steps.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "contract/approval.h"
#include "contract/path.h"
#include "contract/quote.h"
#include "contract/records.h"
#include "contract/reservation.h"
#include "contract/verified_token.h"
#include "flow/account_path.h"
#include "flow/conversation.h"
#include "flow/paywall.h"
#include "flow/worker.h"
#include "store/approval_book.h"
#include "tariff/terms.h"

namespace satgate::flow {

class Passage {
 public:
  Passage(Worker& worker, Conversation& conversation);
  // Without a conversation to answer in: judge_credential().
  Passage(Worker& worker, const Conversation& conversation);
  ~Passage();
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;

  void identify();
  // A payment that was shown, and opens no token yet.
  bool is_unredeemed() const { return unredeemed_; }
  net::Task<> redeem();
  void authorize();
  void judge_tool();
  bool asks_pricer() const;
  net::Task<> ask_pricer();
  void price();
  void trace();
  bool needs_approval() const { return needs_approval_; }
  net::Task<> seek_approval();
  bool guards_loops() const { return settings_->loops.has_value(); }
  net::Task<> guard_loop();
  void choose_model();
  void find_cached();
  net::Task<> hold();
  net::Task<> use_approval();
  // A refusal that a payment would lift.
  bool can_be_sold() const;
  net::Task<> offer_payment();
  void record_refusal();
  net::Task<> refuse();
  net::Task<> forward();
  void settle();
  // The upstream failed: whether somebody else may be asked, and whether somebody else is.
  bool may_fall_back() const { return outcome_.may_fall_back; }
  net::Task<bool> falls_back();
  net::Task<> answer();

  // Refused in control. In observe nothing is ever refused.
  bool refused() const { return denial_.has_value() && !observing(); }
  const std::optional<Denial>& denial() const { return denial_; }

 private:
  bool observing() const { return call_.mode == Mode::observe; }
  bool stopped() const { return denial_.has_value(); }
  void deny(Refusal refusal, std::string message);
  bool verify(const Credential& credential);
  bool verify_payment(const Credential& credential);
  void judge_token();
  std::optional<Product> product(const Quote& quote) const;
  bool is_agreed(const Quote& quote) const;
  bool is_given_away();

  const tariff::PricerPolicy* pricer() const;
  AccountId caller() const;
  int64_t calls_so_far(const tariff::Terms& terms) const;
  tariff::Circumstances circumstances(const tariff::Terms& terms) const;
  Quote quote_here(const Quote& quote);
  Quote quote_for_buyer(const Quote& quote) const;
  bool add_volume_account();
  bool takes_next_tier(const ledger::Misfit& misfit);
  void deny_over_call_max();
  std::string_view cost_field() const;
  bool may_buy() const;
  bool add_tool_caveats(Product& sold) const;
  bool is_of_this_tool() const;
  bool may_be_called();
  void deny_loop(const LoopRule& rule, const LoopGuard::Count& count);
  void deny_misfit(const ledger::Misfit& misfit);
  void deny_unavailable(const std::string& reason);
  void add_alternative();

  StoredAnswers::Lineage lineage() const;
  void judge_stored();
  Call culprit(Refusal refusal) const;

  void take_quote(const Quote& quote);
  std::string cache_scope(CacheRules::Scope scope) const;
  void find_cached_result();
  const RoutingRule* routing() const;
  bool low_stakes(const LowStakes& rule) const;
  bool redirect(const Destination& to, bool only_if_cheaper);
  void record_missed_fallback();

  void note_lineage();
  std::string_view token_name() const;

  Approval wanted_approval(Time now) const;
  void identify_again(Time now);
  void take_standing(const store::ApprovalBook::Standing& standing);
  std::string denial_text(std::string_view reason) const;
  void deny_used_approval();
  bool claim_approval();

  net::Task<> hold_quote();
  net::Watermark::Wait recorded();
  Money headroom() const;
  bool fits_call_max() const;
  bool may_fit_smaller() const;
  bool tighten();
  bool clamp();

  bool waits_for_outcome();
  bool is_buyers_loss() const;
  void settle_held();
  void settle_unheld();
  AuditEvent& event();
  std::optional<Money> cost_of_outcome() const;
  void count_outcome();

  Worker& worker_;
  const Conversation& conversation_;
  const Settings* settings_;
  Conversation* answering_ = nullptr;
  const Call& call_;

  std::optional<Denial> denial_;
  std::optional<VerifiedToken> token_;
  std::shared_ptr<const TokenRecord> record_;
  std::string key_name_;  // observe: of a caller with a key that is not ours
  BudgetLine budgets_;
  std::optional<Quote> quote_;
  tariff::Circumstances under_;         // of quote_, where it has terms
  std::optional<Money> asked_price_;    // of the pricer
  bool is_unpriced_ = false;            // it was to say a price, and did not
  std::optional<size_t> volume_entry_;  // of path_
  Path path_;
  std::optional<Reservation> reservation_;
  Passing passing_;
  Outcome outcome_;
  Settled settled_;
  std::optional<Fault> broken_;  // the record could not be written: the answer must not end well
  bool forwarding_ = false;
  uint64_t clamped_output_ = 0;
  uint64_t loop_repeats_ = 0;
  size_t fallbacks_tried_ = 0;
  bool unredeemed_ = false;
  std::string receipt_;  // of a payment by the Payment scheme
  bool needs_approval_ = false;
  std::optional<ApprovalId> approval_;  // given by a person
  std::optional<ApprovalId> claimed_;   // no other call can use it until this one lets go
  std::string detail_;  // for the event: what of it is the config's to say, never the call's
  bool cache_hit_ = false;
};

}  // namespace satgate::flow
