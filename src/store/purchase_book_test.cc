#include "store/purchase_book.h"

#include <gtest/gtest.h>

#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using Begun = PurchaseBook::Begun;
using State = PurchaseRecord::State;

PurchaseRecord purchase(uint8_t n) {
  PurchaseRecord made;
  made.payment_hash.fill(n);
  made.shelf = "agent GET /paid";
  made.route = "partner";
  made.upstream = "shop";
  made.buyer = "agent";
  made.scheme = "L402";
  made.ticket = "AgEHc2F0Z2F0";
  made.amount_msat = 10'000;
  made.held = Money::nano(50);
  made.created = Time::seconds(1000 + n);
  return made;
}

PurchaseBook::Paid paid(uint8_t n) {
  PurchaseBook::Paid out;
  out.preimage.fill(n);
  out.fee_msat = 7;
  out.cost = Money::nano(20);
  return out;
}

class PurchaseBookTest : public testing::Test {
 protected:
  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_ = open_database(dir_);
  PurchaseBook book_{*shared_};
};

TEST_F(PurchaseBookTest, KeepsWhatIsToBePaid) {
  ASSERT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::yes);
  EXPECT_EQ(book_.find(purchase(1).payment_hash).value(), purchase(1));
  EXPECT_EQ(book_.pending().value(), std::vector{purchase(1)});
  EXPECT_EQ(book_.find_usable("agent GET /paid").value(), std::nullopt);
}

TEST_F(PurchaseBookTest, NoInvoiceIsPaidTwice) {
  ASSERT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::yes);
  EXPECT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::known);
  ASSERT_TRUE(book_.succeed(purchase(1).payment_hash, paid(9), Time::seconds(1100)));
  EXPECT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::known);
  ASSERT_TRUE(book_.mark_spent(purchase(1).payment_hash));
  EXPECT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::known);
}

TEST_F(PurchaseBookTest, WhatFailedMayBeginAgain) {
  ASSERT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::yes);
  ASSERT_TRUE(book_.fail(purchase(1).payment_hash, "no route", Time::seconds(1100)));
  EXPECT_EQ(book_.find(purchase(1).payment_hash).value()->reason, "no route");
  EXPECT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::yes);
  EXPECT_EQ(book_.find(purchase(1).payment_hash).value(), purchase(1));
}

TEST_F(PurchaseBookTest, EndsOnce) {
  ASSERT_EQ(book_.begin(purchase(1), std::nullopt).value(), Begun::yes);
  ASSERT_TRUE(book_.succeed(purchase(1).payment_hash, paid(9), Time::seconds(1100)));
  ASSERT_TRUE(book_.fail(purchase(1).payment_hash, "late", Time::seconds(1200)));
  ASSERT_TRUE(book_.succeed(purchase(1).payment_hash, paid(8), Time::seconds(1200)));
  const auto found = book_.find(purchase(1).payment_hash).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, State::succeeded);
  EXPECT_EQ(found->preimage, paid(9).preimage);
  EXPECT_EQ(found->ended, Time::seconds(1100));
}

TEST_F(PurchaseBookTest, FindsTheNewestThatIsNotSpent) {
  for (uint8_t n = 1; n <= 3; ++n) {
    ASSERT_EQ(book_.begin(purchase(n), std::nullopt).value(), Begun::yes);
    ASSERT_TRUE(book_.succeed(purchase(n).payment_hash, paid(n), Time::seconds(1100)));
  }
  EXPECT_EQ(book_.find_usable("agent GET /paid").value()->payment_hash, purchase(3).payment_hash);
  ASSERT_TRUE(book_.mark_spent(purchase(3).payment_hash));
  EXPECT_EQ(book_.find_usable("agent GET /paid").value()->payment_hash, purchase(2).payment_hash);
  EXPECT_EQ(book_.find_usable("other GET /paid").value(), std::nullopt);
  EXPECT_EQ(book_.list(2).value().size(), 2U);
  EXPECT_EQ(book_.list(2).value()[0].payment_hash, purchase(3).payment_hash);
}

TEST_F(PurchaseBookTest, TheTotalCountsWhatIsHeldAndWhatWasPaid) {
  const PurchaseBook::Total total{Time::seconds(1000), Money::nano(100)};
  ASSERT_EQ(book_.begin(purchase(1), total).value(), Begun::yes);
  ASSERT_EQ(book_.begin(purchase(2), total).value(), Begun::yes);
  EXPECT_EQ(book_.begin(purchase(3), total).value(), Begun::over_total);
  EXPECT_EQ(book_.find(purchase(3).payment_hash).value(), std::nullopt);
  PurchaseRecord elsewhere = purchase(4);
  elsewhere.route = "another";
  EXPECT_EQ(book_.begin(elsewhere, total).value(), Begun::yes);
  ASSERT_TRUE(book_.succeed(purchase(1).payment_hash, paid(9), Time::seconds(1100)));
  EXPECT_EQ(book_.begin(purchase(3), total).value(), Begun::over_total);  // 20 + 50 + 50
  ASSERT_TRUE(book_.fail(purchase(2).payment_hash, "no route", Time::seconds(1100)));
  EXPECT_EQ(book_.begin(purchase(3), total).value(), Begun::yes);
  EXPECT_EQ(book_.begin(purchase(5), {{Time::seconds(1004), Money::nano(60)}}).value(), Begun::yes);
}

}  // namespace
}  // namespace satgate::store
