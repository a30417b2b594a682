// What a legacy server asks, says and announces by itself (testdata/asking.py).
#include <gtest/gtest.h>
#include <signal.h>

#include "base/text.h"
#include "flow/mcp/hub_test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::asking;
using testing::Called;
using testing::Client;
using testing::eventually;
using testing::HubThread;
using testing::Json;
using testing::kAllAbilities;
using testing::milliseconds;
using testing::text_of;

CallRequest asked_call(std::string tool, std::shared_ptr<CallListener> client,
                       std::string arguments = "{}", std::string affinity = "a") {
  CallRequest request = HubThread::tool_call("files", std::move(tool), std::move(arguments));
  request.client.capabilities = kAllAbilities;
  request.client.affinity = std::move(affinity);
  request.listener = std::move(client);
  return request;
}

ServerConfig shared(std::string_view era = "legacy") {
  ServerConfig config = asking("files", era);
  config.sharing = ServerConfig::Sharing::shared;
  return config;
}

TEST(HubAsk, TheClientOfTheOnlyCallIsAsked) {
  HubThread hub({shared()});
  ASSERT_TRUE(hub.ready("files")) << hub.status("files").last_error;
  EXPECT_EQ(hub.status("files").era, "legacy");
  const auto client = std::make_shared<Client>();
  const auto called = hub.begin(asked_call("sample", client, R"({"x":1})")).get();
  EXPECT_EQ(Json::parse(text_of(called))["role"], "assistant");
  ASSERT_EQ(client->asked().size(), 1u);
  EXPECT_EQ(client->asked()[0]["method"], "sampling/createMessage");
  EXPECT_EQ(Json::parse(client->asked()[0]["params"].get<std::string>())["x"], 1);
}

// What a client can be asked its listener says; without one there is nobody.
TEST(HubAsk, WithoutAListenerNobodyIsAsked) {
  HubThread hub({shared()});
  const CallRequest request = asked_call("roots", nullptr);
  EXPECT_EQ(Json::parse(text_of(hub.begin(request).get()))["code"], -32603);
}

TEST(HubAsk, OnASharedConnectionNobodyIsGuessed) {
  HubThread hub({shared()});
  const auto one = std::make_shared<Client>();
  const auto other = std::make_shared<Client>();
  auto waiting = hub.begin(asked_call("wait", other, R"({"seconds":0.5})"));
  std::this_thread::sleep_for(milliseconds(100));
  const auto called = hub.begin(asked_call("sample", one)).get();
  EXPECT_EQ(Json::parse(text_of(called))["code"], -32603);
  EXPECT_TRUE(waiting.get());
  EXPECT_TRUE(one->asked().empty());
  EXPECT_TRUE(other->asked().empty());
}

// A server may go on with a call that was given up, and ask for it when somebody else's is the only
// one left.
TEST(HubAsk, NobodyIsAskedForACallThatWasGivenUp) {
  HubThread hub({shared()});
  std::promise<std::shared_ptr<CallCancel>> begun;
  CallRequest request = asked_call("wait", nullptr, R"({"seconds":3})");
  request.on_begin = [&](std::shared_ptr<CallCancel> cancel) { begun.set_value(cancel); };
  auto given_up = hub.begin(request);
  const auto cancel = begun.get_future().get();
  std::this_thread::sleep_for(milliseconds(100));
  cancel->cancel();
  EXPECT_FALSE(given_up.get());
  const auto other = std::make_shared<Client>();
  const auto called = hub.begin(asked_call("sample", other)).get();
  EXPECT_EQ(Json::parse(text_of(called))["code"], -32603);
  EXPECT_TRUE(other->asked().empty());
}

TEST(HubAsk, ErrorsAndFaultsOfTheClientReachTheServerOrEndTheCall) {
  HubThread hub({shared()});
  const auto client = std::make_shared<Client>();
  client->error = R"({"code":-1,"message":"User rejected"})";
  EXPECT_EQ(Json::parse(text_of(hub.begin(asked_call("elicit", client)).get()))["code"], -1);
  client->fault = Fault{.source = Fault::Source::client, .http_status = 499, .message = "gone"};
  const auto called = hub.begin(asked_call("elicit", client)).get();
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().source, Fault::Source::client);
  EXPECT_TRUE(called.error().sent_upstream);
  EXPECT_TRUE(eventually(
      [&] { return Json::parse(text_of(hub.call("files", "told")))["cancelled"].size() == 1; }));
}

TEST(HubAsk, TheTimeOfTheClientIsNotThatOfTheCall) {
  ServerConfig config = shared();
  config.timeout = milliseconds(300);
  HubThread hub({config});
  const auto client = std::make_shared<Client>();
  client->loop = &hub.loop();
  client->pause = milliseconds(600);
  EXPECT_TRUE(hub.begin(asked_call("elicit", client)).get());
  const auto slow = hub.begin(asked_call("wait", client, R"({"seconds":1})")).get();
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().http_status, 504);
}

TEST(HubAsk, HostileAsksAreBounded) {
  HubThread hub({shared()});
  const auto client = std::make_shared<Client>();
  EXPECT_EQ(text_of(hub.begin(asked_call("many", client, R"({"count":10000})")).get()), "64");
  EXPECT_EQ(client->asked().size(), 64u);
  const auto same = std::make_shared<Client>();
  same->loop = &hub.loop();
  same->pause = milliseconds(50);
  EXPECT_EQ(text_of(hub.begin(asked_call("twice", same)).get()), "0");
  EXPECT_EQ(same->asked().size(), 1u);
  const auto late = std::make_shared<Client>();
  EXPECT_TRUE(hub.begin(asked_call("late", late)).get());
  EXPECT_TRUE(eventually(
      [&] { return Json::parse(text_of(hub.call("files", "told")))["levels"].size() == 1; }));
  EXPECT_TRUE(late->asked().empty());
}

TEST(HubAsk, ListsWithoutEndAreBounded) {
  HubThread hub({shared("huge")});
  ASSERT_TRUE(eventually([&] { return hub.ready("files"); }));
  const auto catalogue = hub.hub().catalogue();
  EXPECT_EQ(catalogue->entries().size(), dialect::mcp::kToolsPerServerMax);
  EXPECT_EQ(catalogue->prompts().size(), dialect::mcp::kToolsPerServerMax);
  EXPECT_EQ(catalogue->resources().size(), dialect::mcp::kToolsPerServerMax);
  EXPECT_EQ(catalogue->templates().size(), dialect::mcp::kToolsPerServerMax);
}

TEST(HubAsk, LogsComeFromTheLevelAskedFor) {
  HubThread hub({shared()});
  const auto client = std::make_shared<Client>();
  CallRequest request = asked_call("logs", client);
  request.client.log_level = "warning";
  ASSERT_TRUE(hub.begin(request).get());
  ASSERT_EQ(client->heard().size(), 2u);
  EXPECT_EQ(client->heard()[0]["params"]["level"], "warning");
  const auto silent = std::make_shared<Client>();
  ASSERT_TRUE(hub.begin(asked_call("logs", silent)).get());
  EXPECT_TRUE(silent->heard().empty());
  request.client.log_level = "debug";
  ASSERT_TRUE(hub.begin(request).get());
  EXPECT_EQ(client->heard().size(), 6u);
  request.client.log_level = "error";
  ASSERT_TRUE(hub.begin(request).get());
  // Once each time that it becomes lower.
  EXPECT_EQ(Json::parse(text_of(hub.call("files", "told")))["levels"],
            Json::parse(R"(["warning","debug"])"));
}

TEST(HubAsk, ACancelledCallEndsAndItsServerIsTold) {
  HubThread hub({shared()});
  std::promise<std::shared_ptr<CallCancel>> begun;
  CallRequest request = asked_call("wait", nullptr);
  request.on_begin = [&](std::shared_ptr<CallCancel> cancel) { begun.set_value(cancel); };
  auto waiting = hub.begin(request);
  const auto cancel = begun.get_future().get();
  std::this_thread::sleep_for(milliseconds(100));
  cancel->cancel();
  ASSERT_EQ(waiting.wait_for(milliseconds(1000)), std::future_status::ready);
  const auto called = waiting.get();
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().source, Fault::Source::client);
  EXPECT_TRUE(called.error().sent_upstream);
  EXPECT_TRUE(eventually(
      [&] { return Json::parse(text_of(hub.call("files", "told")))["cancelled"].size() == 1; }));
  cancel->cancel();  // of a call that is over
  EXPECT_TRUE(hub.call("files", "pid"));
}

TEST(HubAsk, ACancelBeforeTheCallIsSentKeepsItHere) {
  HubThread hub({shared()});
  CallRequest request = asked_call("pid", nullptr);
  ServerConfig stopped = asking("files", "legacy");
  const auto hold = std::make_shared<std::shared_ptr<CallCancel>>();
  request.on_begin = [hold](std::shared_ptr<CallCancel> cancel) {
    *hold = cancel;
    cancel->cancel();
  };
  // Behind a level that has to be set first, so that the cancel comes in between.
  request.client.log_level = "info";
  const auto called = hub.begin(request).get();
  ASSERT_FALSE(called);
  EXPECT_FALSE(called.error().sent_upstream);
}

TEST(HubAsk, ServersThatDoNotKnowTheModernEraAreMetAllTheSame) {
  auto options = HubThread::quick();
  options.probe_wait = milliseconds(300);
  for (const char* era : {"silent", "fragile", "slow"}) {
    HubThread hub({shared(era)}, options);
    ASSERT_TRUE(eventually([&] { return hub.ready("files"); })) << era;
    EXPECT_EQ(hub.status("files").era, "legacy") << era;
    EXPECT_EQ(hub.status("files").restarts, 0u) << era;
    const int pid = static_cast<int>(parse_uint(text_of(hub.call("files", "pid"))).value_or(0));
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(eventually([&] { return hub.status("files").restarts == 1; }));
    EXPECT_TRUE(eventually([&] { return hub.ready("files"); })) << era;
    EXPECT_EQ(hub.status("files").restarts, 1u) << era;  // it is not probed again
  }
}

class SharingTest : public ::testing::Test {
 protected:
  static std::string pid(HubThread& hub, std::string affinity, std::string_view abilities) {
    CallRequest request = asked_call("pid", nullptr, "{}", std::move(affinity));
    request.client.capabilities = abilities;
    return text_of(hub.begin(std::move(request)).get());
  }
};

TEST_F(SharingTest, SeparateGivesEachClientItsOwnWithWhatItHasDeclared) {
  ServerConfig config = asking("files", "legacy");
  config.sharing = ServerConfig::Sharing::separate;
  HubThread hub({config});
  const std::string common = text_of(hub.call("files", "pid"));
  const std::string a = pid(hub, "a", kAllAbilities);
  EXPECT_NE(a, common);
  EXPECT_EQ(pid(hub, "a", kAllAbilities), a);
  EXPECT_NE(pid(hub, "b", kAllAbilities), a);
  EXPECT_NE(pid(hub, "a", R"({"roots":{}})"), a);
  EXPECT_EQ(pid(hub, "a", ""), common);
  EXPECT_EQ(pid(hub, "", kAllAbilities), common);
  const auto declared = hub.begin(asked_call("declared", nullptr)).get();
  EXPECT_EQ(Json::parse(text_of(declared)), Json::parse(kAllAbilities));
  const Json shared_one = Json::parse(text_of(hub.call("files", "declared")));
  EXPECT_FALSE(shared_one.contains("roots"));
  EXPECT_TRUE(shared_one.contains("sampling"));
  // Two calls at a time, and each server request has one client.
  const auto client = std::make_shared<Client>();
  auto waiting = hub.begin(asked_call("wait", nullptr, R"({"seconds":0.4})", "b"));
  EXPECT_EQ(Json::parse(text_of(hub.begin(asked_call("roots", client)).get())),
            Json::parse(R"({"roots":[]})"));
  EXPECT_TRUE(waiting.get());
  const int child = static_cast<int>(parse_uint(a).value_or(0));
  hub.hub().release("a");
  EXPECT_TRUE(eventually([&] { return ::kill(child, 0) != 0; }));
  EXPECT_NE(pid(hub, "a", kAllAbilities), a);
}

// As filesystem servers do.
TEST_F(SharingTest, WhatAServerAsksAfterTheHandshakeReachesItsClient) {
  ServerConfig config = asking("files", "legacy");
  config.sharing = ServerConfig::Sharing::separate;
  HubThread hub({config});
  const auto client = std::make_shared<Client>();
  EXPECT_TRUE(hub.begin(asked_call("wait", client, R"({"seconds":0.3})")).get());
  ASSERT_EQ(client->asked().size(), 1u);
  EXPECT_EQ(client->asked()[0]["method"], "roots/list");
  const auto told = hub.begin(asked_call("told", client)).get();
  EXPECT_EQ(Json::parse(text_of(told))["roots"], Json::parse(R"({"roots":[]})"));
}

TEST_F(SharingTest, AutomaticIsSharedUntilTheServerAsks) {
  HubThread hub({asking("files", "legacy")});
  const std::string common = text_of(hub.call("files", "pid"));
  EXPECT_EQ(pid(hub, "a", kAllAbilities), common);
  EXPECT_TRUE(hub.begin(asked_call("sample", std::make_shared<Client>())).get());
  EXPECT_NE(pid(hub, "a", kAllAbilities), common);
  EXPECT_EQ(pid(hub, "a", ""), common);
}

ServerConfig separate() {
  ServerConfig config = asking("files", "legacy");
  config.sharing = ServerConfig::Sharing::separate;
  return config;
}

int number(const std::string& pid) {
  return static_cast<int>(parse_uint(pid).value_or(0));
}

TEST_F(SharingTest, OwnConnectionsAreBoundedAndEndWithTheHub) {
  auto options = HubThread::quick();
  options.separate_max = 2;
  std::string last;
  {
    HubThread hub({separate()}, options);
    const std::string a = pid(hub, "a", kAllAbilities);
    const std::string b = pid(hub, "b", kAllAbilities);
    EXPECT_EQ(pid(hub, "a", kAllAbilities), a);
    last = pid(hub, "c", kAllAbilities);  // b was used longest ago
    EXPECT_TRUE(eventually([&] { return ::kill(number(b), 0) != 0; }));
    EXPECT_EQ(pid(hub, "a", kAllAbilities), a);
    auto first = hub.begin(asked_call("wait", nullptr, R"({"seconds":0.5})", "a"));
    auto second = hub.begin(asked_call("wait", nullptr, R"({"seconds":0.5})", "c"));
    std::this_thread::sleep_for(milliseconds(100));
    EXPECT_EQ(hub.begin(asked_call("pid", nullptr, "{}", "d")).get().error().http_status, 503);
    EXPECT_TRUE(first.get());
    EXPECT_TRUE(second.get());
  }
  EXPECT_EQ(::kill(number(last), 0), -1);
}

TEST_F(SharingTest, OwnConnectionsEndWhenTheyAreIdle) {
  auto options = HubThread::quick();
  options.separate_idle = milliseconds(300);
  HubThread hub({separate()}, options);
  const std::string a = pid(hub, "a", kAllAbilities);
  EXPECT_TRUE(eventually([&] { return ::kill(number(a), 0) != 0; }));
  EXPECT_TRUE(hub.call("files", "pid"));  // the shared one stays
}

}  // namespace
}  // namespace satgate::flow::mcp
