#include "token/paid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/text.h"
#include "token/macaroon.h"
#include "token/mint.h"
#include "token/verifier.h"

namespace satgate::token {
namespace {

Hash256 filled(uint8_t byte) {
  Hash256 out;
  out.fill(byte);
  return out;
}

const Hash256 kPreimage = filled(9);

Sale sale() {
  return {sha256(as_bytes_view(kPreimage)), 10'000, Money::nano(6'000'000), 1};
}

struct Seller {
  std::shared_ptr<Keyring> ring = std::make_shared<Keyring>(filled(7), Time{});
  Verifier verifier{ring};

  std::string sell(const Sale& what, std::vector<std::string> caveats = {}) const {
    return mint_paid(ring->active(), what, caveats).value();
  }
};

TEST(PaidToken, SaysWhatWasSoldAndOnlyThat) {
  Seller seller;
  const std::string text = seller.sell(sale(), {"endpoints = /paid/*", "upstream = orders"});
  const auto token = seller.verifier.verify(text);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->chain().sale, sale());
  EXPECT_EQ(token->chain().sold_caveats, 2U);
  EXPECT_EQ(token->token(), paid_token_id(sale().payment_hash));
  EXPECT_TRUE(opens(*token->chain().sale, kPreimage));
  EXPECT_FALSE(opens(*token->chain().sale, filled(8)));
}

// lnget decodes it so, and refuses others; aperture's client reads padded standard base64 alone.
TEST(PaidToken, HasTheIdentifierThatClientsRead) {
  Seller seller;
  const std::string text = seller.sell(sale());
  EXPECT_EQ(text.size() % 4, 0U);
  EXPECT_EQ(text.find_first_of("-_"), text.npos);
  const std::string bytes = macaroon_from_text(text).value();
  const std::string_view identifier = read_macaroon(bytes)->identifier;
  ASSERT_EQ(identifier.size(), 66U);
  EXPECT_EQ(to_hex(identifier.substr(0, 2)), "0000");
  EXPECT_EQ(identifier.substr(2, 32), as_bytes_view(sale().payment_hash));
}

TEST(PaidToken, OneInvoiceIsOneToken) {
  Seller seller;
  Sale other = sale();
  other.calls = 2;
  const std::string one = seller.sell(sale());
  const std::string two = seller.sell(other, {"endpoints = /x"});
  EXPECT_NE(one, two);
  EXPECT_EQ(seller.verifier.verify(one)->token(), seller.verifier.verify(two)->token());
}

// What a buyer may change: any bit of the identifier, and more caveats.
TEST(PaidToken, NobodyChangesWhatWasSold) {
  Seller seller;
  const std::string text = seller.sell(sale(), {"endpoints = /paid/*"});
  const std::string bytes = macaroon_from_text(text).value();
  const size_t begin = bytes.find(as_bytes_view(sale().payment_hash)) - 2;
  ASSERT_NE(begin, bytes.npos);
  for (size_t i = 0; i < 66; ++i) {
    for (const int bit : {1, 2, 4, 8, 16, 32, 64, 128}) {
      std::string changed = bytes;
      changed[begin + i] = static_cast<char>(changed[begin + i] ^ bit);
      EXPECT_FALSE(seller.verifier.verify(base64_encode(changed))) << i << " " << bit;
    }
  }
}

TEST(PaidToken, IsHandedDownLikeAnyOther) {
  Seller seller;
  const std::string text = seller.sell(sale(), {"endpoints = /paid/*"});
  const std::vector<std::string> narrower = {"endpoints = /paid/one", "holder = helper"};
  const auto child = seller.verifier.verify(attenuate(text, narrower).value());
  ASSERT_TRUE(child);
  EXPECT_EQ(child->token(), paid_token_id(sale().payment_hash));
  EXPECT_EQ(child->chain().sold_caveats, 1U);
  Call call;
  call.endpoint = "/paid/two";
  EXPECT_EQ(permits(*child, call), Refusal::endpoint_denied);
}

// The form of the `Macaroon` and `Grpc-Metadata-Macaroon` fields.
TEST(PaidToken, MayCarryItsPreimage) {
  Seller seller;
  const std::string proof = "preimage=" + to_hex(as_bytes_view(kPreimage));
  const std::vector<std::string> caveats = {proof};
  const std::string text = attenuate(seller.sell(sale()), caveats).value();
  const auto token = seller.verifier.verify(text);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->chain().preimage, kPreimage);
  // It must not come into lists and events.
  for (const Caveat& caveat : token->chain().caveats)
    EXPECT_THAT(caveat.text, testing::Not(testing::HasSubstr("0909")));
}

TEST(PaidToken, APreimageIsNothingInAnotherToken) {
  Seller seller;
  const std::vector<std::string> caveats = {"preimage=" + to_hex(as_bytes_view(kPreimage))};
  const std::string text =
      attenuate(mint(*seller.ring, random_id<TokenId>(), {}).value(), caveats).value();
  EXPECT_EQ(seller.verifier.verify(text).error(), Refusal::token_invalid);
}

TEST(PaidToken, ASaleMakesSense) {
  Seller seller;
  struct Case {
    const char* what;
    Sale sale;
  };
  const Hash256 hash = filled(1);
  const Case cases[] = {
      {"no invoice", {hash, 0, Money::credits(1), 1}},
      {"nothing bought", {hash, 1000, Money(), 1}},
      {"less than nothing", {hash, 1000, Money::nano(-1), 1}},
      {"all there is", {hash, 1000, Money::max(), 1}},
      {"shares that differ", {hash, 1000, Money::nano(10), 3}},
  };
  for (const Case& one : cases)
    EXPECT_FALSE(mint_paid(seller.ring->active(), one.sale, {})) << one.what;
  const std::vector<std::string> bad = {"unheard = of"};
  EXPECT_FALSE(mint_paid(seller.ring->active(), sale(), bad));
  const std::vector<std::string> many(256, "methods = GET");
  EXPECT_FALSE(mint_paid(seller.ring->active(), sale(), many));
}

TEST(PaidToken, CallsCostWhatWasAgreed) {
  Sale five = sale();
  five.calls = 5;
  five.credit = Money::nano(50);
  EXPECT_EQ(five.call_price(), Money::nano(10));
  five.calls = 0;
  EXPECT_EQ(five.call_price(), std::nullopt);
}

}  // namespace
}  // namespace satgate::token
