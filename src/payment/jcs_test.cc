#include "payment/jcs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace satgate::payment {
namespace {

TEST(CanonicalJson, TheVectorsOfThePaymentScheme) {
  const auto vectors = nlohmann::json::parse(std::ifstream(
      std::string(SATGATE_SOURCE_DIR) + "/tests/vectors/payment/mpp-payment-scheme.json"));
  for (const auto& vector : vectors["canonicalization"]) {
    SCOPED_TRACE(vector["name"]);
    const auto out = canonical_json(vector["input"].get<std::string>());
    ASSERT_EQ(out.has_value(), !vector.value("error", false));
    if (!out) continue;
    EXPECT_EQ(*out, vector["canonical"].get<std::string>());
    EXPECT_EQ(canonical_json(*out), *out);
  }
  EXPECT_EQ(vectors["canonicalization"].size(), 22U);
}

TEST(CanonicalJson, IsBounded) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(canonical_json(nested(limits::mpp_json_depth_max)));
  EXPECT_FALSE(canonical_json(nested(limits::mpp_json_depth_max + 1)));
  EXPECT_FALSE(canonical_json(nested(limits::mpp_credential_bytes_max / 2)));
  EXPECT_FALSE(canonical_json(std::string(limits::mpp_credential_bytes_max + 1, ' ')));
  EXPECT_FALSE(canonical_json("1e999"));
  EXPECT_FALSE(canonical_json("\"\xff\""));
  EXPECT_FALSE(canonical_json(R"("\ud800")"));
  EXPECT_FALSE(canonical_json("{} {}"));
}

}  // namespace
}  // namespace satgate::payment
