#include "flow/model_routing.h"

#include <gtest/gtest.h>

namespace satgate::flow {
namespace {

TEST(ModelChoice, TheClosestPatternCounts) {
  ModelChoice choice;
  choice.add("*", "any");
  choice.add("gpt-*", "gpt");
  choice.add("gpt-4o", "exact");
  choice.add("gpt-4*", "four");
  EXPECT_EQ(choice.of("gpt-4o"), "exact");
  EXPECT_EQ(choice.of("gpt-4o-mini"), "four");
  EXPECT_EQ(choice.of("gpt-5"), "gpt");
  EXPECT_EQ(choice.of("claude"), "any");
  EXPECT_EQ(ModelChoice().of("gpt-4o"), "");
}

TEST(RoutingRule, TheClosestFallbacksCount) {
  RoutingRule rule;
  rule.fallbacks["*"] = {{"any", ""}};
  rule.fallbacks["gpt-4*"] = {{"four", ""}, {"", "spare"}};
  ASSERT_NE(rule.fallbacks_of("gpt-4o"), nullptr);
  EXPECT_EQ(rule.fallbacks_of("gpt-4o")->size(), 2U);
  EXPECT_EQ(rule.fallbacks_of("claude")->front().model, "any");
  EXPECT_EQ(RoutingRule().fallbacks_of("gpt-4o"), nullptr);
}

TEST(RoutingRules, AToken) {
  RoutingRules rules;
  rules.everywhere.low_stakes.emplace();
  rules.tokens["own"] = {};
  EXPECT_TRUE(rules.of("any").low_stakes);
  EXPECT_FALSE(rules.of("own").low_stakes);
}

}  // namespace
}  // namespace satgate::flow
