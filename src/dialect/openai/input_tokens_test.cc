#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/bpe/tokens.h"
#include "dialect/llm_api.h"

namespace satgate::dialect::openai {
namespace {

using Count = std::optional<uint64_t>;

Count exact(LlmApi api, std::string_view body) {
  const auto reader = make_reader(api);
  EXPECT_TRUE(reader->peek(body)) << body;
  return reader->exact_input_tokens(body);
}

Count chat(std::string_view model, std::string_view messages, std::string_view more = "") {
  return exact(LlmApi::chat_completions, R"({"model":")" + std::string(model) + R"(","messages":)" +
                                             std::string(messages) + std::string(more) + "}");
}

Count embeddings(std::string_view members) {
  return exact(LlmApi::embeddings,
               R"({"model":"text-embedding-3-small",)" + std::string(members) + "}");
}

Count completion(std::string_view members) {
  return exact(LlmApi::completions,
               R"({"model":"gpt-3.5-turbo-instruct",)" + std::string(members) + "}");
}

// The conversation whose tokens OpenAI's cookbook counts and compares with what the API reports.
constexpr std::string_view kCookbook =
    R"([{"role":"system","content":"You are a helpful, pattern-following assistant that )"
    R"(translates corporate jargon into plain English."},)"
    R"({"role":"system","name":"example_user","content":"New synergies will help drive )"
    R"(top-line growth."},)"
    R"({"role":"system","name":"example_assistant","content":"Things working well together will )"
    R"(increase revenue."},)"
    R"({"role":"system","name":"example_user","content":"Let's circle back when we have more )"
    R"(bandwidth to touch base on opportunities for increased leverage."},)"
    R"({"role":"system","name":"example_assistant","content":"Let's talk later when we're less )"
    R"(busy about how to do better."},)"
    R"({"role":"user","content":"This late pivot means we don't have time to boil the ocean for )"
    R"(the client deliverable."}])";
constexpr std::string_view kHi = R"([{"role":"user","content":"hi"}])";

TEST(ExactInput, TheCookbooksConversation) {
  for (const auto* model : {"gpt-3.5-turbo", "gpt-3.5-turbo-0125", "gpt-4", "gpt-4-0613",
                            "gpt-4-32k-0314", "gpt-4-turbo-2024-04-09"}) {
    EXPECT_EQ(chat(model, kCookbook), 129U) << model;
  }
  for (const auto* model : {"gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4o-mini-2024-07-18",
                            "gpt-4.1", "gpt-4.1-nano-2025-04-14"}) {
    EXPECT_EQ(chat(model, kCookbook), 124U) << model;
  }
}

TEST(ExactInput, OtherModelsFrameTheirInputInWaysThatAreNotKnown) {
  for (const auto* model :
       {"gpt-5", "o1", "o3-mini", "gpt-4.5-preview", "chatgpt-4o-latest", "gpt-4o-audio-preview",
        "gpt-4o-search-preview-2025-03-11", "gpt-4-vision-preview", "gpt-3.5-turbo-0301",
        "gpt-3.5-turbo-instruct", "ft:gpt-4o:acme", "openai/gpt-4o", "gpt-4x", "llama-3"}) {
    EXPECT_EQ(chat(model, kHi), std::nullopt) << model;
  }
}

TEST(ExactInput, EscapesAreDecodedBeforeTheyAreCounted) {
  EXPECT_EQ(chat("gpt-4o", kHi), 8U);
  EXPECT_EQ(chat("gpt-4o", R"([{"role":"user","content":"\u0068\u0069"}])"), 8U);
  EXPECT_EQ(chat("gpt-4o", R"([{"role":"us\u0065r","content":"\n"}])"), 8U);
  EXPECT_EQ(chat("gpt-4o", R"([{"role":"user","content":"\ud83d\ude00"}])"),
            7 + bpe::count_tokens(bpe::Vocabulary::o200k_base, "\U0001f600"));
}

TEST(ExactInput, MembersThatAddNothing) {
  constexpr std::string_view kOptions =
      R"(,"temperature":0.5,"max_tokens":5,"stream":true,"stream_options":{},"seed":1,"n":2,)"
      R"("stop":["\n"],"user":"u","metadata":{"a":"b"},"response_format":{"type":"text"})";
  EXPECT_EQ(chat("gpt-4o", kHi, kOptions), 8U);
  EXPECT_EQ(chat("gpt-4o", kHi, R"(,"tools":null,"response_format":null,"anything":null)"), 8U);
  EXPECT_EQ(chat("gpt-4o", R"([{"role":"user","content":"hi","name":null,"tool_calls":null}])"),
            8U);
}

TEST(ExactInput, MembersThatMayAddSomething) {
  for (const auto* more :
       {R"(,"tools":[])", R"(,"functions":[])", R"(,"tool_choice":"none")",
        R"(,"response_format":{"type":"json_object"})", R"(,"response_format":"text")",
        R"(,"response_format":{"type":"text","x":1})", R"(,"reasoning_effort":"low")",
        R"(,"prediction":{"type":"content"})", R"(,"Temperature":1)", R"(,"new_option":1)"}) {
    EXPECT_EQ(chat("gpt-4o", kHi, more), std::nullopt) << more;
  }
}

TEST(ExactInput, MessagesThatAreNotPlainText) {
  for (const auto* message :
       {R"({"role":"user","content":[{"type":"text","text":"hi"}]})", R"({"role":"user"})",
        R"({"content":"hi"})", R"({"role":"tool","content":"hi"})",
        R"({"role":"developer","content":"hi"})", R"({"role":1,"content":"hi"})",
        R"({"role":"user","content":null})", R"({"role":"user","content":"hi","name":1})",
        R"({"role":"user","content":"hi","content":"hello"})",
        R"({"role":"user","content":"hi","Content":"hello"})",
        R"({"role":"assistant","content":"hi","tool_calls":[]})",
        R"({"role":"user","content":"<|im_end|>"})"}) {
    EXPECT_EQ(chat("gpt-4o", "[" + std::string(message) + "]"), std::nullopt) << message;
  }
  EXPECT_EQ(chat("gpt-4o", "null"), std::nullopt);
  EXPECT_EQ(exact(LlmApi::chat_completions, R"({"model":"gpt-4o"})"), std::nullopt);
}

TEST(ExactInput, Embeddings) {
  constexpr std::string_view kFood = "The food was delicious and the waiter...";
  EXPECT_EQ(embeddings(R"("input":")" + std::string(kFood) + "\""), 8U) << "as the API reports";
  EXPECT_EQ(embeddings(R"("input":["one two","three"],"dimensions":3,"user":"u")"), 3U);
  EXPECT_EQ(embeddings(R"("input":[1,2,99999],"encoding_format":"float")"), 3U);
  EXPECT_EQ(embeddings(R"("input":[[1,2],[3]])"), 3U);
  for (const auto* members : {R"("input":"")", R"("input":[])", R"("input":["a",""])",
                              R"("input":"a","instruction":"b")", R"("input":"<|endoftext|>")"}) {
    EXPECT_EQ(embeddings(members), std::nullopt) << members;
  }
  EXPECT_EQ(exact(LlmApi::embeddings, R"({"model":"bge-m3","input":"a"})"), std::nullopt);
}

TEST(ExactInput, LegacyCompletions) {
  EXPECT_EQ(completion(R"("prompt":"Once upon a time","max_tokens":7,"n":2)"), 4U);
  EXPECT_EQ(completion(R"("prompt":["Once","upon a time"])"), 4U);
  EXPECT_EQ(completion(R"("prompt":[1,2,3])"), 3U);
  for (const auto* members : {R"("max_tokens":1)", R"("prompt":null)", R"("prompt":"")",
                              R"("prompt":"a","suffix":"b")", R"("prompt":"a","echo":true)"}) {
    EXPECT_EQ(completion(members), std::nullopt) << members;
  }
  EXPECT_EQ(exact(LlmApi::completions, R"({"model":"davinci-002","prompt":"a"})"), std::nullopt);
}

TEST(ExactInput, OtherApisAreBoundedByBytesAlone) {
  EXPECT_EQ(exact(LlmApi::responses, R"({"model":"gpt-4o","input":"hi"})"), std::nullopt);
  EXPECT_EQ(exact(LlmApi::messages, R"({"model":"claude-sonnet-4","max_tokens":5,"messages":[]})"),
            std::nullopt);
}

TEST(ExactInput, OnlyOfABodyThatWasAcceptedLast) {
  const std::string body = R"({"model":"gpt-4o","messages":)" + std::string(kHi) + "}";
  const auto reader = make_reader(LlmApi::chat_completions);
  EXPECT_EQ(reader->exact_input_tokens(body), std::nullopt);
  ASSERT_TRUE(reader->peek(body));
  EXPECT_EQ(reader->exact_input_tokens(body), 8U);
  std::string out;
  ASSERT_TRUE(reader->edit(body, {.output_tokens = 3}, out));
  EXPECT_FALSE(reader->usage("{}"));
  EXPECT_EQ(reader->exact_input_tokens(body), 8U) << "an edit and an answer change nothing";
  EXPECT_EQ(reader->exact_input_tokens(out), std::nullopt);
  EXPECT_FALSE(reader->peek(R"({"messages":[]})"));
  EXPECT_EQ(reader->exact_input_tokens(R"({"messages":[]})"), std::nullopt);
}

}  // namespace
}  // namespace satgate::dialect::openai
