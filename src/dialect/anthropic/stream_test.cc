#include "dialect/anthropic/stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace satgate::dialect::anthropic {
namespace {

using nlohmann::json;
using Action = LlmStream::Action;

constexpr std::string_view kStart =
    R"({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant",)"
    R"("content":[],"model":"claude-sonnet-4-5","stop_reason":null,"usage":{"input_tokens":10,)"
    R"("cache_creation_input_tokens":300,"cache_read_input_tokens":2000,"cache_creation":{)"
    R"("ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":1}}})";
constexpr std::string_view kText =
    R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}})";
constexpr std::string_view kDelta =
    R"({"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},)"
    R"("usage":{"output_tokens":15}})";
constexpr std::string_view kStop = R"({"type":"message_stop"})";

const std::vector<std::string_view> kConversation = {
    kStart,
    R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
    R"({"type":"ping"})",
    kText,
    R"({"type":"content_block_stop","index":0})",
    kDelta,
};

void follow(MessageStream& stream, const std::vector<std::string_view>& events) {
  for (const std::string_view data : events) {
    const auto step = stream.on_data(data);
    EXPECT_EQ(step.action, Action::forward) << data;
    EXPECT_FALSE(step.ends) << data;
  }
}

TEST(AnthropicStream, EverythingPassesUpToTheEnd) {
  MessageStream stream;
  follow(stream, kConversation);
  EXPECT_FALSE(stream.complete());
  const auto last = stream.on_data(kStop);
  EXPECT_EQ(last.action, Action::forward);
  EXPECT_TRUE(last.ends);
  EXPECT_TRUE(stream.complete());
  ASSERT_TRUE(stream.usage());
  EXPECT_EQ(stream.usage()->input, 2310u);
  EXPECT_EQ(stream.usage()->cached_input, 2000u);
  EXPECT_EQ(stream.usage()->cache_write, 300u);
  EXPECT_EQ(stream.usage()->cache_write_1h, 200u);
  EXPECT_EQ(stream.usage()->output, 15u);
  EXPECT_EQ(stream.conservative_usage(9000, 9000, false).output, 15u);
}

TEST(AnthropicStream, RunningTotalsAreNotAdded) {
  MessageStream stream;
  follow(stream, {kStart, kDelta,
                  R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{)"
                  R"("input_tokens":10,"cache_read_input_tokens":2500,"output_tokens":20}})",
                  R"({"type":"message_delta","delta":{},"usage":{"input_tokens":0,)"
                  R"("cache_read_input_tokens":null,"output_tokens":3}})"});
  ASSERT_TRUE(stream.usage());
  EXPECT_EQ(stream.usage()->input, 2810u) << "each count on its own: the largest of it";
  EXPECT_EQ(stream.usage()->cached_input, 2500u);
  EXPECT_EQ(stream.usage()->output, 20u);
}

TEST(AnthropicStream, OnlyAReasonToStopMakesUsageFinal) {
  for (const auto* delta :
       {R"({"type":"message_delta","delta":{"stop_reason":null},"usage":{"output_tokens":5}})",
        R"({"type":"message_delta","delta":{},"usage":{"output_tokens":5}})",
        R"({"type":"message_delta","usage":{"output_tokens":5}})",
        R"({"type":"message_delta","delta":{"stop_reason":"end_turn"}})",
        R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{}})",
        R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":null})",
        R"({"type":"message_delta","delta":{"stop_reason":"x"},"usage":{"output_tokens":null}})",
        R"({"type":"message_delta","delta":{"stop_reason":"x"},"usage":{"output_tokens":-5}})"}) {
    MessageStream stream;
    follow(stream, {kStart, delta});
    EXPECT_FALSE(stream.usage()) << delta;
    EXPECT_EQ(stream.conservative_usage(9000, 300, true).output, 300u) << delta;
    EXPECT_EQ(stream.conservative_usage(9000, 300, true).input, 2310u) << delta;
  }
}

TEST(Law1, CutMessageIsChargedInFullNeverZero) {
  MessageStream stream;
  EXPECT_EQ(stream.conservative_usage(500, 300, true).input, 500u);
  EXPECT_EQ(stream.conservative_usage(500, 300, true).output, 300u);
  follow(stream, {kStart, kText});
  for (const bool visible : {false, true}) {
    const Usage usage = stream.conservative_usage(5000, 300, visible);
    EXPECT_EQ(usage.input, 2310u) << "the start of the message said it";
    EXPECT_EQ(usage.cached_input, 2000u);
    EXPECT_EQ(usage.cache_write_1h, 200u);
    EXPECT_EQ(usage.output, 300u);
  }
  EXPECT_EQ(stream.conservative_usage(5000, 0, true).output, 1u) << "as much was reported";
  EXPECT_FALSE(stream.complete());
}

TEST(Law1, InputThatNobodyCountedIsChargedAsQuoted) {
  for (const auto* start :
       {R"({"type":"message_start"})", R"({"type":"message_start","message":{}})",
        R"({"type":"message_start","message":{"usage":{"input_tokens":0,"output_tokens":0}}})",
        R"({"type":"message_start","message":{"usage":{"input_tokens":"7"}}})"}) {
    MessageStream stream;
    follow(stream, {start, kDelta});
    EXPECT_FALSE(stream.usage()) << start;
    const Usage usage = stream.conservative_usage(500, 300, false);
    EXPECT_EQ(usage.input, 500u) << start;
    EXPECT_EQ(usage.cached_input, 0u) << start;
    EXPECT_EQ(usage.output, 300u) << start;
  }
}

TEST(AnthropicStream, InputMayBeCountedAtTheEnd) {
  MessageStream stream;
  follow(stream,
         {R"({"type":"message_start","message":{"usage":{"input_tokens":0,"output_tokens":0}}})",
          R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{)"
          R"("input_tokens":12,"output_tokens":4}})"});
  ASSERT_TRUE(stream.usage());
  EXPECT_EQ(stream.usage()->input, 12u);
  EXPECT_EQ(stream.usage()->output, 4u);
}

TEST(AnthropicStream, AnErrorEndsIt) {
  MessageStream stream;
  follow(stream, {kStart});
  const auto step = stream.on_data(
      R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})");
  EXPECT_EQ(step.action, Action::forward);
  EXPECT_TRUE(step.ends);
  EXPECT_TRUE(stream.complete());
  EXPECT_FALSE(stream.usage());
  EXPECT_EQ(stream.conservative_usage(5000, 300, false).output, 300u);
}

TEST(AnthropicStream, OddEventsPassAsTheyAre) {
  MessageStream stream;
  follow(stream, {"", "not json", "[1]", "{}", R"({"type":7})", R"({"type":"brand_new"})",
                  R"({"type":"content_block_delta","delta":{"text":"message_stop"}})", "[DONE]",
                  "{\"type\":\"\xff\"}"});
  EXPECT_FALSE(stream.complete());
  EXPECT_FALSE(stream.usage());
}

TEST(AnthropicStream, TypedErrorEventIsOneEvent) {
  constexpr std::string_view head = "event: error\ndata: ";
  const std::string text = stream_error("two\nlines", RequestId{});
  ASSERT_TRUE(text.starts_with(head)) << text;
  ASSERT_TRUE(text.ends_with("\n\n")) << text;
  EXPECT_EQ(text.find('\n', head.size()), text.size() - 2) << text;
  const json data = json::parse(text.substr(head.size()));
  EXPECT_EQ(data.at("type"), "error");
  EXPECT_EQ(data.at("error").at("type"), "api_error");
  EXPECT_EQ(data.at("error").at("message"), "two\nlines");
}

}  // namespace
}  // namespace satgate::dialect::anthropic
