// What would make a seller believe in money that is not there, or a buyer's that is not owed.
#include "report/revenue.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "store/bank.h"
#include "store/bank_hooks.h"
#include "store/directory.h"
#include "store/invoice_book.h"
#include "store/refund_book.h"
#include "store/store_test_support.h"

namespace satgate::report {
namespace {

const Time kNow = *parse_time("2026-04-30T23:59:59Z");

Hash256 hash_of(uint8_t n) {
  Hash256 hash;
  hash.fill(n);
  return hash;
}

class RevenueTest : public testing::Test {
 protected:
  RevenueTest() { bank_ = open_bank(dir_); }

  // Its books are written only when somebody asks.
  std::unique_ptr<store::Bank> open_bank(const store::TempDir& dir) {
    store::BankOptions options;
    options.data_dir = dir.path() / "data";
    store::BankHooks hooks;
    hooks.keeper_ms = 3'600'000;
    auto opened = store::Bank::open(options, clock_, hooks);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }

  void pay(uint8_t n, int64_t received_msat) {
    store::InvoiceRecord invoice;
    invoice.payment_hash = hash_of(n);
    invoice.amount_msat = 10'000;
    invoice.created = kNow;
    ASSERT_TRUE(bank_->invoices().add(invoice));
    ASSERT_TRUE(bank_->invoices().mark_paid(hash_of(n), received_msat, kNow));
  }

  // Three credits for what came.
  TokenRecord open(uint8_t n, const std::string& name) {
    TokenRecord record;
    record.id = TokenId{{n}};
    record.name = name;
    record.created = kNow;
    record.expires = Time::seconds(kNow.unix_seconds() + n);
    record.sale = Sale{hash_of(n), 10'000, Money::credits(3), 3};
    EXPECT_TRUE(bank_->directory().add_token(record));
    return **bank_->directory().token(record.id);
  }

  void call(const TokenRecord& record, Money cost, Time at = kNow) {
    Path path;
    SpendLimits limits;
    ASSERT_TRUE(path.add({record.account, AccountKind::paid, limits, record.name}));
    auto held = bank_->reserve(path, cost, at);
    ASSERT_TRUE(held);
    AuditEvent event;
    event.time = at;
    event.subject = record.name;
    event.decision = Decision::allow;
    event.call.emplace();
    event.call->route = "shop";
    event.shares = shares_;
    ASSERT_TRUE(bank_->settle(std::move(*held), cost, event));
  }

  RevenueReport report(RevenueQuery query) {
    bank_->flush_books();
    if (query.now == Time()) query.now = kNow;
    auto found = revenue(bank_->database_path(), query);
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(RevenueReport());
  }

  const Shares shares_ = {{"acme", 500'000}};
  ManualClock clock_{kNow};
  store::TempDir dir_;
  std::unique_ptr<store::Bank> bank_;
};

TEST_F(RevenueTest, EachPaymentHasAPriceOfItsOwn) {
  pay(1, 10'000);
  pay(2, 20'000);
  const TokenRecord cheap = open(1, "paid-1");
  const TokenRecord dear = open(2, "paid-2");
  call(cheap, Money::credits(1));
  call(dear, Money::credits(2));
  TokenRecord own;
  own.id = TokenId{{9}};
  own.name = "paid-9";
  ASSERT_TRUE(bank_->directory().add_token(own));
  call(**bank_->directory().token(own.id), Money::credits(50));
  const RevenueReport found = report({.by = RevenueBy::buyer});
  ASSERT_EQ(found.rows.size(), 2U) << "a token of the seller is nobody's payment";
  EXPECT_EQ(found.rows[0].name, "paid-2");
  EXPECT_EQ(found.rows[0].earned_msat, 13'333);
  EXPECT_EQ(found.rows[1].earned_msat, 3'333);
  EXPECT_EQ(found.earned, Money::credits(3));
  EXPECT_EQ(found.received_msat, 30'000);
  EXPECT_EQ(found.owed_msat, 10'000 - 3'333 + 20'000 - 13'333);
  const RevenueReport partners = report({.by = RevenueBy::partner});
  ASSERT_EQ(partners.rows.size(), 1U);
  EXPECT_EQ(partners.rows[0].earned, Money::nano(26'500'000'000)) << "of the seller's own, too";
  EXPECT_EQ(partners.rows[0].calls, 3U);
  EXPECT_EQ(partners.rows[0].period, "2026-04");
}

TEST_F(RevenueTest, WhatIsOverIsUnusedAndWhatIsNotIsOwed) {
  pay(1, 10'000);
  pay(5, 10'000);
  pay(7, 4'000);
  call(open(1, "paid-1"), Money::credits(1));
  call(open(5, "paid-5"), Money::credits(3));
  const RevenueReport before = report({});
  EXPECT_EQ(before.owed_msat, 6'667 + 4'000) << "what came too short is the buyer's";
  EXPECT_EQ(before.unused_msat, 0);
  RevenueQuery later;
  later.now = Time::seconds(kNow.unix_seconds() + 1);
  EXPECT_EQ(report(later).owed_msat, 4'000);
  EXPECT_EQ(report(later).unused_msat, 6'667);
}

TEST_F(RevenueTest, WhatGoesBackIsCountedOnce) {
  pay(1, 10'000);
  call(open(1, "paid-1"), Money::credits(1));
  store::RefundRecord refund;
  refund.payment = hash_of(1);
  refund.target = hash_of(8);
  refund.amount_msat = 5'000;
  refund.left_msat = 6'000;
  const auto id = bank_->refunds().add(refund);
  ASSERT_TRUE(id);
  EXPECT_EQ(report({}).owed_msat, 6'000);
  ASSERT_TRUE(bank_->refunds().end(*id, store::RefundRecord::State::paid, 1, "", kNow));
  const RevenueReport after = report({});
  EXPECT_EQ(after.owed_msat, 0);
  EXPECT_EQ(after.unused_msat, 1'000);
  EXPECT_EQ(after.refunded_msat, 5'000);
}

// The journal alone knows them: digit by digit, although no double holds the amount.
TEST_F(RevenueTest, SharesSurviveAKillThatComesBeforeTheBooks) {
  const Money cost = Money::nano(9'007'199'254'740'993);
  TokenRecord own;
  own.id = TokenId{{9}};
  own.name = "seller";
  ASSERT_TRUE(bank_->directory().add_token(own));
  const TokenRecord record = **bank_->directory().token(own.id);
  call(record, cost);
  call(record, Money::nano(3));
  const store::TempDir after;
  dir_.copy_to(after);
  bank_ = open_bank(after);
  ASSERT_TRUE(bank_);
  const RevenueReport found = report({.by = RevenueBy::partner});
  ASSERT_EQ(found.rows.size(), 1U);
  EXPECT_EQ(found.rows[0].earned, Money::nano(4'503'599'627'370'496 + 1));
  EXPECT_EQ(found.rows[0].calls, 2U);
  bank_.reset();
}

TEST_F(RevenueTest, OnlyTheTimeThatWasAskedFor) {
  pay(1, 10'000);
  const TokenRecord record = open(1, "paid-1");
  call(record, Money::credits(1));
  call(record, Money::credits(1), Time::seconds(kNow.unix_seconds() + 1));
  EXPECT_EQ(report({.by = RevenueBy::day}).rows.size(), 2U);
  const RevenueReport may =
      report({.by = RevenueBy::partner, .since = *parse_time("2026-05-01T00:00:00Z")});
  EXPECT_EQ(may.calls, 1U);
  EXPECT_EQ(may.payments, 0U);
  ASSERT_EQ(may.rows.size(), 1U);
  EXPECT_EQ(may.rows[0].period, "2026-05");
  for (const RevenueBy by :
       {RevenueBy::route, RevenueBy::buyer, RevenueBy::day, RevenueBy::partner})
    EXPECT_EQ(parse_revenue_by(to_string(by)), by);
}

}  // namespace
}  // namespace satgate::report
