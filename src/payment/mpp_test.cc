#include "payment/mpp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "payment/auth_challenges.h"

namespace satgate::payment {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr std::string_view kSecret = "a secret of this gateway";
const std::vector<std::string> kSecrets = {"an older one", std::string(kSecret)};

Hash256 filled(uint8_t byte) {
  Hash256 out;
  out.fill(byte);
  return out;
}

ChargeRequest wanted() {
  ChargeRequest request;
  request.realm = "say \"shop\"";
  request.amount_sats = 10;
  request.bolt11 = "lnbcrt100n1...";
  request.payment_hash = filled(7);
  request.network = "regtest";
  request.description = "/paid/one: 1 call";
  request.expires = Time::seconds(1'800'000'000);
  request.token = "AgEHc2F0Z2F0ZQ==";
  return request;
}

json challenge_of(const ChargeRequest& request, std::string_view secret = kSecret) {
  const auto read = read_auth_challenges(write_payment_challenge(request, secret).value());
  json challenge = json::object();
  for (const auto& [name, value] : read.at(0).params)
    challenge[name] = value;
  return challenge;
}

std::string credential(const json& challenge, const json& payload) {
  return base64url_encode(json{{"challenge", challenge}, {"payload", payload}}.dump());
}

json preimage() {
  return {{"preimage", to_hex(as_bytes_view(filled(9)))}};
}

json vectors() {
  std::ifstream file(SATGATE_SOURCE_DIR "/tests/vectors/payment/mpp-payment-scheme.json");
  return json::parse(file);
}

TEST(Payment, AsksForWhatTheSchemeAsksFor) {
  const json challenge = challenge_of(wanted());
  EXPECT_EQ(challenge["realm"], "say \"shop\"");
  EXPECT_EQ(challenge["method"], "lightning");
  EXPECT_EQ(challenge["intent"], "charge");
  EXPECT_EQ(challenge["expires"], "2027-01-15T08:00:00Z");
  EXPECT_EQ(base64_decode(challenge["request"].get<std::string>()).value(),
            R"({"amount":"10","currency":"sat","description":"/paid/one: 1 call",)"
            R"("methodDetails":{"invoice":"lnbcrt100n1...","network":"regtest","paymentHash":")" +
                to_hex(as_bytes_view(filled(7))) + R"("}})");
}

TEST(Payment, ACredentialBringsBackWhatWasSent) {
  const auto read =
      read_payment_credential(credential(challenge_of(wanted()), preimage()), kSecrets);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->token, wanted().token);
  EXPECT_EQ(read->payment_hash, filled(7));
  EXPECT_EQ(read->preimage, filled(9));
  EXPECT_EQ(json(read->challenge_id), challenge_of(wanted())["id"]);
}

TEST(Payment, NobodyChangesAChallenge) {
  ChargeRequest other = wanted();
  other.token = "dearer";
  const json theirs = challenge_of(other);
  for (const char* name : {"id", "opaque"}) {
    json mixed = challenge_of(wanted());
    mixed[name] = theirs[name];
    EXPECT_FALSE(read_payment_credential(credential(mixed, preimage()), kSecrets)) << name;
  }
  const json sent = challenge_of(wanted());
  for (const auto& [name, value] : sent.items()) {
    if (name == "description") continue;  // for people alone
    json changed = sent;
    changed[name] = value.get<std::string>() + "x";
    EXPECT_FALSE(read_payment_credential(credential(changed, preimage()), kSecrets)) << name;
    changed.erase(name);
    EXPECT_FALSE(read_payment_credential(credential(changed, preimage()), kSecrets)) << name;
  }
  const json foreign = challenge_of(wanted(), "of another gateway");
  EXPECT_FALSE(read_payment_credential(credential(foreign, preimage()), kSecrets));
}

TEST(Payment, RefusesWhatIsNoCredential) {
  const json challenge = challenge_of(wanted());
  const std::string deep(100, '[');
  const std::string twice =
      base64url_encode(R"({"challenge":{},"challenge":)" + challenge.dump() + R"(,"payload":{}})");
  const std::string bad[] = {
      "",
      "e30",
      "!",
      base64url_encode("[]"),
      base64url_encode(deep),
      base64url_encode(R"({"challenge":1,"payload":2})"),
      twice,
      credential(challenge, {{"preimage", "00"}}),
      credential(challenge, {{"preimage", 5}}),
      credential(challenge, json::object()),
      std::string(100'000, 'A'),
  };
  for (const std::string& one : bad)
    EXPECT_FALSE(read_payment_credential(one, kSecrets)) << one.substr(0, 40);
}

// The ids of other implementations hold here: what is missing then is what only ours carry.
TEST(Payment, IdsAreThoseOfTheVectors) {
  const json all = vectors();
  const std::vector<std::string> secrets = {
      from_hex(all["hmacSecretHex"].get<std::string>()).value()};
  size_t held = 0;
  for (const json& one : all["challengeIds"]) {
    const auto read = read_payment_credential(credential(one["params"], preimage()), secrets);
    ASSERT_FALSE(read);
    EXPECT_THAT(read.error().message, testing::Not(HasSubstr("does not answer"))) << one["name"];
    json changed = one["params"];
    changed["realm"] = "other";
    const auto refused = read_payment_credential(credential(changed, preimage()), secrets);
    EXPECT_THAT(refused.error().message, HasSubstr("does not answer")) << one["name"];
    ++held;
  }
  EXPECT_EQ(held, 4U);
}

TEST(Payment, AReceiptSaysWhatWasPaid) {
  const std::string receipt =
      write_payment_receipt(filled(7), "an id", Time::seconds(1'800'000'000));
  const json read = json::parse(base64_decode(receipt).value());
  EXPECT_EQ(read, (json{{"status", "success"},
                        {"method", "lightning"},
                        {"timestamp", "2027-01-15T08:00:00Z"},
                        {"reference", to_hex(as_bytes_view(filled(7)))},
                        {"challengeId", "an id"}}));
}

TEST(Payment, WhoAcceptsIt) {
  for (const char* yes : {"lightning/charge", "tempo/*;q=0.5, Lightning/Charge", "*", "*/*",
                          "lightning/*;q=0.1", "lightning/charge; q=1.0"}) {
    EXPECT_TRUE(accepts_lightning_charge(yes)) << yes;
  }
  for (const char* no : {"", "tempo/charge", "lightning/session", "lightning/charge;q=0",
                         "lightning/charge; q=0.000", "xlightning/charge"}) {
    EXPECT_FALSE(accepts_lightning_charge(no)) << no;
  }
}

}  // namespace
}  // namespace satgate::payment
