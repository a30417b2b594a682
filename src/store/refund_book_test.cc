#include "store/refund_book.h"

#include <gtest/gtest.h>

#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using State = RefundRecord::State;

RefundRecord refund(uint8_t payment, uint8_t target) {
  RefundRecord made;
  made.payment.fill(payment);
  made.target.fill(target);
  made.bolt11 = "lnbcrt50n1...";
  made.amount_msat = 5'000;
  made.left_msat = 6'000;
  made.created = Time::seconds(1000);
  return made;
}

class RefundBookTest : public testing::Test {
 protected:
  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_ = open_database(dir_);
  RefundBook book_{*shared_};
};

TEST_F(RefundBookTest, NothingGoesBackTwice) {
  const auto first = book_.add(refund(1, 2));
  ASSERT_TRUE(first);
  EXPECT_FALSE(book_.add(refund(1, 3))) << "of one payment";
  EXPECT_FALSE(book_.add(refund(4, 2))) << "to one invoice";
  ASSERT_TRUE(book_.end(*first, State::paid, 7, "", Time::seconds(1100)));
  EXPECT_FALSE(book_.add(refund(1, 3)));
  ASSERT_TRUE(book_.end(*first, State::failed, 0, "late", Time::seconds(1200)));
  const auto found = book_.of_payment(refund(1, 2).payment).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->state, State::paid) << "an end is an end";
  EXPECT_EQ(found->fee_msat, 7);
  EXPECT_EQ(found->ended, Time::seconds(1100));
}

TEST_F(RefundBookTest, WhatHasFailedMayBeginAgain) {
  const auto first = book_.add(refund(1, 2));
  ASSERT_TRUE(first);
  ASSERT_TRUE(book_.end(*first, State::failed, 0, "no route", Time::seconds(1100)));
  const auto second = book_.add(refund(1, 2));
  ASSERT_TRUE(second);
  EXPECT_EQ(book_.of_payment(refund(1, 2).payment).value()->id, *second);
  EXPECT_EQ(book_.pending().value().size(), 1U);
}

TEST_F(RefundBookTest, WhatNobodyKnowsStaysPending) {
  const auto first = book_.add(refund(1, 2));
  ASSERT_TRUE(book_.end(*first, State::pending, 0, "the node is away", Time::seconds(1100)));
  const auto pending = book_.pending().value();
  ASSERT_EQ(pending.size(), 1U);
  EXPECT_EQ(pending[0].reason, "the node is away");
  EXPECT_EQ(pending[0].ended, std::nullopt);
  EXPECT_EQ(pending[0].bolt11, refund(1, 2).bolt11);
}

}  // namespace
}  // namespace satgate::store
