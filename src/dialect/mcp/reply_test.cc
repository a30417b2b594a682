#include "dialect/mcp/reply.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect::mcp {
namespace {

using Json = nlohmann::json;

RequestId request_id() {
  RequestId id;
  id.bytes[15] = 7;
  return id;
}

Denial exhausted() {
  Denial denial;
  denial.refusal = Refusal::budget_exhausted;
  denial.message = "Budget of cursor-dev is used up";
  denial.remaining = Money::credits(3);
  denial.required = Money::credits(15);
  denial.resets_at = Time::seconds(1'775'000'000);
  denial.cheapest_alternative =
      Alternative{.kind = Alternative::Kind::tool, .name = "grep", .cost = Money::credits(1)};
  return denial;
}

TEST(Reply, HandshakesSayWhoAndWhat) {
  std::string out;
  append_initialize_result(out, "2025-06-18", {.prompts = true},
                           {.version = "0.1.0", .instructions = "Spend wisely"});
  EXPECT_EQ(out,
            R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{"listChanged":true},)"
            R"("prompts":{"listChanged":true}},"serverInfo":{"name":"satgate","version":"0.1.0"},)"
            R"("instructions":"Spend wisely"})");
  out.clear();
  append_discover_result(out, {}, {.version = "0.1.0"});
  const Json discover = Json::parse(out);
  EXPECT_EQ(discover["resultType"], "complete");
  EXPECT_EQ(discover["supportedVersions"][0], "2026-07-28");
  EXPECT_EQ(discover["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "satgate");
  EXPECT_TRUE(discover["ttlMs"].is_number());
  EXPECT_TRUE(discover.contains("cacheScope"));
}

TEST(Reply, ToolsAreListedWithPricesAndOtherwiseUntouched) {
  RawJson json;
  auto page = read_tools_page(
      R"({"tools":[{"name":"a","inputSchema":{"const": 1.0}},{"name":"b","_meta":{"x":[ ]}}]})",
      json);
  std::vector<ServerTools> servers = {{"s", "p_", std::move(page->tools)}};
  const auto catalogue = Catalogue::build(servers, PrefixMode::collision);
  const Item& a = catalogue.find("p_a")->tool;
  const Item& b = catalogue.find("p_b")->tool;
  const std::vector<Listed> tools = {{.item = &a, .name = "p_a", .price = Money::nano(1'500'000)},
                                     {.item = &b, .name = "p_b", .price = Money::credits(2)}};
  std::string out;
  append_list(out, "tools", tools, Era::legacy);
  EXPECT_EQ(out,
            R"({"tools":[{"name":"p_a","inputSchema":{"const": 1.0},"_meta":{"io.satgate/price":)"
            R"({"cost":0.0015,"unit":"credits","usd":"0.0015"}}},{"name":"p_b","_meta":{"x":[ ],)"
            R"("io.satgate/price":{"cost":2,"unit":"credits","usd":"2.00"}}}]})");

  out.clear();
  append_list(out, "tools", {}, Era::modern);
  const Json modern = Json::parse(out);
  EXPECT_EQ(modern["cacheScope"], "private");  // the list depends on the token
  EXPECT_EQ(modern["resultType"], "complete");
  EXPECT_TRUE(modern["tools"].empty());
  EXPECT_FALSE(modern.contains("nextCursor"));
  out.clear();
  append_list(out, "prompts", {}, Era::legacy, {}, "next");
  EXPECT_EQ(out, R"({"prompts":[],"nextCursor":"next"})");

  out.clear();
  const std::vector<Listed> unpriced = {{.item = &a, .name = "p_a", .price = {}}};
  append_list(out, "tools", unpriced, Era::legacy);
  EXPECT_EQ(out, R"({"tools":[{"name":"p_a","inputSchema":{"const": 1.0}}]})");
}

TEST(Reply, APriceThatDependsOnTheCallIsListedAsABound) {
  RawJson json;
  auto page = read_tools_page(R"({"tools":[{"name":"a"}]})", json);
  const std::vector<Listed> tools = {{.item = &page->tools.front(),
                                      .name = "a",
                                      .price = Money::credits(2),
                                      .price_parts = R"({"base":1})"}};
  std::string out;
  append_list(out, "tools", tools, Era::legacy);
  EXPECT_EQ(Json::parse(out)["tools"][0]["_meta"]["io.satgate/price"],
            Json::parse(R"({"cost":2,"unit":"credits","usd":"2.00","at_most":true,)"
                        R"("parts":{"base":1}})"));
}

TEST(Reply, EachEntryHasItsOwnFiguresWhateverItsNeighbourHas) {
  RawJson json;
  auto page = read_tools_page(R"({"tools":[{"name":"a"}]})", json);
  const auto line = [&](std::optional<int64_t> price, std::string parts,
                        std::optional<int64_t> left) {
    Listed one{.item = &page->tools.front(), .name = "a", .price = {}};
    if (price) one.price = Money::credits(*price);
    one.price_parts = std::move(parts);
    if (left) one.remaining = Money::credits(*left);
    return one;
  };
  const std::vector<Listed> tools = {
      line(0, "", 0),  line(0, "", 0),   line(1, "", 0),          line(1, "{\"b\":1}", 5),
      line(1, "", 5),  line({}, "", {}), line(1, "", 5),          line({}, "", 5),
      line(2, "", {}), line(2, "", 5),   line(2, "{\"b\":2}", 6), line(2, "{\"b\":1}", 6)};
  std::string whole;
  append_list(whole, "tools", tools, Era::legacy);
  const Json listed = Json::parse(whole)["tools"];
  ASSERT_EQ(listed.size(), tools.size());
  for (size_t i = 0; i < tools.size(); ++i) {
    std::string alone;
    append_list(alone, "tools", std::span(&tools[i], 1), Era::legacy);
    EXPECT_EQ(listed[i], Json::parse(alone)["tools"][0]) << i;
  }
  EXPECT_EQ(listed[4]["_meta"]["io.satgate/budget"]["remaining"], 5);
  EXPECT_FALSE(listed[4]["_meta"]["io.satgate/price"].contains("parts"));
  EXPECT_FALSE(listed[5].contains("_meta"));
}

TEST(Reply, AChargeSaysWhetherTheAnswerIsAnOldOneOrWithheld) {
  RawJson json;
  Charge charge = {Money::credits(1), {}, {}};
  charge.cache_age_seconds = 7;
  charge.withheld = true;
  std::string out;
  ASSERT_TRUE(append_charged_result(out, "{}", charge, Era::legacy, false, json));
  const Json said = Json::parse(out)["_meta"]["io.satgate/charge"];
  EXPECT_EQ(said["cache"], "hit");
  EXPECT_EQ(said["age"], 7);
  EXPECT_EQ(said["withheld"], true);
}

TEST(Reply, ADenialReachesTheModelAndTheMachine) {
  std::string out;
  append_denial(out, "7", exhausted(), request_id(), DenialStyle::result, Era::legacy);
  const Json response = Json::parse(out);
  EXPECT_EQ(response["id"], 7);
  const Json& result = response["result"];
  EXPECT_EQ(result["isError"], true);
  EXPECT_FALSE(result.contains("structuredContent"));  // SDK 1.x throws on a foreign schema
  EXPECT_FALSE(result.contains("resultType"));
  EXPECT_EQ(result["content"][0]["text"],
            "Budget of cursor-dev is used up. Remaining: 3 credits. Needed for this call: 15 "
            "credits. Resets at 2026-03-31T23:33:20Z. Cheaper alternative: tool grep (1 credit). "
            "Until then the same call will be refused again.");
  const Json& denial = result["_meta"]["io.satgate/denial"];
  EXPECT_EQ(denial["error"], "budget_exhausted");
  EXPECT_EQ(denial["remaining_credits"], 3);
  EXPECT_EQ(denial["required_credits"], 15);
  EXPECT_EQ(denial["cheapest_alternative"]["tool"], "grep");
  EXPECT_EQ(denial["request_id"], to_string(request_id()));

  out.clear();
  append_denial(out, "7", exhausted(), request_id(), DenialStyle::result, Era::modern);
  EXPECT_EQ(Json::parse(out)["result"]["resultType"], "complete");
}

TEST(Reply, ADenialAsErrorHasTheArticlesCodes) {
  Denial denial = exhausted();
  denial.refusal = Refusal::rate_limited;
  denial.retry_after_seconds = 12;
  std::string out;
  append_denial(out, "\"a\"", denial, request_id(), DenialStyle::jsonrpc, Era::legacy);
  const Json error = Json::parse(out)["error"];
  EXPECT_EQ(error["code"], -32004);
  EXPECT_EQ(error["data"]["retry_after_seconds"], 12);
  EXPECT_EQ(denial_error_code(Refusal::loop_detected), -32004);
  EXPECT_EQ(denial_error_code(Refusal::budget_exceeded), -32000);
  EXPECT_EQ(denial_error_code(Refusal::tool_denied), -32001);
  // No code that MCP reserves or has retired (-32042) is ever made up.
  for (const Refusal refusal : kAllRefusals) {
    const int code = denial_error_code(refusal);
    EXPECT_TRUE(code == -32000 || code == -32001 || code == -32004 || code == -32603);
  }
}

TEST(Reply, AReceiptIsAddedAndTheRestIsByteForByte) {
  RawJson json;
  std::string out;
  const Charge charge = {
      .cost = Money::credits(1), .remaining = Money::credits(24), .request = request_id()};
  ASSERT_TRUE(append_charged_result(
      out, R"({"content":[ {"type":"text","text":"\ud83d"} ],"structuredContent":{"n":1.0e10}})",
      charge, Era::legacy, false, json));
  EXPECT_EQ(out,
            R"({"content":[ {"type":"text","text":"\ud83d"} ],"structuredContent":{"n":1.0e10},)"
            R"("_meta":{"io.satgate/charge":{"cost":1,"remaining":24,)"
            R"("request_id":"00000000000000000000000000000007"}}})");
}

// Upstreams are untrusted about money: what they write under our name is not passed on.
TEST(Reply, AReceiptCannotBeForged) {
  RawJson json;
  std::string out;
  ASSERT_TRUE(append_charged_result(
      out, R"({"_meta":{"a":1},"content":[],"_meta":{"io.satgate\/charge":{"cost":0},"k":2}})",
      std::nullopt, Era::modern, false, json));
  EXPECT_EQ(out, R"({"content":[],"resultType":"complete","_meta":{"k":2}})");
  EXPECT_FALSE(append_charged_result(out, "[1]", std::nullopt, Era::legacy, false, json));
}

// What one token may read is not for another, whatever a server says; and each era gets its own.
TEST(Reply, WhatIsReadIsPrivate) {
  RawJson json;
  std::string out;
  const std::string_view read =
      R"({"contents":[],"resultType":"complete","ttlMs":60000,"cacheScope":"public"})";
  ASSERT_TRUE(append_charged_result(out, read, std::nullopt, Era::modern, true, json));
  EXPECT_EQ(out, R"({"contents":[],"resultType":"complete","ttlMs":60000,"cacheScope":"private"})");
  out.clear();
  ASSERT_TRUE(
      append_charged_result(out, R"({"contents":[]})", std::nullopt, Era::modern, true, json));
  EXPECT_EQ(out, R"({"contents":[],"resultType":"complete","ttlMs":0,"cacheScope":"private"})");
  out.clear();
  ASSERT_TRUE(append_charged_result(out, read, std::nullopt, Era::legacy, true, json));
  EXPECT_EQ(out, R"({"contents":[]})");
}

TEST(Reply, ErrorResultsAreTold) {
  RawJson json;
  EXPECT_TRUE(is_error_result(R"({"content":[],"isError":true})", json));
  EXPECT_FALSE(is_error_result(R"({"content":[],"isError":false})", json));
  EXPECT_FALSE(is_error_result(R"({"content":[{"isError":true}]})", json));
  EXPECT_FALSE(is_error_result("", json));
}

}  // namespace
}  // namespace satgate::dialect::mcp
