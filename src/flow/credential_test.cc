#include "flow/credential.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace satgate::flow {
namespace {

bool passes(std::string_view name, std::string_view value) {
  return is_foreign_credential({name, value});
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
  EXPECT_FALSE(passes("macaroon", "0201"));
  EXPECT_FALSE(passes("grpc-metadata-macaroon", "0201"));
}

}  // namespace
}  // namespace satgate::flow
