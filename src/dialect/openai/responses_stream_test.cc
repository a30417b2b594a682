#include "dialect/openai/responses_stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "dialect/llm_api.h"

namespace satgate::dialect::openai {
namespace {

using nlohmann::json;
using Action = LlmStream::Action;

// Progress is no report: its usage does not count.
const std::vector<std::string_view> kProgress = {
    R"({"type":"response.created","response":{"status":"queued","error":null,"usage":null}})",
    R"({"type":"response.in_progress","response":{"usage":{"input_tokens":1,"output_tokens":0}}})",
    R"({"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning"}})",
    R"({"type":"response.output_text.delta","delta":"{\"type\":\"response.completed\"}"})",
    R"({"type":"response.output_text.done","text":"[DONE]"})",
    R"({"type":"brand_new","error":{"message":"x"}})",
    R"({"delta":"no type"})",
    R"({"error":null})",
    R"(["error"])",
    "not JSON",
    "",
};

std::string final_event(std::string_view type, std::string_view usage) {
  return R"({"type":")" + std::string(type) + R"(","response":{"id":"resp_1","usage":)" +
         std::string(usage) + "}}";
}

constexpr std::string_view kUsage =
    R"({"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":40,)"
    R"("output_tokens_details":{"reasoning_tokens":30},"total_tokens":140})";

void expect_bound(const ResponsesStream& stream) {
  EXPECT_FALSE(stream.usage());
  for (const bool all_visible : {false, true}) {
    const Usage charged = stream.conservative_usage(7, 9, all_visible);
    EXPECT_EQ(charged.input, 7u);
    EXPECT_EQ(charged.output, 9u);
  }
}

TEST(ResponsesStream, EverythingPassesUpToTheEnd) {
  ResponsesStream stream;
  for (const std::string_view data : kProgress) {
    const auto step = stream.on_data(data);
    EXPECT_EQ(step.action, Action::forward) << data;
    EXPECT_FALSE(step.ends) << data;
  }
  EXPECT_FALSE(stream.complete());
  expect_bound(stream);
}

TEST(ResponsesStream, EveryEndReportsUsage) {
  for (const auto* type : {"response.completed", "response.incomplete", "response.failed"}) {
    ResponsesStream stream;
    const auto last = stream.on_data(final_event(type, kUsage));
    EXPECT_EQ(last.action, Action::forward);
    EXPECT_TRUE(last.ends) << type;
    EXPECT_TRUE(stream.complete());
    ASSERT_TRUE(stream.usage()) << type;
    EXPECT_EQ(stream.usage()->input, 100u);
    EXPECT_EQ(stream.usage()->cached_input, 60u);
    EXPECT_EQ(stream.usage()->output, 40u);
    EXPECT_EQ(stream.usage()->reasoning, 30u);
    EXPECT_EQ(stream.conservative_usage(9000, 9000, false).output, 40u);
    EXPECT_TRUE(stream.on_data("[DONE]").ends) << "kept back with the end";
    EXPECT_TRUE(stream.usage());
  }
}

TEST(ResponsesStream, AnEndWithoutUsageIsChargedInFull) {
  for (const std::string& data :
       {final_event("response.completed", "null"), final_event("response.failed", "null"),
        final_event("response.incomplete", R"({"input_tokens":1})"),
        std::string(R"({"type":"response.completed"})"),
        std::string(R"({"type":"response.failed","response":"none"})"),
        std::string(R"({"type":"error","code":"server_error","message":"x","param":null})"),
        std::string(R"({"error":{"message":"x","code":"server_error"}})"), std::string("[DONE]"),
        std::string(" [DONE] ")}) {
    ResponsesStream stream;
    const auto step = stream.on_data(data);
    EXPECT_EQ(step.action, Action::forward) << data;
    EXPECT_TRUE(step.ends) << data;
    EXPECT_TRUE(stream.complete()) << data;
    expect_bound(stream);
  }
}

TEST(ResponsesStream, TheLargerOfTwoReports) {
  ResponsesStream stream;
  stream.on_data(final_event("response.completed", kUsage));
  stream.on_data(final_event("response.completed", R"({"input_tokens":1,"output_tokens":50})"));
  ASSERT_TRUE(stream.usage());
  EXPECT_EQ(stream.usage()->input, 100u);
  EXPECT_EQ(stream.usage()->output, 50u);
}

TEST(ResponsesStream, TheIdIsThereFromTheFirstEventOn) {
  ResponsesStream stream;
  EXPECT_EQ(stream.stored_id(), "");
  stream.on_data(R"({"type":"response.output_text.delta","item_id":"msg_1","delta":"a"})");
  EXPECT_EQ(stream.stored_id(), "");
  stream.on_data(R"({"type":"response.created","response":{"id":"resp_1","usage":null}})");
  EXPECT_EQ(stream.stored_id(), "resp_1");
  stream.on_data(R"({"type":"response.completed","response":{"id":"resp_2"}})");
  EXPECT_EQ(stream.stored_id(), "resp_1") << "one answer has one id";
}

TEST(ResponsesStream, AnErrorIsAWholeEvent) {
  constexpr std::string_view head = "event: error\ndata: ";
  const std::string event = responses_stream_error("upstream_cut", "a \"quoted\"\nline");
  ASSERT_TRUE(event.starts_with(head) && event.ends_with("\n\n")) << event;
  const std::string data = event.substr(head.size(), event.size() - head.size() - 2);
  EXPECT_EQ(data.find('\n'), data.npos);
  EXPECT_EQ(json::parse(data), json({{"type", "error"},
                                     {"code", "upstream_cut"},
                                     {"message", "a \"quoted\"\nline"},
                                     {"param", nullptr},
                                     {"sequence_number", 0}}));
  ResponsesStream stream;
  EXPECT_TRUE(stream.on_data(data).ends);
  EXPECT_EQ(stream_error(LlmApi::responses, "upstream_cut", "a \"quoted\"\nline", RequestId()),
            event);
}

}  // namespace
}  // namespace satgate::dialect::openai
