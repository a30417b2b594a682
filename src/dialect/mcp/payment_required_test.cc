#include "dialect/mcp/payment_required.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect::mcp {
namespace {

using nlohmann::json;

Denial denial() {
  Denial denial;
  denial.refusal = Refusal::payment_required;
  denial.message = "Pay 10 sats: search: 1 call.";
  denial.required = Money::credits(2);
  denial.offer = PaymentOffer{{}, 10, "search: 1 call", Time::seconds(1'800'000'000)};
  return denial;
}

TEST(PaymentRequired, SaysAllThatIsNeededToPay) {
  std::string out;
  append_payment_required(out, "7", denial(), {}, {R"({"id":"c"})", "AgEH", "lnbcrt1"});
  const json message = json::parse(out);
  EXPECT_EQ(message["id"], 7);
  EXPECT_EQ(message["error"]["code"], -32042);
  const json data = message["error"]["data"];
  EXPECT_EQ(data["httpStatus"], 402);
  EXPECT_EQ(data["challenges"][0]["id"], "c");
  EXPECT_EQ(data["l402"]["macaroon"], "AgEH");
  EXPECT_EQ(data["l402"]["invoice"], "lnbcrt1");
  EXPECT_EQ(data["amount_sats"], 10);
  EXPECT_EQ(data["required_credits"], 2);
  EXPECT_FALSE(data.contains("elicitations"));
}

TEST(PaymentRequired, NamesNoChallengeWhereThereIsNone) {
  std::string out;
  append_payment_required(out, "\"a\"", denial(), {}, {"", "AgEH", "lnbcrt1"});
  EXPECT_FALSE(json::parse(out)["error"]["data"].contains("challenges"));
}

}  // namespace
}  // namespace satgate::dialect::mcp
