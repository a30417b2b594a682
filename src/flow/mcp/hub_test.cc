// The hub against a real child process (testdata/server.py).
#include "flow/mcp/hub.h"

#include <gtest/gtest.h>
#include <signal.h>

#include "base/text.h"
#include "flow/mcp/hub_test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::Called;
using testing::Client;
using testing::eventually;
using testing::HubThread;
using testing::Json;
using testing::milliseconds;
using testing::text_of;

constexpr size_t kTools = 10;

ServerConfig child(std::string name, milliseconds timeout = milliseconds(3000)) {
  StdioCommand command;
  command.command = "python3";
  command.args = {SATGATE_SOURCE_DIR "/src/flow/mcp/testdata/server.py"};
  ServerConfig config;
  config.name = std::move(name);
  config.transport = std::move(command);
  config.timeout = timeout;
  return config;
}

TEST(HubStdio, ListsAllPagesAndForwardsCallsByteForByte) {
  HubThread hub({child("files")});
  ASSERT_TRUE(hub.ready("files")) << hub.status("files").last_error;
  EXPECT_EQ(hub.listed().size(), kTools);
  EXPECT_EQ(hub.status("files").server_info, "fixture 1");
  // The fixture's name for the tool, not the one the client used; no line break in the middle.
  EXPECT_EQ(Json::parse(text_of(hub.call("files", "echo", "{\n \"a\" : 1 }"))),
            Json::parse(R"({"name":"echo","arguments":{"a":1}})"));
  const auto failed = hub.call("files", "fail");
  ASSERT_TRUE(failed);
  EXPECT_EQ(Json::parse(failed->error)["code"], -32602);
  EXPECT_EQ(hub.status("files").calls, 2u);
}

TEST(HubStdio, CallsRunAtTheSameTimeAndFindTheirOwnAnswers) {
  HubThread hub({child("a"), child("b")});
  std::vector<std::future<Called>> calls;
  for (int i = 0; i < 50; ++i) {
    calls.push_back(hub.begin(i % 2 ? "a" : "b", "echo", "{\"i\":" + std::to_string(i) + "}"));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Json::parse(text_of(calls[static_cast<size_t>(i)].get()))["arguments"]["i"], i);
  }
  EXPECT_EQ(hub.listed().size(), 2 * kTools);  // every name collides: all are prefixed
  EXPECT_EQ(hub.listed().front(), "a__ask");
}

TEST(HubStdio, NoiseOnStdoutAndRequestsOfTheServerAreTaken) {
  HubThread hub({child("files")});
  EXPECT_EQ(Json::parse(text_of(hub.call("files", "noise")))["name"], "noise");
  EXPECT_EQ(Json::parse(text_of(hub.call("files", "ask"))),
            Json::parse(R"({"jsonrpc":"2.0","id":"from-server","result":{}})"));
}

TEST(HubStdio, ProgressComesBackUnderTheClientsToken) {
  HubThread hub({child("files")});
  const auto client = std::make_shared<Client>();
  CallRequest request;
  request.server = "files";
  request.name = "progress";
  request.params = R"({"name":"progress","_meta":{"progressToken":"mine"}})";
  request.listener = client;
  const auto called = hub.begin(std::move(request)).get();
  ASSERT_TRUE(called);
  const auto seen = client->heard();
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[1]["method"], "notifications/progress");
  EXPECT_EQ(seen[1]["params"], Json::parse(R"({"progressToken":"mine","progress":2,"total":2})"));
  // The upstream never sees a client's token: two clients may use the same one.
  EXPECT_NE(Json::parse(text_of(called))["_meta"]["progressToken"], "mine");
}

TEST(HubStdio, ADeadServerIsStartedAgainAndTheOtherNotDisturbed) {
  HubThread hub({child("a"), child("b")});
  const std::string pid_of_b = text_of(hub.call("b", "pid"));
  const auto died = hub.call("a", "die");
  ASSERT_FALSE(died);
  EXPECT_TRUE(died.error().sent_upstream);  // it may have done its work
  EXPECT_EQ(died.error().http_status, 502);
  EXPECT_EQ(hub.listed().size(), 2 * kTools);  // its tools stay listed
  ASSERT_TRUE(eventually([&] { return hub.ready("a"); }));
  EXPECT_TRUE(hub.call("a", "echo"));
  EXPECT_EQ(hub.status("a").restarts, 1u);
  EXPECT_EQ(text_of(hub.call("b", "pid")), pid_of_b);
}

TEST(HubStdio, CallsInFlightFailAtOnceWhenTheServerIsKilled) {
  HubThread hub({child("a", milliseconds(60'000))});
  const int pid = static_cast<int>(parse_uint(text_of(hub.call("a", "pid"))).value_or(0));
  auto waiting = hub.begin("a", "sleep", R"({"seconds":60})");
  std::this_thread::sleep_for(milliseconds(100));
  ::kill(pid, SIGKILL);
  ASSERT_EQ(waiting.wait_for(milliseconds(3000)), std::future_status::ready);
  const auto ended = waiting.get();
  ASSERT_FALSE(ended);
  EXPECT_TRUE(ended.error().sent_upstream);
}

TEST(HubStdio, ASlowCallEndsAtItsTimeoutAndTheServerLivesOn) {
  HubThread hub({child("a", milliseconds(200))});
  const std::string pid = text_of(hub.call("a", "pid"));
  const auto slow = hub.call("a", "sleep", R"({"seconds":0.35})");
  ASSERT_FALSE(slow);
  EXPECT_TRUE(slow.error().sent_upstream);
  EXPECT_EQ(slow.error().http_status, 504);
  std::this_thread::sleep_for(milliseconds(250));
  EXPECT_EQ(text_of(hub.call("a", "pid")), pid);  // and the late answer confused nobody
}

// A server that stops reading fills its pipe; a call of its own must still come to an end.
TEST(HubStdio, AServerThatDoesNotReadIsReplaced) {
  HubThread hub({child("a", milliseconds(300))});
  const std::string pid = text_of(hub.call("a", "pid"));
  auto deaf = hub.begin("a", "deaf");
  const auto large = hub.call("a", "echo", "{\"x\":\"" + std::string(1'000'000, 'x') + "\"}");
  ASSERT_FALSE(large);
  EXPECT_TRUE(large.error().sent_upstream);
  EXPECT_FALSE(deaf.get());
  ASSERT_TRUE(eventually([&] { return hub.ready("a") && hub.status("a").restarts > 0; }));
  EXPECT_NE(text_of(hub.call("a", "pid")), pid);
}

TEST(HubStdio, AServerThatCannotStartSaysWhyAndHoldsUpNobody) {
  auto broken = child("broken");
  std::get<StdioCommand>(broken.transport).env = {{"FIXTURE_FAILS", "1"}};
  auto missing = child("missing");
  std::get<StdioCommand>(missing.transport).command = "no-such-command-here";
  HubThread hub({broken, child("a"), missing});
  ASSERT_TRUE(eventually([&] { return hub.ready("a"); }));
  EXPECT_EQ(hub.listed().size(), kTools);
  EXPECT_NE(hub.status("broken").last_error.find("cannot open the database"), std::string::npos)
      << hub.status("broken").last_error;
  EXPECT_NE(hub.status("missing").last_error.find("no-such-command-here"), std::string::npos)
      << hub.status("missing").last_error;
  const auto called = hub.call("broken", "echo");
  ASSERT_FALSE(called);
  EXPECT_FALSE(called.error().sent_upstream);
  EXPECT_EQ(called.error().retry, Fault::Retry::yes);
  EXPECT_FALSE(hub.call("nowhere", "echo").error().sent_upstream);
}

TEST(HubStdio, NewToolsAreSeenAtOnce) {
  HubThread hub({child("a")});
  const auto before = hub.hub().catalogue();
  EXPECT_TRUE(hub.call("a", "grow"));
  EXPECT_TRUE(eventually([&] { return hub.listed().size() == kTools + 1; }, milliseconds(800)));
  EXPECT_EQ(before->entries().size(), kTools);  // a snapshot stays what it was
}

TEST(HubStdio, CallsInFlightAreBounded) {
  auto options = HubThread::quick();
  options.calls_in_flight_max = 2;
  HubThread hub({child("a")}, options);
  auto first = hub.begin("a", "sleep", R"({"seconds":0.3})");
  auto second = hub.begin("a", "echo");
  std::this_thread::sleep_for(milliseconds(100));
  const auto third = hub.call("a", "echo");
  ASSERT_FALSE(third);
  EXPECT_FALSE(third.error().sent_upstream);
  EXPECT_EQ(third.error().http_status, 503);
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
}

TEST(HubStdio, StopLeavesNoChildBehind) {
  int pid = 0;
  {
    HubThread hub({child("a")});
    pid = static_cast<int>(parse_uint(text_of(hub.call("a", "pid"))).value_or(0));
    ASSERT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(HubStdio, ASuccessorKeepsTheChildrenOfServersThatStayAsTheyAre) {
  HubThread hub({child("a"), child("b")});
  const std::string pid_of_a = text_of(hub.call("a", "pid"));
  const int pid_of_b = static_cast<int>(parse_uint(text_of(hub.call("b", "pid"))).value_or(0));
  auto old = hub.replace({child("a"), child("c")});
  EXPECT_EQ(text_of(hub.call("a", "pid")), pid_of_a);
  EXPECT_EQ(hub.listed().size(), 2 * kTools);
  EXPECT_FALSE(hub.call("b", "echo"));
  EXPECT_TRUE(hub.call("c", "echo"));
  EXPECT_EQ(::kill(pid_of_b, 0), 0);  // until the last call of the old hub has ended
  hub.end(std::move(old));
  EXPECT_EQ(::kill(pid_of_b, 0), -1);
  EXPECT_EQ(text_of(hub.call("a", "pid")), pid_of_a);
  // What it offers anew is told to the hub that has it now.
  EXPECT_TRUE(hub.call("a", "grow"));
  EXPECT_TRUE(eventually([&] { return hub.listed().size() == 2 * kTools + 1; }));
}

TEST(HubStdio, CallsUnderWayEndWithTheHubTheyBeganWith) {
  HubThread hub({child("a")});
  auto slow = hub.begin("a", "sleep", R"({"seconds":0.3})");
  std::this_thread::sleep_for(milliseconds(50));
  auto changed = child("a", milliseconds(2000));
  auto old = hub.replace({changed});
  EXPECT_TRUE(hub.call("a", "echo"));
  EXPECT_TRUE(slow.get());
  hub.end(std::move(old));
}

TEST(HubStdio, AServerThatThreeHubsHaveSharedEndsWithTheLast) {
  HubThread hub({child("a")});
  const int pid = static_cast<int>(parse_uint(text_of(hub.call("a", "pid"))).value_or(0));
  auto first = hub.replace({child("a")});
  auto second = hub.replace({});
  hub.end(std::move(second));
  EXPECT_EQ(::kill(pid, 0), 0);
  hub.end(std::move(first));
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(Hub, ASuccessorWithoutServersForgetsWhatTheyOffered) {
  HubThread hub({child("a")});
  EXPECT_EQ(hub.listed().size(), kTools);
  auto old = hub.replace({});
  EXPECT_TRUE(hub.listed().empty());
  hub.end(std::move(old));
}

TEST(Hub, WithoutServersThereIsAnEmptyCatalogue) {
  HubThread hub({});
  EXPECT_TRUE(hub.listed().empty());
  EXPECT_FALSE(hub.call("a", "b"));
}

}  // namespace
}  // namespace satgate::flow::mcp
