#include "contract/share.h"

#include <gtest/gtest.h>

namespace satgate {
namespace {

TEST(Share, IsRoundedDownAndExactForAnyAmount) {
  EXPECT_EQ(share_of(Money::nano(9), {"a", 200'000}), Money::nano(1));
  EXPECT_EQ(share_of(Money::max(), {"a", kWholeShare}), Money::max());
  EXPECT_EQ(share_of(Money::credits(1), {"a", 1}), Money::nano(1000));
}

TEST(Share, AllTogetherAreNeverMoreThanTheCost) {
  const Shares shares = {{"a", 333'333}, {"b", 333'333}, {"c", 333'334}};
  for (int64_t nano = 0; nano < 5000; ++nano) {
    Money sum;
    for (const Share& share : shares)
      sum += share_of(Money::nano(nano), share);
    EXPECT_LE(sum, Money::nano(nano));
    EXPECT_GT(sum + Money::nano(3), Money::nano(nano));
  }
}

TEST(Share, NamesOfPartnersNeedNoEscapes) {
  EXPECT_TRUE(is_partner_name("acme.io_1@x-y"));
  EXPECT_FALSE(is_partner_name(""));
  EXPECT_FALSE(is_partner_name("a b"));
  EXPECT_FALSE(is_partner_name("a\"b"));
  EXPECT_FALSE(is_partner_name(std::string(kPartnerBytesMax + 1, 'a')));
}

}  // namespace
}  // namespace satgate
