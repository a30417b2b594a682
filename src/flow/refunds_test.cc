// What would pay a buyer twice, or give away what went back: a crash at any step, an answer of the
// node that nobody got, a call that is under way, a second order.
#include "flow/refunds.h"

#include <gtest/gtest.h>

#include <future>

#include "net/test_support.h"
#include "store/directory.h"
#include "store/store_test_support.h"
#include "token/paid.h"

namespace satgate::flow {
namespace {

using payment::PayStatus;
using store::RefundRecord;
using State = RefundRecord::State;

const Time kNow = *parse_time("2026-04-09T18:00:00Z");

Hash256 hash_of(uint8_t n) {
  Hash256 hash;
  hash.fill(n);
  return hash;
}

// Answers at once; counts what would have left.
class FakeNode final : public payment::LightningNode {
 public:
  Result<PayStatus> paying, finding;
  Result<payment::InvoiceStatus> invoice;
  int pays = 0;
  std::function<void()> while_paying = [] {};

  std::string_view provider() const override { return "fake"; }
  int64_t unit_msat() const override { return 1; }
  void create(payment::InvoiceRequest, payment::Answered<payment::Invoice> done) override {
    done(fail("none are made"));
  }
  void lookup(payment::InvoiceKey, payment::Answered<payment::InvoiceStatus> done) override {
    done(invoice);
  }
  void pay(payment::PayRequest, payment::Answered<PayStatus> done) override {
    ++pays;
    while_paying();
    done(paying);
  }
  void find(const Hash256&, payment::Answered<PayStatus> done) override { done(finding); }
  void watch(std::function<void(const Hash256&)>) override {}
  void ping(payment::Answered<std::string> done) override { done(std::string("fake")); }
};

PayStatus status(PayStatus::State state, std::string reason = "") {
  PayStatus made;
  made.state = state;
  made.reason = std::move(reason);
  made.fee_msat = state == PayStatus::State::succeeded ? 7 : 0;
  return made;
}

class RefundsTest : public testing::Test {
 protected:
  RefundsTest() {
    node_.paying = status(PayStatus::State::succeeded);
    node_.finding = status(PayStatus::State::failed, "not known");
    reopen();
    store::InvoiceRecord invoice;
    invoice.payment_hash = hash_of(1);
    invoice.bolt11 = "lnbcrt1";
    invoice.amount_msat = 10'000;
    invoice.created = kNow;
    invoice.expires = Time::seconds(kNow.unix_seconds() + 600);
    EXPECT_TRUE(bank_->invoices().add(invoice));
    EXPECT_TRUE(bank_->invoices().mark_paid(hash_of(1), 10'000, kNow));
  }

  // As after a crash: nothing but what is on disk.
  void reopen() {
    refunds_.reset();
    bank_.reset();
    store::BankOptions options;
    options.data_dir = dir_.path() / "data";
    auto opened = store::Bank::open(options, clock_);
    EXPECT_TRUE(opened) << opened.error().message;
    bank_ = std::move(*opened);
    refunds_ = std::make_unique<Refunds>(*bank_, clock_);
  }

  // One credit for ten satoshis.
  TokenRecord open_token() {
    TokenRecord record;
    record.id = token::paid_token_id(hash_of(1));
    record.name = "paid-0101010101010101";
    record.created = kNow;
    record.sale = Sale{hash_of(1), 10'000, Money::credits(1), 0};
    record.limits[Window::lifetime] = Money::credits(1);
    EXPECT_TRUE(bank_->directory().add_token(record));
    return **bank_->directory().token(record.id);
  }

  std::optional<Reservation> hold(const TokenRecord& record, Money amount) {
    Path path;
    EXPECT_TRUE(path.add({record.account, AccountKind::paid, record.limits, record.name}));
    for (int round = 0; round < 10; ++round) {
      auto held = bank_->reserve(path, amount, kNow);
      if (held) return std::move(*held);
      const auto* shortage = std::get_if<ledger::LeaseShortage>(&held.error());
      if (shortage == nullptr) return std::nullopt;
      std::promise<void> extended;
      bank_->extend_leases(*shortage, [&](bool) { extended.set_value(); });
      extended.get_future().wait();
    }
    return std::nullopt;
  }

  void spend(const TokenRecord& record, Money amount) {
    auto held = hold(record, amount);
    ASSERT_TRUE(held);
    AuditEvent event;
    event.time = kNow;
    event.subject = record.name;
    ASSERT_TRUE(bank_->settle(std::move(*held), amount, event));
  }

  Refunded<RefundRecord> refund(int64_t amount_msat, uint8_t target = 9) {
    RefundOrder order;
    order.payment = hash_of(1);
    order.bolt11 = "lnbcrt2";
    order.invoice.amount_msat = amount_msat;
    order.invoice.payment_hash = hash_of(target);
    std::optional<Refunded<RefundRecord>> answer;
    EXPECT_TRUE(net::testing::run_to_end(loop_, ask(std::move(order), answer)));
    return answer.value_or(std::unexpected(RefundProblem{true, "no answer"}));
  }

  net::Task<> ask(RefundOrder order, std::optional<Refunded<RefundRecord>>& answer) {
    answer = co_await refunds_->refund(node_, std::move(order));
  }

  ManualClock clock_{kNow};
  store::TempDir dir_;
  net::Loop loop_;
  FakeNode node_;
  std::unique_ptr<store::Bank> bank_;
  std::unique_ptr<Refunds> refunds_;
};

TEST_F(RefundsTest, WhatNobodyUsedGoesBackOnceAndOpensNothingAnyMore) {
  EXPECT_FALSE(refunds_->is_closed(hash_of(1)).value());
  const auto first = refund(10'000);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->state, State::paid);
  EXPECT_EQ(first->fee_msat, 7);
  EXPECT_TRUE(refunds_->is_closed(hash_of(1)).value());
  const auto again = refund(10'000);
  ASSERT_TRUE(again) << "the same order is the same refund";
  EXPECT_EQ(again->id, first->id);
  const auto other = refund(10'000, 8);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("went back already"), std::string::npos);
  EXPECT_EQ(node_.pays, 1);
}

TEST_F(RefundsTest, OfAUsedTokenOnlyTheRestAndTheTokenIsClosed) {
  const TokenRecord record = open_token();
  spend(record, Money::nano(250'000'001));
  const auto much = refund(8'000);
  ASSERT_FALSE(much);
  EXPECT_NE(much.error().message.find("7 sats are left"), std::string::npos)
      << much.error().message;
  EXPECT_FALSE((*bank_->directory().token(record.id))->revoked) << "nothing was begun";
  node_.while_paying = [&] {
    EXPECT_TRUE((*bank_->directory().token(record.id))->revoked);
    EXPECT_FALSE(hold(record, Money::nano(1))) << "nothing can be spent meanwhile";
    EXPECT_EQ(bank_->refunds().pending().value().size(), 1U);
  };
  const auto rest = refund(7'000);
  ASSERT_TRUE(rest) << rest.error().message;
  EXPECT_EQ(rest->left_msat, 7'000);
  EXPECT_EQ(bank_->held_count(), 0U);
  EXPECT_FALSE(hold(record, Money::nano(1))) << "nor afterwards, by a call that came in before";
}

TEST_F(RefundsTest, NotWhileACallIsUnderWay) {
  const TokenRecord record = open_token();
  auto held = hold(record, Money::nano(1));
  ASSERT_TRUE(held);
  const auto refused = refund(1'000);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("in use"), std::string::npos);
  EXPECT_FALSE((*bank_->directory().token(record.id))->revoked);
  AuditEvent event;
  event.time = kNow;
  ASSERT_TRUE(bank_->settle(std::move(*held), Money(), event));
  EXPECT_TRUE(refund(1'000));
}

TEST_F(RefundsTest, WhatNobodyKnowsIsAskedAboutAndNotPaidAgain) {
  open_token();
  node_.paying = fail("the node is away");
  const auto unknown = refund(10'000);
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->state, State::pending);
  reopen();
  node_.paying = status(PayStatus::State::succeeded);
  node_.finding = fail("the node is away");
  EXPECT_EQ(refund(10'000, 8)->state, State::pending);
  node_.finding = status(PayStatus::State::succeeded);
  const auto other = refund(10'000, 8);
  ASSERT_FALSE(other) << "it went to the first invoice";
  EXPECT_NE(other.error().message.find("went back already"), std::string::npos);
  EXPECT_EQ(bank_->refunds().of_payment(hash_of(1)).value()->target, hash_of(9));
  EXPECT_EQ(node_.pays, 1);
}

// The crash comes after the disk says that it may have been paid, and before it was.
TEST_F(RefundsTest, WhatWasNeverBegunIsPaidOnceAfterACrash) {
  TokenRecord record = open_token();
  spend(record, Money::nano(500'000'000));
  record.revoked = true;
  ASSERT_TRUE(bank_->directory().update_token(record));
  RefundRecord begun;
  begun.payment = hash_of(1);
  begun.target = hash_of(9);
  begun.bolt11 = "lnbcrt2";
  begun.amount_msat = begun.left_msat = 5'000;
  begun.created = kNow;
  ASSERT_TRUE(bank_->refunds().add(begun));
  reopen();
  node_.finding = status(PayStatus::State::pending, "not known yet");
  EXPECT_EQ(refund(5'000)->state, State::pending);
  EXPECT_EQ(node_.pays, 0);
  node_.finding = status(PayStatus::State::failed, "never begun");
  EXPECT_FALSE(refund(5'001)) << "no more than was left then";
  const auto paid = refund(5'000);
  ASSERT_TRUE(paid) << paid.error().message;
  EXPECT_EQ(paid->state, State::paid);
  EXPECT_EQ(node_.pays, 1);
}

TEST_F(RefundsTest, WhatHasFailedGoesToAnotherInvoice) {
  open_token();
  node_.paying = status(PayStatus::State::failed, "no route");
  const auto failed = refund(10'000);
  ASSERT_TRUE(failed);
  EXPECT_EQ(failed->state, State::failed);
  EXPECT_EQ(failed->reason, "no route");
  node_.paying = status(PayStatus::State::succeeded);
  const auto paid = refund(9'000, 8);
  ASSERT_TRUE(paid) << paid.error().message;
  EXPECT_EQ(paid->left_msat, 10'000);
}

TEST_F(RefundsTest, TheNodeSaysWhetherSomebodyHasPaid) {
  store::InvoiceRecord other;
  other.payment_hash = hash_of(2);
  other.amount_msat = 10'000;
  ASSERT_TRUE(bank_->invoices().add(other));
  const auto refund_other = [&] {
    RefundOrder order;
    order.payment = hash_of(2);
    order.invoice.amount_msat = 4'000;
    order.invoice.payment_hash = hash_of(9);
    std::optional<Refunded<RefundRecord>> answer;
    EXPECT_TRUE(net::testing::run_to_end(loop_, ask(std::move(order), answer)));
    return *answer;
  };
  node_.invoice = payment::InvoiceStatus{payment::InvoiceState::open, 0};
  EXPECT_FALSE(refund_other());
  node_.invoice = payment::InvoiceStatus{payment::InvoiceState::settled, 4'000};
  const auto paid = refund_other();
  ASSERT_TRUE(paid) << "what came, although it is too little: " << paid.error().message;
  EXPECT_EQ(paid->left_msat, 4'000);
}

}  // namespace
}  // namespace satgate::flow
