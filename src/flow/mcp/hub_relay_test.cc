// What is said between clients and a legacy server beside calls and their answers
// (testdata/asking.py): questions taken back, elicitations that are done elsewhere, other roots.
#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::asking;
using testing::Client;
using testing::eventually;
using testing::HubThread;
using testing::Json;
using testing::kAllAbilities;
using testing::milliseconds;
using testing::text_of;

ServerConfig files(ServerConfig::Sharing sharing) {
  ServerConfig config = asking("files", "legacy");
  config.sharing = sharing;
  return config;
}

CallRequest call_for(std::shared_ptr<CallListener> client, std::string tool,
                     std::string arguments = "{}", std::string affinity = "a") {
  CallRequest request = HubThread::tool_call("files", std::move(tool), std::move(arguments));
  request.client.capabilities = kAllAbilities;
  request.client.affinity = std::move(affinity);
  request.listener = std::move(client);
  return request;
}

TEST(HubRelay, AQuestionThatIsTakenBackIsNotAnswered) {
  HubThread hub({files(ServerConfig::Sharing::shared)});
  const auto client = std::make_shared<Client>();
  client->loop = &hub.loop();
  client->pause = milliseconds(500);  // its answer comes too late
  const auto called = hub.begin(call_for(client, "withdraw", R"({"after":0.2,"then":0.6})")).get();
  EXPECT_EQ(Json::parse(text_of(called))["withdrawn"], 0);
  EXPECT_EQ(client->asked().size(), 1u);
  EXPECT_EQ(client->withdrawn(), std::vector<uint64_t>{1});
}

TEST(HubRelay, WhatIsTakenBackAtOnceIsNeverAsked) {
  HubThread hub({files(ServerConfig::Sharing::shared)});
  const auto client = std::make_shared<Client>();
  const auto called = hub.begin(call_for(client, "withdraw", R"({"after":0})")).get();
  EXPECT_EQ(Json::parse(text_of(called))["withdrawn"], 0);
  EXPECT_TRUE(client->asked().empty());
  EXPECT_TRUE(client->withdrawn().empty());
  EXPECT_TRUE(hub.begin(call_for(client, "elicit")).get());  // and the next one is
  EXPECT_EQ(client->asked().size(), 1u);
}

TEST(HubRelay, TheOthersOfItsRoundAreAnswered) {
  HubThread hub({files(ServerConfig::Sharing::shared)});
  const auto client = std::make_shared<Client>();
  client->loop = &hub.loop();
  client->pause = milliseconds(400);
  const auto called =
      hub.begin(call_for(client, "withdraw", R"({"after":0.2,"beside":true})")).get();
  const Json said = Json::parse(text_of(called));
  EXPECT_EQ(said["withdrawn"], 0);
  EXPECT_EQ(said["kept"]["role"], "assistant");
}

TEST(HubRelay, QuestionsHaveKeysThatSayWhatIsAsked) {
  HubThread hub({files(ServerConfig::Sharing::shared)});
  const auto client = std::make_shared<Client>();
  ASSERT_TRUE(hub.begin(call_for(client, "ask_both")).get());
  ASSERT_EQ(client->asked().size(), 3u);
  EXPECT_EQ(client->asked()[0]["key"], "name");
  EXPECT_EQ(client->asked()[1]["key"], "name-2");
  EXPECT_EQ(client->asked()[2]["key"], "user_name");
}

TEST(HubRelay, AnElicitationThatIsDoneIsToldToWhoWasAsked) {
  HubThread hub({files(ServerConfig::Sharing::separate)});
  std::mutex mutex;
  std::vector<std::string> done;
  const auto told = [&] {
    const std::lock_guard lock(mutex);
    return done;
  };
  const auto begin = [&](std::string who, std::string tool) {
    CallRequest request = call_for(std::make_shared<Client>(), std::move(tool), "{}", who);
    request.on_elicited = [&, who](const std::string& id) {
      const std::lock_guard lock(mutex);
      done.push_back(who + " " + id);
    };
    return hub.begin(std::move(request)).get();
  };
  ASSERT_TRUE(begin("a", "visit"));
  ASSERT_TRUE(eventually([&] { return told().size() == 1; }));
  EXPECT_EQ(told()[0], "a e-1");
  // The same id of another child is another elicitation.
  const auto required = begin("b", "must_visit");
  ASSERT_TRUE(required);
  EXPECT_EQ(Json::parse(required->error)["data"]["elicitations"][0]["elicitationId"], "e-1");
  ASSERT_TRUE(eventually([&] { return told().size() == 2; }));
  EXPECT_EQ(told()[1], "b e-1");
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(told().size(), 2u);  // once each
}

TEST(HubRelay, OtherRootsAreToldToTheConnectionsOfTheirClient) {
  HubThread hub({files(ServerConfig::Sharing::separate)});
  const auto own = [&](std::string who, std::shared_ptr<Client> between,
                       std::string tool = "told") {
    CallRequest request = call_for(std::make_shared<Client>(), std::move(tool), "{}", who);
    request.client.between_calls = between;
    return Json::parse(text_of(hub.begin(std::move(request)).get()));
  };
  const auto one = std::make_shared<Client>();
  const auto other = std::make_shared<Client>();
  one->results["roots/list"] = R"({"roots":[{"uri":"file:///new"}]})";
  own("a", one);
  own("b", other);
  const size_t before = one->asked().size();
  const size_t before_other = other->asked().size();
  hub.hub().roots_changed("a");
  ASSERT_TRUE(eventually([&] { return one->asked().size() > before; }));
  EXPECT_TRUE(eventually([&] {
    return own("a", one)["changed"] == Json::parse(R"({"roots":[{"uri":"file:///new"}]})");
  }));
  EXPECT_EQ(other->asked().size(), before_other);
  EXPECT_TRUE(own("b", other)["changed"].is_null());
  // Asked for during a call that ends before anybody was asked.
  other->results["roots/list"] = R"({"roots":[]})";
  own("b", other, "glance");
  EXPECT_TRUE(
      eventually([&] { return own("b", other)["changed"] == Json::parse(R"({"roots":[]})"); }));
}

}  // namespace
}  // namespace satgate::flow::mcp
