// The hub and servers of 2026-07-28 over stdio, and what servers of either era announce
// (testdata/asking.py).
#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::asking;
using testing::Called;
using testing::Client;
using testing::Ear;
using testing::eventually;
using testing::HubThread;
using testing::Json;
using testing::kAllAbilities;
using testing::milliseconds;
using testing::text_of;
using Kind = HubEvent::Kind;

CallRequest modern_call(std::string tool, std::shared_ptr<CallListener> client,
                        std::string arguments = "{}") {
  CallRequest request = HubThread::tool_call("files", std::move(tool), std::move(arguments));
  request.client.capabilities = kAllAbilities;
  request.listener = std::move(client);
  return request;
}

TEST(HubModern, ServersAreMetWithoutASession) {
  for (const char* era : {"modern", "dual"}) {
    HubThread hub({asking("files", era)});
    ASSERT_TRUE(hub.ready("files")) << hub.status("files").last_error;
    EXPECT_EQ(hub.status("files").era, "modern");
    EXPECT_EQ(hub.status("files").server_info, "asking " + std::string(era));
    const auto catalogue = hub.hub().catalogue();
    EXPECT_EQ(catalogue->prompts().size(), 1u);
    EXPECT_EQ(catalogue->resources().size(), 1u);
    EXPECT_EQ(catalogue->server_of_resource("test://t/7"), "files");
  }
}

TEST(HubModern, EachRequestSaysWhoAsksAndWhatItsClientCan) {
  HubThread hub({asking("files", "modern")});
  CallRequest request = modern_call("meta", std::make_shared<Client>());
  request.params =
      R"({"name":"x","_meta":{"progressToken":"mine","traceparent":"00-1","io.satgate/x":1}})";
  request.client.log_level = "info";
  const Json meta = Json::parse(text_of(hub.begin(request).get()));
  EXPECT_EQ(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
  EXPECT_EQ(meta["io.modelcontextprotocol/clientInfo"]["name"], "satgate");
  EXPECT_EQ(meta["io.modelcontextprotocol/clientCapabilities"], Json::parse(kAllAbilities));
  EXPECT_EQ(meta["io.modelcontextprotocol/logLevel"], "info");
  EXPECT_EQ(meta["traceparent"], "00-1");
  EXPECT_NE(meta["progressToken"], "mine");
  EXPECT_FALSE(meta.contains("io.satgate/x"));
  const Json bare = Json::parse(text_of(hub.call("files", "meta")));
  EXPECT_EQ(bare["io.modelcontextprotocol/clientCapabilities"], Json::object());
  EXPECT_FALSE(bare.contains("io.modelcontextprotocol/logLevel"));
}

TEST(HubModern, InputIsAskedForRoundByRound) {
  HubThread hub({asking("files", "modern")});
  const auto client = std::make_shared<Client>();
  const auto called = hub.begin(modern_call("rounds", client, R"({"rounds":3})")).get();
  const Json last = Json::parse(text_of(called));
  EXPECT_EQ(last["done"], 3);
  EXPECT_EQ(last["responses"], Json::parse(R"({"k2":{"action":"accept","content":{"n":1}}})"));
  ASSERT_EQ(client->asked().size(), 3u);
  EXPECT_EQ(client->asked()[1]["key"], "k1");
  EXPECT_EQ(client->asked()[1]["params"], R"({"round": 1})");
  EXPECT_EQ(hub.status("files").calls, 1u);
}

TEST(HubModern, RoundsEndWhenNobodyAnswersOrWithoutEnd) {
  HubThread hub({asking("files", "modern")});
  const auto code = [](const Called& called) {
    return called && !called->error.empty() ? Json::parse(called->error)["code"] : Json();
  };
  EXPECT_EQ(code(hub.begin(modern_call("rounds", nullptr)).get()), -32603);
  EXPECT_EQ(code(hub.begin(modern_call("endless", std::make_shared<Client>())).get()), -32603);
  const auto client = std::make_shared<Client>();
  EXPECT_EQ(code(hub.begin(modern_call("rounds", client, R"({"rounds":1000})")).get()), -32603);
  EXPECT_EQ(client->asked().size(), 16u);
  client->error = R"({"code":-7,"message":"no"})";
  EXPECT_EQ(code(hub.begin(modern_call("rounds", client)).get()), -7);
  client->fault = Fault{.source = Fault::Source::client, .http_status = 499, .message = "gone"};
  const auto gone = hub.begin(modern_call("rounds", client)).get();
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().source, Fault::Source::client);
  EXPECT_TRUE(gone.error().sent_upstream);
  CallRequest odd = modern_call("rounds", client, R"({"method":"tools/call"})");
  EXPECT_EQ(code(hub.begin(odd).get()), -32603);
}

TEST(HubModern, AClientThatIsBeingAskedCanCancel) {
  HubThread hub({asking("files", "modern")});
  const auto client = std::make_shared<Client>();
  client->loop = &hub.loop();
  client->pause = milliseconds(1000);
  std::promise<std::shared_ptr<CallCancel>> begun;
  CallRequest request = modern_call("rounds", client);
  request.on_begin = [&](std::shared_ptr<CallCancel> cancel) { begun.set_value(cancel); };
  auto waiting = hub.begin(request);
  const auto cancel = begun.get_future().get();
  std::this_thread::sleep_for(milliseconds(200));
  cancel->cancel();
  ASSERT_EQ(waiting.wait_for(milliseconds(300)), std::future_status::ready);
  EXPECT_EQ(waiting.get().error().source, Fault::Source::client);
  std::this_thread::sleep_for(milliseconds(900));  // the answer that comes too late
}

TEST(HubModern, NamesOfPromptsAndCompletionsAreTheServersOwn) {
  HubThread hub({asking("files", "modern")});
  CallRequest request;
  request.server = "files";
  request.method = "prompts/get";
  request.name = "own";
  request.params = R"({"name":"listed","arguments":{"a":"b"}})";
  auto called = hub.begin(request).get();
  ASSERT_TRUE(called);
  Json echo = Json::parse(called->result)["echo"];
  EXPECT_EQ(echo["name"], "own");
  EXPECT_EQ(echo["arguments"]["a"], "b");
  request.method = "completion/complete";
  request.params = R"({"ref":{"type":"ref/prompt","name":"listed"},"argument":{"name":"x"}})";
  called = hub.begin(request).get();
  ASSERT_TRUE(called);
  echo = Json::parse(called->result)["echo"];
  EXPECT_EQ(echo["ref"], Json::parse(R"({"type":"ref/prompt","name":"own"})"));
  EXPECT_EQ(echo["argument"]["name"], "x");
}

class AnnounceTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Eras, AnnounceTest, ::testing::Values("legacy", "modern"));

TEST_P(AnnounceTest, WhatHasChangedIsToldAtOnceAndNothingElse) {
  auto options = HubThread::quick();
  Ear ear(options.broadcast);
  HubThread hub({asking("files", GetParam())}, options);
  ASSERT_TRUE(hub.ready("files"));
  if (GetParam() == std::string("modern")) {
    ASSERT_TRUE(eventually(
        [&] { return Json::parse(text_of(hub.call("files", "told")))["filters"].size() == 1; }));
  }
  for (const auto& [what, kind] :
       {std::pair("tools", Kind::tools_changed), std::pair("prompts", Kind::prompts_changed),
        std::pair("resources", Kind::resources_changed)}) {
    ear.forget();
    ASSERT_TRUE(hub.call("files", "grow", Json{{"what", what}}.dump()));
    EXPECT_TRUE(eventually([&] { return ear.count(kind) == 1; }, milliseconds(200))) << what;
    EXPECT_EQ(ear.count(Kind::tools_changed) + ear.count(Kind::prompts_changed) +
                  ear.count(Kind::resources_changed),
              1u);
  }
  const auto catalogue = hub.hub().catalogue();
  EXPECT_EQ(catalogue->prompts().size(), 2u);
  EXPECT_NE(catalogue->find_prompt("prompts-1"), nullptr);
  EXPECT_EQ(catalogue->resources().size(), 2u);
}

TEST_P(AnnounceTest, UpdatesComeWhileSomebodyWatches) {
  auto options = HubThread::quick();
  Ear ear(options.broadcast);
  HubThread hub({asking("files", GetParam())}, options);
  const bool modern = GetParam() == std::string("modern");
  const auto watched = [&] {
    const Json told = Json::parse(text_of(hub.call("files", "told")));
    if (!modern) return told["watched"];
    return told["filters"].empty() ? Json() : told["filters"].back()["resourceSubscriptions"];
  };
  const auto touched = [&](const char* uri) {
    ear.forget();
    EXPECT_TRUE(hub.call("files", "touch", Json{{"uri", uri}}.dump()));
    return eventually([&] { return ear.count(Kind::resource_updated, uri) == 1; },
                      milliseconds(200));
  };
  EXPECT_FALSE(touched("test://r"));
  ASSERT_TRUE(hub.watch("test://r"));
  ASSERT_TRUE(hub.watch("test://r"));
  ASSERT_TRUE(hub.watch("test://t/1"));
  EXPECT_TRUE(eventually([&] { return watched() == Json({"test://r", "test://t/1"}); }));
  EXPECT_TRUE(touched("test://r"));
  EXPECT_TRUE(touched("test://t/1"));
  EXPECT_FALSE(touched("test://t/2"));
  EXPECT_TRUE(hub.unwatch("test://r"));
  EXPECT_TRUE(touched("test://r"));
  EXPECT_TRUE(hub.unwatch("test://r"));
  EXPECT_TRUE(eventually([&] { return watched() == Json({"test://t/1"}); }));
  EXPECT_FALSE(touched("test://r"));
  EXPECT_FALSE(hub.unwatch("test://r"));
  EXPECT_EQ(hub.watch("test://t/locked").has_value(), modern);
}

TEST_P(AnnounceTest, AWatchOutlivesItsServerAndItsHub) {
  auto options = HubThread::quick();
  Ear ear(options.broadcast);
  HubThread hub({asking("files", GetParam())}, options);
  ASSERT_TRUE(hub.watch("test://r"));
  const auto touched = [&] {
    ear.forget();
    (void)hub.call("files", "touch", R"({"uri":"test://r"})");
    return ear.count(Kind::resource_updated, "test://r") == 1;
  };
  ASSERT_TRUE(eventually(touched));
  ServerConfig changed = asking("files", GetParam());
  changed.timeout = milliseconds(4000);
  auto old = hub.replace({changed}, options);
  hub.end(std::move(old));
  ASSERT_TRUE(eventually([&] { return hub.ready("files"); }));
  EXPECT_TRUE(eventually(touched));
}

}  // namespace
}  // namespace satgate::flow::mcp
