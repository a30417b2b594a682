#include "flow/mcp/payment_meta.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::flow::mcp {
namespace {

using Kind = Credential::Kind;

const std::string kPreimage(64, 'a');

std::string params_with(std::string_view meta) {
  return std::string(R"({"name":"search","_meta":{"k":1,)") + std::string(meta) +
         R"(},"arguments":{"a":  1}})";
}

TEST(PaymentMeta, TakesTheCredentialOutAndLeavesTheRest) {
  dialect::mcp::RawJson json;
  const std::string params =
      params_with(R"("io.satgate/credential":"L402 AgEH:)" + kPreimage + "\"");
  const auto shown = find_payment(params, json);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->params, R"({"name":"search","_meta":{"k":1},"arguments":{"a":  1}})");
  const Credential credential = shown->credential();
  EXPECT_EQ(credential.kind, Kind::paid);
  EXPECT_EQ(credential.text, "AgEH");
  EXPECT_EQ(credential.preimage[0], 0xaa);
}

TEST(PaymentMeta, WhatCanNotBeReadIsMalformedAndTakenOutToo) {
  dialect::mcp::RawJson json;
  for (const char* meta :
       {R"("io.satgate/credential":"")", R"("io.satgate/credential":"Bearer sg_x")",
        R"("io.satgate/credential":7)", R"("io.satgate/credential":"L402 AgEH:00")",
        R"("io.satgate/credential":"\ud800")", R"("org.paymentauth/credential":"text")",
        R"("org.paymentauth/credential":{"challenge":7})"}) {
    const auto shown = find_payment(params_with(meta), json);
    ASSERT_TRUE(shown) << meta;
    EXPECT_EQ(shown->credential().kind, Kind::malformed) << meta;
    EXPECT_EQ(shown->params.find("credential"), std::string::npos) << meta;
  }
}

TEST(PaymentMeta, TwoAreAnAmbiguity) {
  dialect::mcp::RawJson json;
  const std::string one = R"("io.satgate/credential":"L402 AgEH:)" + kPreimage + "\"";
  for (const std::string& two : {one + "," + one, one + R"(,"org.paymentauth/credential":{})"}) {
    const auto shown = find_payment(params_with(two), json);
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->credential().kind, Kind::ambiguous);
    EXPECT_EQ(shown->params.find("credential"), std::string::npos);
  }
}

TEST(PaymentMeta, NothingIsFoundWhereNothingIsShown) {
  dialect::mcp::RawJson json;
  for (const char* params : {"", "{}", R"({"name":"a"})", R"({"_meta":{}})", R"({"_meta":7})",
                             R"({"arguments":{"io.satgate/credential":"L402 a:b"}})", "[]"}) {
    EXPECT_FALSE(find_payment(params, json)) << params;
  }
}

TEST(PaymentMeta, BuyersHaveNamesThatDoNotTellWhatTheyPaidWith) {
  const Credential one = Credential::of(Kind::paid, "AgEH");
  EXPECT_EQ(buyer_name(one), buyer_name(one));
  EXPECT_NE(buyer_name(one), buyer_name(Credential::of(Kind::paid, "AgEI")));
  EXPECT_EQ(buyer_name(one).find("AgEH"), std::string::npos);
}

}  // namespace
}  // namespace satgate::flow::mcp
