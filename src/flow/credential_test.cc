#include "flow/credential.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace satgate::flow {
namespace {

constexpr std::string_view kApiKey = "key-of-an-agent-0123456789";

bool passes(std::string_view name, std::string_view value) {
  ApiKeys ours;
  ours.add(ApiKeys::hash(kApiKey), "agent");
  return is_foreign_credential({name, value}, ours);
}

TEST(ForeignCredential, AProvidersKeyPasses) {
  EXPECT_TRUE(passes("Authorization", "Bearer sk-proj-abc_sg_def"));
  EXPECT_TRUE(passes("authorization", "Basic " + base64_encode("user:secret")));
  EXPECT_TRUE(passes("authorization", "AWS4-HMAC-SHA256 Credential=AKIA/x, Signature=abc"));
  EXPECT_TRUE(passes("X-Api-Key", "sk-ant-abc"));
}

// An upstream must never see what could spend at the gateway, however the agent has sent it.
TEST(ForeignCredential, NothingThatCouldBeOursPasses) {
  EXPECT_FALSE(passes("authorization", "Bearer sg_AgEH"));
  EXPECT_FALSE(passes("authorization", "bearer   sg_AgEH"));
  EXPECT_FALSE(passes("authorization", "Bearer AgEHc2F0Z2F0ZQ"));
  EXPECT_FALSE(passes("authorization", "sg_AgEH"));
  EXPECT_FALSE(passes("authorization", "Token sg_AgEH"));
  EXPECT_FALSE(passes("authorization", "Token token=\"sg_AgEH\""));
  EXPECT_FALSE(passes("authorization", "Basic " + base64_encode("sg_AgEH:")));
  EXPECT_FALSE(passes("authorization", "Basic " + base64_encode("agent:sg_AgEH")));
  EXPECT_FALSE(passes("authorization", "L402 AgEH:00ff"));
  EXPECT_FALSE(passes("authorization", "LSAT AgEH:00ff"));
  EXPECT_FALSE(passes("x-api-key", "sg_AgEH"));
  EXPECT_FALSE(passes("api-key", "sg_AgEH"));
  EXPECT_FALSE(passes("macaroon", "0201"));
  EXPECT_FALSE(passes("grpc-metadata-macaroon", "0201"));
}

TEST(ForeignCredential, AnApiKeyOfTheConfigDoesNotPass) {
  const std::string key(kApiKey);
  EXPECT_FALSE(passes("authorization", "Bearer " + key));
  EXPECT_FALSE(passes("authorization", key));
  EXPECT_FALSE(passes("authorization", "Token token=\"" + key + "\""));
  EXPECT_FALSE(passes("authorization", "Basic " + base64_encode(key)));
  EXPECT_FALSE(passes("x-api-key", key));
  EXPECT_FALSE(passes("api-key", key));
  EXPECT_TRUE(passes("api-key", key + "0"));
}

TEST(ApiKeys, AreFoundByTheWholeKeyAlone) {
  ApiKeys keys;
  EXPECT_EQ(keys.find(kApiKey), nullptr);
  EXPECT_TRUE(keys.add(ApiKeys::hash(kApiKey), "agent"));
  EXPECT_FALSE(keys.add(ApiKeys::hash(kApiKey), "other"));
  ASSERT_NE(keys.find(kApiKey), nullptr);
  EXPECT_EQ(*keys.find(kApiKey), "agent");
  EXPECT_EQ(keys.find(kApiKey.substr(1)), nullptr);
  EXPECT_EQ(keys.find(""), nullptr);
}

TEST(ApiKeys, WhatIsTooShortOrReadsAsATokenIsNoKey) {
  EXPECT_TRUE(ApiKeys::check(kApiKey));
  EXPECT_FALSE(ApiKeys::check("hunter2"));
  EXPECT_FALSE(ApiKeys::check(std::string(23, 'x')));
  EXPECT_TRUE(ApiKeys::check(std::string(24, 'x')));
  EXPECT_FALSE(ApiKeys::check(std::string(513, 'x')));
  EXPECT_FALSE(ApiKeys::check("sg_" + std::string(30, 'x')));
  EXPECT_FALSE(ApiKeys::check("Ag" + std::string(30, 'x')));
  EXPECT_FALSE(ApiKeys::check("a key with spaces in it, long enough"));
  // A short key does not work even if somebody has put its hash into the config.
  ApiKeys keys;
  keys.add(ApiKeys::hash("hunter2"), "agent");
  EXPECT_EQ(keys.find("hunter2"), nullptr);
}

}  // namespace
}  // namespace satgate::flow
