#include "payment/mpp_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "payment/mpp.h"

namespace satgate::payment {
namespace {

using nlohmann::json;

constexpr std::string_view kSecret = "a secret";

std::string challenge() {
  ChargeRequest request;
  request.realm = "satgate";
  request.amount_sats = 10;
  request.bolt11 = "lnbcrt100n1x";
  request.network = "regtest";
  request.description = R"(a "tool" \ and more, = and so on)";
  request.expires = Time::seconds(1'800'000'000);
  request.token = "AgEH";
  return write_payment_challenge(request, kSecret).value_or("");
}

json credential() {
  const json shown = json::parse(payment_challenge_json(challenge()).value_or("{}"));
  return {{"challenge", shown}, {"payload", {{"preimage", std::string(64, 'a')}}}};
}

TEST(PaymentJson, AChallengeIsAnObjectWithItsRequest) {
  const json shown = credential()["challenge"];
  EXPECT_EQ(shown["realm"], "satgate");
  EXPECT_EQ(shown["request"]["amount"], "10");
  EXPECT_EQ(shown["request"]["methodDetails"]["invoice"], "lnbcrt100n1x");
  EXPECT_TRUE(shown["opaque"].is_string());
}

TEST(PaymentJson, ItsCredentialIsProvenAsThatOfAHeader) {
  const std::array secrets = {std::string(kSecret)};
  json spelled = credential();
  const auto text = payment_credential_text(spelled.dump());
  ASSERT_TRUE(text);
  const auto read = read_payment_credential(*text, secrets);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->token, "AgEH");
  // As older clients have it.
  spelled["challenge"]["opaque"] = {{"token", "AgEH"}};
  const auto older = payment_credential_text(spelled.dump());
  ASSERT_TRUE(older);
  EXPECT_TRUE(read_payment_credential(*older, secrets));
  spelled["challenge"]["opaque"] = {{"token", "AgEI"}};
  EXPECT_FALSE(read_payment_credential(*payment_credential_text(spelled.dump()), secrets));
  spelled = credential();
  spelled["challenge"]["request"]["amount"] = "1";
  EXPECT_FALSE(read_payment_credential(*payment_credential_text(spelled.dump()), secrets));
}

TEST(PaymentJson, RefusesWhatIsNone) {
  for (const char* text : {"", "7", "[]", "{}", R"({"challenge":7})", "{\"challenge\":"}) {
    EXPECT_FALSE(payment_credential_text(text)) << text;
  }
  const std::string deep = std::string(100'000, '[');
  EXPECT_FALSE(payment_credential_text(deep));
  EXPECT_FALSE(payment_challenge_json("L402 macaroon=\"x\""));
  EXPECT_FALSE(payment_challenge_json("Payment id=\"x\""));
  EXPECT_FALSE(payment_receipt_json("e"));
}

TEST(PaymentJson, AReceiptIsAnObject) {
  const std::string sent = write_payment_receipt({}, "id", Time::seconds(1'800'000'000));
  const json receipt = json::parse(payment_receipt_json(sent).value_or(""), nullptr, false);
  EXPECT_EQ(receipt["status"], "success");
  EXPECT_EQ(receipt["challengeId"], "id");
}

}  // namespace
}  // namespace satgate::payment
