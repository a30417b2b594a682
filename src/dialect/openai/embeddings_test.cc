#include "dialect/openai/embeddings.h"

#include <gtest/gtest.h>

namespace satgate::dialect::openai {
namespace {

std::string verdict(std::string_view body) {
  EmbeddingsReader reader;
  const auto request = reader.peek(body);
  return std::string(request ? request->model : request.error().message);
}

TEST(Embeddings, TextAndTokensAreBounded) {
  for (const auto* input : {R"("text")", R"(["one","two"])", "[1,2,3]", "[[1,2],[3]]", "[]"}) {
    EXPECT_EQ(verdict(R"({"model":"m","input":)" + std::string(input) + "}"), "m") << input;
  }
}

TEST(Embeddings, WhatIsNotIsRefused) {
  for (const auto* input :
       {R"({"image":"..."})", R"([{"type":"image_url"}])", "null", "-1", "1.5", "[[[1]]]"}) {
    EXPECT_EQ(verdict(R"({"model":"m","input":)" + std::string(input) + "}"),
              "input must be text, tokens, or an array of either")
        << input;
  }
  EXPECT_EQ(verdict(R"({"input":"x"})"), "model must be a non-empty string");
  EXPECT_EQ(verdict(R"({"model":"a","model":"b"})"),
            "a member that decides about cost appears twice");
  EXPECT_EQ(verdict(R"({"Model":"a"})"),
            "a member that decides about cost is spelled in another case");
}

TEST(Embeddings, AConversationIsUnbounded) {
  EmbeddingsReader reader;
  const auto request =
      reader.peek(R"({"model":"m","messages":[{"content":[{"type":"image_url"}]}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->unbounded, "messages");
  EXPECT_EQ(reader.peek(R"({"model":"m","input":"x","messages":null})")->unbounded, "");
}

TEST(Embeddings, NoOutputIsPaidForAndNothingIsChanged) {
  EmbeddingsReader reader;
  const std::string body = R"( {"model":"m", "input":"x", "dimensions":3} )";
  const auto request = reader.peek(body);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->output_tokens_max, 0U);
  std::string out;
  EXPECT_TRUE(reader.edit(body, {.output_tokens = 5, .include_usage = true}, out));
  EXPECT_EQ(out, body);
  EXPECT_FALSE(reader.edit("{}", {}, out)) << "only what was accepted";
  EXPECT_FALSE(reader.peek("{}"));
  EXPECT_FALSE(reader.edit("{}", {}, out)) << "and last";
}

TEST(Embeddings, UsageIsOfTheInputAlone) {
  EmbeddingsReader reader;
  const auto usage = reader.usage(R"({"data":[],"usage":{"prompt_tokens":8,"total_tokens":11}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input, 8U);
  EXPECT_EQ(usage->output, 0U);
  EXPECT_FALSE(reader.usage(R"({"data":[]})"));
  EXPECT_FALSE(reader.usage("not json"));
}

}  // namespace
}  // namespace satgate::dialect::openai
