#include "flow/key_names.h"

#include <gtest/gtest.h>

namespace satgate::flow {
namespace {

TEST(KeyNames, TheSameKeyHasTheSameNameUnderOneSecret) {
  Hash256 secret{};
  secret[0] = 1;
  const KeyNames names(secret);
  const std::string name = names.of("sk-one");
  EXPECT_EQ(name.size(), 12u);
  EXPECT_TRUE(name.starts_with("key-"));
  EXPECT_EQ(KeyNames(secret).of("sk-one"), name);
  EXPECT_NE(names.of("sk-two"), name);
  EXPECT_NE(KeyNames(Hash256{}).of("sk-one"), name);
  EXPECT_NE(KeyNames::random().of("sk-one"), KeyNames::random().of("sk-one"));
}

}  // namespace
}  // namespace satgate::flow
