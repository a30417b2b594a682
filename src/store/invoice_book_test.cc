#include "store/invoice_book.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "store/refund_book.h"
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

const Time kNow = Time::seconds(1200);

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
  ASSERT_TRUE(book_.add(invoice(2)));
  ASSERT_TRUE(book_.mark_paid(invoice(2).payment_hash, 9'999, Time::seconds(1100)));
  ASSERT_TRUE(book_.mark_paid(invoice(2).payment_hash, 10'000, Time::seconds(1200)));
  EXPECT_EQ(book_.find(invoice(2).payment_hash).value()->received_msat, 10'000);
}

TEST_F(InvoiceBookTest, ListsTheNewestFirst) {
  for (uint8_t n = 1; n <= 3; ++n)
    ASSERT_TRUE(book_.add(invoice(n)));
  ASSERT_TRUE(book_.mark_paid(invoice(1).payment_hash, 10'000, Time::seconds(1100)));
  const auto all = book_.list(2, {}, kNow).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].invoice, invoice(3));
  EXPECT_EQ(book_.list(10, {.paid_only = true, .state = {}}, kNow).value().size(), 1U);
  const auto recent = book_.made_since(invoice(2).created, 10).value();
  ASSERT_EQ(recent.size(), 2U);
  EXPECT_EQ(recent[1], invoice(2));
}

// One of each: what nobody has paid, paid, too little, gone back, or on its way.
TEST_F(InvoiceBookTest, SaysWhatBecameOfEach) {
  for (uint8_t n = 1; n <= 7; ++n)
    ASSERT_TRUE(book_.add(invoice(n)));
  for (uint8_t n = 3; n <= 7; ++n) {
    const int64_t came = n == 5 ? 9'999 : 10'000;
    ASSERT_TRUE(book_.mark_paid(invoice(n).payment_hash, came, Time::seconds(1100)));
  }
  ASSERT_TRUE(shared_->database.execute(fmt::format(
      "INSERT INTO tokens (id, name, record, sale_payment) VALUES (x'01', 'a', '', NULL), "
      "(x'02', 'b', '', '{}')",
      to_hex(as_bytes_view(invoice(4).payment_hash)))));
  RefundBook refunds(*shared_);
  for (uint8_t n = 6; n <= 7; ++n) {
    RefundRecord refund;
    refund.payment = invoice(n).payment_hash;
    refund.target.fill(static_cast<uint8_t>(n + 100));
    refund.amount_msat = 5'000;
    refund.left_msat = 6'000;
    ASSERT_TRUE(refunds.add(refund));
  }
  ASSERT_TRUE(refunds.end(2, RefundRecord::State::paid, 1, "", kNow));
  const auto state_of = [&](uint8_t n, Time now) {
    const auto listed = book_.list(10, {}, now).value();
    for (const ListedInvoice& one : listed)
      if (one.invoice.payment_hash == invoice(n).payment_hash) return one.state;
    return PaymentState::open;
  };
  EXPECT_EQ(state_of(1, invoice(1).expires), PaymentState::expired);
  EXPECT_EQ(state_of(2, invoice(1).expires), PaymentState::open);
  EXPECT_EQ(state_of(3, kNow), PaymentState::paid);
  EXPECT_EQ(state_of(4, kNow), PaymentState::used);
  EXPECT_EQ(state_of(5, kNow), PaymentState::underpaid);
  EXPECT_EQ(state_of(6, kNow), PaymentState::refunding);
  const auto back = book_.list(10, {.paid_only = false, .state = PaymentState::refunded}, kNow);
  ASSERT_EQ(back.value().size(), 1U);
  EXPECT_EQ(back.value()[0].invoice.payment_hash, invoice(7).payment_hash);
  EXPECT_EQ(back.value()[0].refund_msat, 5'000);
  EXPECT_EQ(back.value()[0].used_msat, 4'000);
  EXPECT_EQ(parse_payment_state("refunding"), PaymentState::refunding);
  EXPECT_FALSE(parse_payment_state("gone"));
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
