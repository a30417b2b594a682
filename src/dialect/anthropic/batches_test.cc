#include "dialect/anthropic/batches.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/limits.h"

namespace satgate::dialect::anthropic {
namespace {

using nlohmann::json;

std::string request(std::string_view id, std::string_view more = "",
                    std::string_view model = "claude-a") {
  return fmt::format(R"({{"custom_id":"{}","params":{{"model":"{}","max_tokens":64,{})"
                     R"("messages":[{{"role":"user","content":"hi"}}]}}}})",
                     id, model, more);
}

std::string batch(std::string_view requests) {
  return fmt::format(R"({{"requests":[{}]}})", requests);
}

std::string complaint(std::string_view text) {
  BatchReader reader;
  const auto read = reader.peek(text);
  return read ? "accepted" : std::string(read.error().message);
}

TEST(Batches, EachRequestIsReadAsAMessageByItself) {
  BatchReader reader;
  const std::string plain = request("a");
  const std::string cached = request(
      "b", R"("system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],)");
  const std::string tools = request("c", R"("tools":[{"name":"t","input_schema":{}}],)");
  const auto read = reader.peek(batch(plain + "," + cached + " , " + tools));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->model, "claude-a");
  EXPECT_EQ(read->unbounded, "");
  ASSERT_EQ(read->batch.size(), 3u);
  const auto params = [](const std::string& text) {
    return json::parse(text).at("params").dump().size();
  };
  const BatchItem& first = read->batch[0];
  EXPECT_EQ(first.id, "a");
  EXPECT_EQ(first.model, "claude-a");
  EXPECT_EQ(first.output_tokens_max, 64u);
  EXPECT_EQ(first.input_bytes, params(plain));
  EXPECT_FALSE(first.may_write_cache);
  EXPECT_EQ(read->batch[1].input_bytes, params(cached));
  EXPECT_TRUE(read->batch[1].may_write_cache);
  EXPECT_EQ(read->batch[2].input_bytes, params(tools) + 1000);
}

TEST(Batches, SpaceAndEscapesCountAsTheyWereSent) {
  BatchReader reader;
  const auto bytes = [&](std::string_view content) {
    const std::string text =
        fmt::format(R"({{"requests":[{{"params":{{"model":"m","max_tokens":1,"messages":)"
                    R"([{{"role":"user","content":{}}}]}},"custom_id":"a"}}]}})",
                    content);
    return reader.peek(text).value().batch[0].input_bytes;
  };
  EXPECT_EQ(bytes(R"("\u0041")"), bytes(R"("A")") + 5);
  EXPECT_EQ(bytes(R"(    "A")"), bytes(R"("A")") + 4);
}

TEST(Batches, OneModelHasAName) {
  BatchReader reader;
  EXPECT_EQ(reader.peek(batch(request("a") + "," + request("b")))->model, "claude-a");
  const auto mixed = reader.peek(batch(request("a") + "," + request("b", "", "claude-b")));
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->model, "");
  EXPECT_EQ(mixed->batch[1].model, "claude-b");
}

TEST(Batches, WhatHasNoBoundSaysWhereItIs) {
  BatchReader reader;
  const auto read = reader.peek(
      batch(request("a") + "," + request("b", R"("mcp_servers":[{"url":"https://x"}],)")));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->unbounded, "");
  EXPECT_EQ(read->batch[0].unbounded, "");
  EXPECT_EQ(read->batch[1].unbounded, "mcp_servers");
  std::string odd = request("a");
  odd.insert(1, R"("priority":"high",)");
  EXPECT_EQ(reader.peek(batch(odd))->unbounded, "a member beside custom_id and params");
  EXPECT_EQ(reader.peek(R"({"speed":1,"requests":[)" + request("a") + "]}")->unbounded,
            "a member beside requests");
}

TEST(Batches, WrongShapes) {
  constexpr std::string_view kList = "requests must be a list with at least one request";
  constexpr std::string_view kItem = "each of requests must have a custom_id and params";
  constexpr std::string_view kId = "custom_id must be a string of 1 to 64 characters";
  for (const std::string_view text : {"{}", R"({"requests":null})", R"({"requests":[]})",
                                      R"({"requests":{}})", R"({"requests":"x"})"}) {
    EXPECT_EQ(complaint(text), kList) << text;
  }
  for (const std::string_view item :
       {"null", "[]", "7", "{}", R"({"custom_id":"a"})", R"({"params":{}})",
        R"({"custom_id":"a","params":[]})", R"({"custom_id":"a","params":null})"}) {
    EXPECT_EQ(complaint(batch(item)), kItem) << item;
  }
  for (const std::string& id : {std::string("null"), std::string("7"), std::string(R"("")"),
                                "\"" + std::string(65, 'x') + "\""}) {
    EXPECT_EQ(complaint(batch(R"({"params":{},"custom_id":)" + id + "}")), kId) << id;
  }
  EXPECT_EQ(complaint("["), "the body is not well-formed JSON, or too large");
  EXPECT_EQ(complaint("[]"), "the body must be a JSON object");
  EXPECT_EQ(complaint(batch(R"({"custom_id":"a","params":{"model":"m","messages":[]}})")),
            "custom_id 'a': max_tokens must be a whole number above zero");
  EXPECT_EQ(complaint(batch(R"({"custom_id":"a","params":{"max_tokens":1,"messages":[]}})")),
            "custom_id 'a': model must be a non-empty string");
}

TEST(Batches, NothingHasTwoReadings) {
  constexpr std::string_view kTwice = "a member that decides about cost appears twice";
  constexpr std::string_view kCase = "a member that decides about cost is spelled in another case";
  const std::string one = request("a");
  EXPECT_EQ(complaint(R"({"requests":[)" + one + R"(],"requests":[]})"), kTwice);
  EXPECT_EQ(complaint(R"({"requests":[)" + one + R"(],"Requests":[]})"), kCase);
  EXPECT_EQ(complaint(batch(R"({"custom_id":"a","params":{},"params":{}})")), kTwice);
  EXPECT_EQ(complaint(batch(R"({"custom_id":"a","params":{},"PARAMS":{}})")), kCase);
  EXPECT_EQ(complaint(batch(request("a", R"("max_tokens":9,)"))),
            "custom_id 'a': " + std::string(kTwice));
  EXPECT_EQ(complaint(batch(one + "," + request("b") + "," + one)),
            "two requests have the same custom_id");
  EXPECT_EQ(complaint(batch(one + "," + request("\\u0061"))),
            "two requests have the same custom_id");
}

TEST(Batches, AsManyAsTheBound) {
  std::string requests = request("0");
  for (size_t i = 1; i < limits::batch_requests_max; ++i)
    requests += "," + request(std::to_string(i));
  BatchReader reader;
  const auto read = reader.peek(batch(requests));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->batch.size(), limits::batch_requests_max);
  EXPECT_EQ(complaint(batch(requests + "," + request("more"))), "a batch may have 10000 requests");
}

TEST(Batches, IsForwardedAsItIsAndOnlyIfItWasAccepted) {
  BatchReader reader;
  std::string out;
  EXPECT_FALSE(reader.edit("{}", {}, out));
  const std::string text = batch(request("a"));
  ASSERT_TRUE(reader.peek(text));
  EXPECT_TRUE(reader.edit(text, {.model = "claude-b", .output_tokens = 1}, out));
  EXPECT_EQ(out, text);
  EXPECT_FALSE(reader.edit(batch(request("b")), {}, out));
  EXPECT_FALSE(reader.peek("{}"));
  EXPECT_FALSE(reader.edit(text, {}, out));
}

TEST(Batches, AnAnswerHasAnIdAndNoUsage) {
  BatchReader reader;
  EXPECT_FALSE(reader.usage(R"({"id":"msgbatch_1","usage":{"input_tokens":1,"output_tokens":1}})"));
  EXPECT_EQ(reader.stored_id(), "msgbatch_1");
  EXPECT_FALSE(reader.usage("x"));
  EXPECT_EQ(reader.stored_id(), "");
}

TEST(Batches, ResultsLieWhereTheBatchIs) {
  const auto at = [](std::string_view text) { return with_results_at(text, "/v1/b/1"); };
  EXPECT_EQ(at(R"({"id":"1", "results_url": "https://p.example/1/results", "x":1})"),
            R"({"id":"1", "results_url": "/v1/b/1/results", "x":1})");
  for (const std::string_view same : {R"({"id":"1","results_url":null})", R"({"id":"1"})", "{}"})
    EXPECT_EQ(at(same), same);
  for (const std::string_view bad : {"", "[]", "x", R"({"results_url":)"})
    EXPECT_EQ(at(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace satgate::dialect::anthropic
