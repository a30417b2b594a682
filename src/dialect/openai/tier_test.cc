// Service tiers: as asked in a request, and as billed in an answer.
#include <gtest/gtest.h>

#include "dialect/openai/chat.h"
#include "dialect/openai/responses.h"
#include "dialect/openai/stream_filter.h"

namespace satgate::dialect::openai {
namespace {

TEST(Tier, IsReadFromRequests) {
  ChatReader chat;
  ResponsesReader responses;
  const auto asked = [&](const std::string& tier) {
    const std::string body = R"({"model":"m","input":"x","service_tier":)" + tier + "}";
    const auto one = chat.peek(body);
    const auto two = responses.peek(body);
    EXPECT_TRUE(one && two && one->tier == two->tier) << tier;
    return one->tier;
  };
  EXPECT_EQ(asked("null"), std::nullopt);
  EXPECT_EQ(asked(R"("auto")"), std::nullopt);
  EXPECT_EQ(asked(R"("default")"), ServiceTier::standard);
  EXPECT_EQ(asked(R"("flex")"), ServiceTier::flex);
  EXPECT_EQ(asked(R"("priority")"), ServiceTier::priority);
}

TEST(Tier, IsReadFromWholeAnswers) {
  ChatReader chat;
  ResponsesReader responses;
  const auto billed = [&](const std::string& tier) {
    const auto one =
        chat.usage(R"({"usage":{"prompt_tokens":1,"total_tokens":1},"service_tier":)" + tier + "}");
    const auto two = responses.usage(
        R"({"status":"completed","usage":{"input_tokens":1,"output_tokens":1},"service_tier":)" +
        tier + "}");
    EXPECT_TRUE(one && two && one->tier == two->tier) << tier;
    return one->tier;
  };
  EXPECT_EQ(billed(R"("default")"), ServiceTier::standard);
  EXPECT_EQ(billed(R"("flex")"), ServiceTier::flex);
  EXPECT_EQ(billed(R"("priority")"), ServiceTier::priority);
  EXPECT_EQ(billed(R"("brand-new")"), std::nullopt);
  EXPECT_EQ(billed("null"), std::nullopt);
}

TEST(Tier, OfAStreamIsTheDearestThatAChunkNames) {
  StreamFilter stream(true, 1);
  stream.on_data(R"({"service_tier":"priority","choices":[]})");
  stream.on_data(
      R"({"service_tier":"default","choices":[],"usage":{"prompt_tokens":1,"total_tokens":2}})");
  ASSERT_TRUE(stream.usage());
  EXPECT_EQ(stream.usage()->tier, ServiceTier::priority);
}

}  // namespace
}  // namespace satgate::dialect::openai
