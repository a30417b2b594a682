#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "dialect/mcp/reply.h"

namespace satgate::dialect::mcp {
namespace {

using Json = nlohmann::json;

TEST(Listen, ARoundNamesWhatIsAskedAndTheWayBack) {
  const std::vector<AskView> asks = {{"who", "elicitation/create", R"({"message":"?"})"},
                                     {"where", "roots/list", ""}};
  std::string out;
  append_input_required(out, "\"a\"", asks, "handle");
  const Json response = Json::parse(out);
  EXPECT_EQ(response["id"], "a");
  const Json& result = response["result"];
  EXPECT_EQ(result["resultType"], "input_required");
  EXPECT_EQ(result["requestState"], "handle");
  EXPECT_EQ(result["inputRequests"]["who"]["params"]["message"], "?");
  EXPECT_FALSE(result["inputRequests"]["where"].contains("params"));
}

TEST(Listen, ChangesNameTheirSubscription) {
  std::string out;
  append_change(out, Change::tools, {}, {});
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");
  out.clear();
  append_change(out, Change::resource, "test://a\"b", "7");
  const Json update = Json::parse(out);
  EXPECT_EQ(update["method"], "notifications/resources/updated");
  EXPECT_EQ(update["params"]["uri"], "test://a\"b");
  EXPECT_EQ(update["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], 7);
}

TEST(Listen, AFilterIsReadAndAcknowledged) {
  RawJson json;
  const auto filter = read_listen(
      R"({"notifications":{"toolsListChanged":true,"promptsListChanged":false,"later":[1],)"
      R"("resourceSubscriptions":["x:\u0061"]}})",
      json);
  ASSERT_TRUE(filter);
  EXPECT_TRUE(filter->tools);
  EXPECT_FALSE(filter->prompts);
  EXPECT_EQ(filter->uris, std::vector<std::string>{"x:a"});
  std::string out;
  append_listen_acknowledged(out, *filter, "\"s\"");
  const Json told = Json::parse(out);
  EXPECT_EQ(told["params"]["notifications"],
            Json::parse(R"({"toolsListChanged":true,"resourceSubscriptions":["x:a"]})"));
  EXPECT_EQ(told["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], "s");
  for (const char* bad : {R"({"notifications":1})", R"({"notifications":{"toolsListChanged":1}})",
                          R"({"notifications":{"resourceSubscriptions":{}}})",
                          R"({"notifications":{"resourceSubscriptions":[7]}})", "[]"}) {
    EXPECT_FALSE(read_listen(bad, json)) << bad;
  }
}

TEST(Listen, AFurtherRoundIsTold) {
  RawJson json;
  const auto reply =
      read_round_reply(R"({"name":"x","inputResponses":{"a":{"b": 1}},"requestState":"st"})", json);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->state, "st");
  EXPECT_EQ(reply->responses, R"({"a":{"b": 1}})");
  EXPECT_EQ(read_round_reply("", json)->state, "");
  for (const char* bad :
       {R"({"requestState":1})", R"({"requestState":""})", R"({"inputResponses":[]})"}) {
    EXPECT_FALSE(read_round_reply(bad, json)) << bad;
  }
}

TEST(Listen, ACompletionNamesAPromptOrATemplate) {
  RawJson json;
  const auto prompt =
      read_completion_ref(R"({"ref":{"type":"ref/prompt","name":"p"},"argument":{}})", json);
  ASSERT_TRUE(prompt);
  EXPECT_TRUE(prompt->is_prompt);
  EXPECT_EQ(prompt->name, "p");
  const auto resource =
      read_completion_ref(R"({"ref":{"type":"ref/resource","uri":"t://{id}"}})", json);
  ASSERT_TRUE(resource);
  EXPECT_FALSE(resource->is_prompt);
  EXPECT_EQ(resource->name, "t://{id}");
  for (const char* bad : {"{}", R"({"ref":1})", R"({"ref":{}})", R"({"ref":{"name":1}})"})
    EXPECT_FALSE(read_completion_ref(bad, json)) << bad;
}

}  // namespace
}  // namespace satgate::dialect::mcp
