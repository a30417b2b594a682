#include "dialect/openai/stream_filter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace satgate::dialect::openai {
namespace {

using nlohmann::json;
using Action = StreamFilter::Action;

// As api.openai.com answers with stream_options.include_usage.
const std::vector<std::string> kConversation = {
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06",)"
    R"("service_tier":"default","system_fingerprint":"fp","choices":[{"index":0,"delta":{)"
    R"("role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],)"
    R"("usage":null,"obfuscation":"aaa"})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06",)"
    R"("choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}],"usage":null})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06",)"
    R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})",
    R"({"id":"c1","object":"chat.completion.chunk","created":1,"model":"gpt-4o-2024-08-06",)"
    R"("choices":[],"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11,)"
    R"("prompt_tokens_details":{"cached_tokens":4},)"
    R"("completion_tokens_details":{"reasoning_tokens":0}}})",
    "[DONE]",
};

std::vector<std::string> run(StreamFilter& filter, const std::vector<std::string>& events) {
  std::vector<std::string> seen;
  for (const std::string& data : events) {
    const auto step = filter.on_data(data);
    if (step.action == Action::forward) seen.push_back(data);
    if (step.action == Action::replace) seen.emplace_back(step.data);
  }
  return seen;
}

TEST(Stream, ClientThatDidNotAskSeesNoUsage) {
  StreamFilter filter(false, 1);
  const auto seen = run(filter, kConversation);
  ASSERT_EQ(seen.size(), 4u);
  for (size_t i = 0; i < 3; ++i) {
    json want = json::parse(kConversation[i]);
    want.erase("usage");
    EXPECT_EQ(json::parse(seen[i]), want);
    EXPECT_FALSE(want.at("choices").empty()) << "clients read choices[0]";
  }
  EXPECT_EQ(seen[1],
            R"({"id":"c1","object":"chat.completion.chunk","created":1,)"
            R"("model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hello"},)"
            R"("finish_reason":null}]})")
      << "nothing else moves";
  EXPECT_EQ(seen[3], "[DONE]");
  ASSERT_TRUE(filter.usage());
  EXPECT_EQ(filter.usage()->input, 9u);
  EXPECT_EQ(filter.usage()->cached_input, 4u);
  EXPECT_EQ(filter.usage()->output, 2u);
  EXPECT_TRUE(filter.done());
  EXPECT_TRUE(filter.finished());
  EXPECT_FALSE(filter.failed());
  EXPECT_EQ(filter.conservative_usage(1000, 1000, false).output, 2u);
}

TEST(Stream, ClientThatAskedSeesEverythingUntouched) {
  StreamFilter filter(true, 1);
  EXPECT_EQ(run(filter, kConversation), kConversation);
  EXPECT_EQ(filter.usage()->output, 2u);
}

TEST(Stream, CutOutWhereverItStands) {
  for (const auto& [from, to] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"({"usage":null,"choices":[{}]})", R"({"choices":[{}]})"},
           {R"({"choices":[{}] , "usage" : null })", R"({"choices":[{}]  })"},
           {R"({"choices":[{}],"usage":null,"x":1})", R"({"choices":[{}],"x":1})"},
           {R"({"usage":null})", R"({})"},
           {R"({"choices":[{}],"us\u0061ge":null})", R"({"choices":[{}]})"},
           {R"({"choices":[{}],"usage":{"prompt_tokens":1,"d":{"a":[1,2]}},"x":{}})",
            R"({"choices":[{}],"x":{}})"},
       }) {
    StreamFilter filter(false, 1);
    const auto step = filter.on_data(from);
    EXPECT_EQ(step.action, Action::replace) << from;
    EXPECT_TRUE(json::accept(step.data)) << step.data;
    EXPECT_EQ(json::parse(step.data), json::parse(to)) << from;
  }
}

TEST(Stream, OddChunksPassAsTheyAre) {
  for (const auto* data :
       {"", "not json", "[1]", R"({"choices":[],"prompt_filter_results":[]})",
        R"({"usage":null,"usage":null})", R"({"usage":[1]})", "{\"a\":\"\xff\"}"}) {
    StreamFilter filter(false, 1);
    EXPECT_EQ(filter.on_data(data).action, Action::forward) << data;
    EXPECT_FALSE(filter.usage()) << data;
  }
}

TEST(Law1, CutStreamIsChargedInFullNeverZero) {
  StreamFilter filter(false, 1);
  (void)filter.on_data(kConversation[0]);
  (void)filter.on_data(kConversation[1]);
  for (const bool visible : {false, true}) {
    const Usage usage = filter.conservative_usage(500, 300, visible);
    EXPECT_EQ(usage.input, 500u);
    EXPECT_EQ(usage.output, 300u);
  }
  EXPECT_FALSE(filter.finished());
  EXPECT_FALSE(filter.done());
}

TEST(Law1, FinishedWithoutUsageIsBoundedByItsBytesOnlyIfAllTokensShow) {
  StreamFilter filter(false, 1);
  for (size_t i = 0; i < 3; ++i)
    (void)filter.on_data(kConversation[i]);
  EXPECT_EQ(filter.conservative_usage(500, 30'000, false).output, 30'000u);
  const uint64_t bound = filter.conservative_usage(500, 30'000, true).output;
  EXPECT_GE(bound, std::string_view("Hello").size());
  EXPECT_LT(bound, 200u);
  EXPECT_EQ(filter.conservative_usage(500, 3, true).output, 3u);
}

TEST(Law1, RunningTotalsAreNoFinalReport) {
  StreamFilter filter(false, 1);
  (void)filter.on_data(
      R"({"choices":[{"index":0,"delta":{"content":"a"}}],"usage":{"prompt_tokens":5,)"
      R"("completion_tokens":1}})");
  EXPECT_EQ(filter.conservative_usage(100, 300, false).output, 300u);
  (void)filter.on_data(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{)"
                       R"("prompt_tokens":5,"completion_tokens":7}})");
  EXPECT_EQ(filter.conservative_usage(100, 300, false).output, 7u);
}

TEST(Law1, EveryChoiceMustFinish) {
  StreamFilter filter(false, 2);
  (void)filter.on_data(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
  EXPECT_FALSE(filter.finished());
  (void)filter.on_data(R"({"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})");
  EXPECT_FALSE(filter.finished());
  (void)filter.on_data(R"({"choices":[{"index":99999999999,"finish_reason":"stop"}]})");
  EXPECT_FALSE(filter.finished());
  (void)filter.on_data(R"({"choices":[{"index":1,"delta":{},"finish_reason":"length"}]})");
  EXPECT_TRUE(filter.finished());
}

TEST(Stream, CountsArgumentsOfToolsAsOutput) {
  StreamFilter filter(true, 1);
  const std::string arguments(1000, 'x');
  (void)filter.on_data(R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{)"
                       R"("arguments":")" +
                       arguments + R"("}}]}}]})");
  EXPECT_GE(filter.output_bytes(), 1000u);
  const uint64_t before = filter.output_bytes();
  (void)filter.on_data("garbage");
  EXPECT_GE(filter.output_bytes(), before + 7) << "what cannot be read counts whole";
}

TEST(Stream, UpstreamErrorIsNoted) {
  StreamFilter filter(false, 1);
  EXPECT_EQ(filter.on_data(R"({"error":{"message":"overloaded"}})").action, Action::forward);
  EXPECT_TRUE(filter.failed());
}

TEST(Stream, TypedErrorEventIsOneEvent) {
  const std::string text = stream_error("upstream_failed", "two\nlines", RequestId{});
  ASSERT_TRUE(text.starts_with("data: "));
  ASSERT_TRUE(text.ends_with("\n\n"));
  EXPECT_EQ(text.find('\n'), text.size() - 2);
  EXPECT_EQ(json::parse(text.substr(6)).at("error").at("code"), "upstream_failed");
}

}  // namespace
}  // namespace satgate::dialect::openai
