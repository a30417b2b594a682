#include "store/invoice_book.h"

#include <gtest/gtest.h>

#include "store/store_test_support.h"

namespace satgate::store {
namespace {

InvoiceRecord invoice(uint8_t n) {
  InvoiceRecord made;
  made.payment_hash.fill(n);
  made.node_id = "label";
  made.bolt11 = "lnbcrt100n1...";
  made.amount_msat = 10'000;
  made.description = "GET /paid";
  made.created = Time::seconds(1000 + n);
  made.expires = Time::seconds(1600 + n);
  return made;
}

class InvoiceBookTest : public testing::Test {
 protected:
  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_ = open_database(dir_);
  InvoiceBook book_{*shared_};
};

TEST_F(InvoiceBookTest, KeepsWhatWasMade) {
  ASSERT_TRUE(book_.add(invoice(1)));
  EXPECT_EQ(book_.find(invoice(1).payment_hash).value(), invoice(1));
  EXPECT_EQ(book_.find(invoice(2).payment_hash).value(), std::nullopt);
  EXPECT_FALSE(book_.add(invoice(1)));  // nobody may be shown another under this hash
}

TEST_F(InvoiceBookTest, IsPaidOnce) {
  ASSERT_TRUE(book_.add(invoice(1)));
  ASSERT_TRUE(book_.mark_paid(invoice(1).payment_hash, 11'000, Time::seconds(1100)));
  ASSERT_TRUE(book_.mark_paid(invoice(1).payment_hash, 1, Time::seconds(1200)));
  const auto found = book_.find(invoice(1).payment_hash).value();
  ASSERT_TRUE(found);
  EXPECT_EQ(found->paid, Time::seconds(1100));
  EXPECT_EQ(found->received_msat, 11'000);
}

TEST_F(InvoiceBookTest, ListsTheNewestFirst) {
  for (uint8_t n = 1; n <= 3; ++n)
    ASSERT_TRUE(book_.add(invoice(n)));
  ASSERT_TRUE(book_.mark_paid(invoice(1).payment_hash, 10'000, Time::seconds(1100)));
  const auto all = book_.list(2, false).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0], invoice(3));
  EXPECT_EQ(book_.list(10, true).value().size(), 1U);
}

TEST_F(InvoiceBookTest, ForgetsOnlyWhatNobodyPaid) {
  for (uint8_t n = 1; n <= 3; ++n)
    ASSERT_TRUE(book_.add(invoice(n)));
  ASSERT_TRUE(book_.mark_paid(invoice(1).payment_hash, 10'000, Time::seconds(1100)));
  ASSERT_TRUE(book_.forget_expired(invoice(3).expires));
  EXPECT_TRUE(book_.find(invoice(1).payment_hash).value());
  EXPECT_FALSE(book_.find(invoice(2).payment_hash).value());
  EXPECT_TRUE(book_.find(invoice(3).payment_hash).value());
}

}  // namespace
}  // namespace satgate::store
