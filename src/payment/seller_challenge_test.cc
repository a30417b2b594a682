#include "payment/seller_challenge.h"

#include <gtest/gtest.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "payment/l402.h"
#include "payment/mpp.h"

namespace satgate::payment {
namespace {

constexpr std::string_view kL402 = R"(L402 macaroon="TUFD", invoice="lnbcrt1", version="0")";
constexpr std::string_view kSecret = "of the seller";

std::string charge() {
  ChargeRequest request;
  request.realm = "say \"shop\"";
  request.amount_sats = 10;
  request.bolt11 = "lnbcrt100n1x";
  request.network = "regtest";
  request.expires = Time::seconds(1'800'000'000);
  request.token = "AgEHc2F0Z2F0ZQ==";
  return write_payment_challenge(request, kSecret).value();
}

Result<SellerChallenge> read(std::initializer_list<std::string_view> values) {
  const std::vector<std::string_view> all(values);
  return read_seller_challenge(all);
}

Hash256 preimage() {
  Hash256 out;
  out.fill(0xab);
  return out;
}

TEST(SellerChallenge, IsL402WhereThatIsThere) {
  const std::string payment = charge();
  const auto asked = read({payment, kL402});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->scheme, "L402");
  EXPECT_EQ(asked->invoice, "lnbcrt1");
  EXPECT_FALSE(is_good_once(asked->scheme));
  const std::string sent = write_seller_credential(asked->scheme, asked->ticket, preimage());
  const std::array<std::string_view, 1> fields = {sent};
  const L402Credential credential = read_l402(fields, {});
  EXPECT_EQ(credential.kind, L402Credential::Kind::paid);
  EXPECT_EQ(credential.macaroons[0], "TUFD");
  EXPECT_EQ(credential.preimage, preimage());
}

TEST(SellerChallenge, TheSellerKnowsItsOwnChargeAgain) {
  const std::string payment = charge();
  const auto asked = read({R"(Bearer realm="a")", payment});
  ASSERT_TRUE(asked) << asked.error().message;
  EXPECT_EQ(asked->scheme, "Payment");
  EXPECT_EQ(asked->invoice, "lnbcrt100n1x");
  EXPECT_TRUE(is_good_once(asked->scheme));
  const std::string sent = write_seller_credential(asked->scheme, asked->ticket, preimage());
  ASSERT_TRUE(sent.starts_with("Payment "));
  const std::array<std::string, 1> secrets = {std::string(kSecret)};
  const auto credential = read_payment_credential(sent.substr(8), secrets);
  ASSERT_TRUE(credential) << credential.error().message;
  EXPECT_EQ(credential->token, "AgEHc2F0Z2F0ZQ==");
  EXPECT_EQ(credential->preimage, preimage());
}

std::string with_request(std::string_view json) {
  return R"(Payment id="1", method="lightning", intent="charge", request=")" +
         base64url_encode(json) + "\"";
}

TEST(SellerChallenge, WhatIsNoneIsRefused) {
  EXPECT_FALSE(read({}));
  EXPECT_FALSE(read({R"(Bearer realm="a")"}));
  EXPECT_FALSE(read({R"(Payment id="1", method="tempo", intent="charge", request="e30")"}));
  EXPECT_FALSE(read({R"(Payment id="1", method="lightning", intent="charge", request="%%%")"}));
  for (const char* request : {"", "[]", "{}", "{", R"({"methodDetails": {"invoice": 7}})",
                              R"({"methodDetails": ["lnbc1"]})"}) {
    EXPECT_FALSE(read({with_request(request)})) << request;
  }
  EXPECT_TRUE(read({with_request(R"({"methodDetails": {"invoice": "lnbc1"}})")}));
  const std::string large = R"({"methodDetails": {"invoice": ")" + std::string(9000, 'a') + "\"}}";
  EXPECT_FALSE(read({with_request(large)}));
}

}  // namespace
}  // namespace satgate::payment
