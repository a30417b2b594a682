// The hub against a real Streamable HTTP server: sessions, both kinds of answers, and what breaks.
#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"
#include "net/test_support.h"

namespace satgate::flow::mcp {
namespace testing {

void HttpFixture::note(net::ServerExchange& http) {
  const std::lock_guard lock(mutex_);
  for (const char* name : {"authorization", "mcp-protocol-version", "accept"}) {
    const auto value = http.request().fields.find(name);
    seen_[name].push_back(std::string(value.value_or("")));
  }
}

bool HttpFixture::knows(std::string_view session) {
  const std::lock_guard lock(mutex_);
  return sessions_.contains(session);
}

net::Task<> HttpFixture::handle(net::ServerExchange& http) {
  note(http);
  const std::string session(http.request().fields.find("mcp-session-id").value_or(""));
  if (http.request().method == "GET") co_return co_await listen(http);
  if (http.request().method == "DELETE") co_return co_await end_session(http);
  const auto body = co_await http.read_body_all(1'000'000);
  if (!body) co_return;
  const Json message = Json::parse(*body);
  if (message["method"] != "initialize" && !knows(session)) {
    http.response(forget_status).field("content-type", "application/json");
    co_await http.send(
        R"({"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"No valid session ID"}})");
    co_return;
  }
  if (!message.contains("id")) {
    http.response(202);
    co_await http.send("");
    co_return;
  }
  if (message["method"] == "logging/setLevel") {
    levels += 1;
    co_await net::sleep(http.loop(), milliseconds(level_pause));
    level_set = true;
  }
  if (message["method"] == "tools/call") {
    calls += 1;
    if (!level_set) too_early += 1;
    const std::string tool = message["params"]["name"];
    if (tool != "http_echo") co_return co_await misbehave(http, tool);
  }
  std::string opened;
  Json response = {{"jsonrpc", "2.0"}, {"id", message["id"]}};
  response["result"] = result_of(message, opened);
  co_await answer(http, response.dump(), opened);
}

Json HttpFixture::result_of(const Json& message, std::string& session) {
  const std::lock_guard lock(mutex_);
  if (message["method"] == "initialize") {
    session = "session-" + std::to_string(++opened_);
    Json offers = {{"tools", Json::object()}, {"resources", Json::object()}};
    if (level_pause >= 0) offers["logging"] = Json::object();
    sessions_.insert(session);
    return {{"protocolVersion", "2025-06-18"},
            {"capabilities", offers},
            {"serverInfo", {{"name", "web"}, {"version", "2"}}}};
  }
  if (message["method"] == "tools/list") {
    Json tools = Json::array();
    for (const std::string& tool : tools_)
      tools.push_back({{"name", tool}});
    return {{"tools", tools}};
  }
  return {
      {"content", {{{"type", "text"}, {"text", message.value("params", Json::object()).dump()}}}}};
}

net::Task<> HttpFixture::answer(net::ServerExchange& http, std::string text, std::string session) {
  auto& head = http.response(200);
  if (!session.empty()) head.field("mcp-session-id", session);
  if (!use_sse) {
    head.field("content-type", "application/json");
    co_await http.send(text);
    co_return;
  }
  head.field("content-type", "text/event-stream; charset=utf-8");
  const std::string noise =
      "id: 1\ndata: \n\n: hello\n\nevent: message\ndata: "
      "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n";
  text = noise + "event: message\ndata: " + text + "\n\n";
  co_await http.start(wire::BodyFraming::chunked());
  for (size_t at = 0; at < text.size(); at += 7) {
    const std::string piece = text.substr(at, 7);
    co_await http.write(piece);
  }
  co_await http.finish();
}

net::Task<> HttpFixture::listen(net::ServerExchange& http) {
  if (!offer_stream) {
    http.response(405);
    co_await http.send("");
    co_return;
  }
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  for (int i = 0; i < 300 && !http.client_gone(); ++i) {
    if (announce.exchange(false)) {
      const std::string event =
          "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
      co_await http.write(event);
    }
    co_await net::sleep(http.loop(), milliseconds(10));
  }
  co_await http.finish();
}

net::Task<> HttpFixture::end_session(net::ServerExchange& http) {
  {
    const std::lock_guard lock(mutex_);
    sessions_.erase(std::string(http.request().fields.find("mcp-session-id").value_or("")));
  }
  http.response(200);
  co_await http.send("");
}

net::Task<> HttpFixture::misbehave(net::ServerExchange& http, std::string tool) {
  if (tool == "stall") {
    http.response(200).field("content-type", "text/event-stream");
    co_await http.start(wire::BodyFraming::chunked());
    for (int i = 0; i < 100 && !http.client_gone(); ++i) {
      co_await http.write(": still here\n\n");  // a trickle must not keep a call alive
      co_await net::sleep(http.loop(), milliseconds(20));
    }
    co_await http.finish();
  } else if (tool == "cut") {
    http.response(200).field("content-type", "application/json");
    co_await http.start(wire::BodyFraming::length(100));
    co_await http.write("{");
    http.cut();
  } else if (tool == "teapot") {
    http.response(418).field("content-type", "text/plain");
    co_await http.send("short and stout");
  } else {
    http.response(200).field("content-type", "text/html");
    co_await http.send("<html>");
  }
}

}  // namespace testing

namespace {

using testing::eventually;
using testing::HttpFixture;
using testing::HubThread;
using testing::milliseconds;
using testing::text_of;
using testing::web_at;

TEST(HubHttp, CallsThroughASessionWithTheUpstreamsCredential) {
  HttpFixture fixture;
  net::testing::ServerThread server(fixture);
  {
    HubThread hub({web_at(server.port)});
    ASSERT_TRUE(hub.ready("web")) << hub.status("web").last_error;
    EXPECT_EQ(hub.status("web").server_info, "web 2");
    EXPECT_EQ(text_of(hub.call("web", "http_echo", R"({"n": 1.50})")),
              R"({"arguments":{"n":1.5},"name":"http_echo"})");
    EXPECT_EQ(fixture.sessions(), 1u);
    EXPECT_EQ(fixture.seen("authorization").back(), "Bearer upstream-key");
    EXPECT_EQ(fixture.seen("mcp-protocol-version").front(), "2026-07-28");  // the probe
    EXPECT_EQ(fixture.seen("mcp-protocol-version").back(), "2025-06-18");   // as it negotiated
    EXPECT_TRUE(hub.hub().capabilities().resources);
  }
  EXPECT_EQ(fixture.sessions(), 0u);  // said goodbye
}

TEST(HubHttp, ReadsAnswersFromEventStreams) {
  HttpFixture fixture;
  fixture.use_sse = true;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(text_of(hub.call("web", "http_echo")), R"({"arguments":{},"name":"http_echo"})");
  }
}

// A restarted server has forgotten everything. No caller may notice.
TEST(HubHttp, AForgottenSessionIsRenewedAndTheCallRepeatedOnce) {
  for (const int status : {404, 400}) {
    HttpFixture fixture;
    fixture.forget_status = status;
    net::testing::ServerThread server(fixture);
    HubThread hub({web_at(server.port)});
    ASSERT_TRUE(hub.ready("web"));
    fixture.forget_sessions();
    std::vector<std::future<testing::Called>> calls;
    for (int i = 0; i < 8; ++i)
      calls.push_back(hub.begin("web", "http_echo"));
    for (auto& call : calls) {
      EXPECT_EQ(text_of(call.get()), R"({"arguments":{},"name":"http_echo"})");
    }
    EXPECT_EQ(fixture.calls, 8);
    EXPECT_EQ(fixture.sessions(), 1u);  // one handshake for all of them
  }
}

TEST(HubHttp, FaultsSayWhatWasSent) {
  HttpFixture fixture;
  net::testing::ServerThread server(fixture);
  auto config = web_at(server.port);
  config.timeout = milliseconds(300);
  HubThread hub({config});
  const auto stalled = hub.call("web", "stall");
  ASSERT_FALSE(stalled);
  EXPECT_TRUE(stalled.error().sent_upstream);
  EXPECT_EQ(stalled.error().http_status, 504);
  for (const char* tool : {"cut", "teapot", "html"}) {
    const auto called = hub.call("web", tool);
    ASSERT_FALSE(called) << tool;
    EXPECT_TRUE(called.error().sent_upstream) << tool;
    EXPECT_EQ(called.error().source, Fault::Source::upstream) << tool;
    EXPECT_EQ(called.error().retry, Fault::Retry::no) << tool;
  }
  EXPECT_EQ(fixture.calls, 4);  // none was repeated
  EXPECT_EQ(hub.status("web").faults, 4u);
  EXPECT_EQ(text_of(hub.call("web", "http_echo")), R"({"arguments":{},"name":"http_echo"})");
}

TEST(HubHttp, AServerThatIsNotThereCostsOnlyItsOwnCalls) {
  HttpFixture fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(1, "gone"), web_at(server.port), web_at(2, "also-gone")});
  EXPECT_EQ(hub.status("gone").state, ServerStatus::State::down);
  EXPECT_TRUE(hub.ready("web"));
  EXPECT_EQ(hub.listed().size(), 5u);
  const auto called = hub.call("gone", "anything");
  ASSERT_FALSE(called);
  EXPECT_FALSE(called.error().sent_upstream);
  EXPECT_EQ(called.error().http_status, 503);
  EXPECT_TRUE(hub.call("web", "http_echo"));
}

TEST(HubHttp, ListChangedOnTheStreamIsSeenAtOnce) {
  HttpFixture fixture;
  fixture.offer_stream = true;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  ASSERT_EQ(hub.listed().size(), 5u);
  const uint64_t before = hub.hub().catalogue_version();
  fixture.add_tool("sixth");
  fixture.announce = true;
  EXPECT_TRUE(eventually([&] { return hub.listed().size() == 6; }, milliseconds(800)));
  EXPECT_GT(hub.hub().catalogue_version(), before);
}

TEST(HubHttp, StopDoesNotWaitForAServerThatStalls) {
  HttpFixture fixture;
  net::testing::ServerThread server(fixture);
  auto config = web_at(server.port);
  config.timeout = milliseconds(60'000);
  std::future<testing::Called> stalled;
  const auto begun = std::chrono::steady_clock::now();
  {
    HubThread hub({config});
    stalled = hub.begin("web", "stall");
    ASSERT_TRUE(eventually([&] { return fixture.calls == 1; }));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(1500));
}

// Several calls at a time: none that wants logs reaches the server before the level does.
TEST(HubHttp, NoCallOvertakesTheLogLevelThatItWants) {
  HttpFixture fixture;
  fixture.level_pause = 200;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  std::vector<std::future<testing::Called>> calls;
  for (int i = 0; i < 8; ++i) {
    CallRequest request = HubThread::tool_call("web", "http_echo");
    request.client.log_level = "info";
    calls.push_back(hub.begin(std::move(request)));
  }
  for (auto& call : calls)
    EXPECT_TRUE(call.get());
  EXPECT_EQ(fixture.calls, 8);
  EXPECT_EQ(fixture.too_early, 0);
  EXPECT_EQ(fixture.levels, 1);
}

TEST(HubHttp, AServerThatDoesNotAnswerTheLogLevelHoldsUpNobodyForLong) {
  HttpFixture fixture;
  fixture.level_pause = 60'000;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  const auto begun = std::chrono::steady_clock::now();
  CallRequest request = HubThread::tool_call("web", "http_echo");
  request.client.log_level = "info";
  auto first = hub.begin(request);
  auto second = hub.begin(request);
  EXPECT_TRUE(hub.call("web", "http_echo"));  // wants no logs
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(1500));
  EXPECT_TRUE(first.get());
  EXPECT_TRUE(second.get());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, milliseconds(4500));
}

TEST(HubHttp, AUrlThatCannotWorkIsReportedAndHarmless) {
  auto config = web_at(1);
  std::get<HttpUpstream>(config.transport).url = "ftp://x";
  HubThread hub({config});
  EXPECT_EQ(hub.status("web").state, ServerStatus::State::down);
  EXPECT_FALSE(hub.status("web").last_error.empty());
  EXPECT_FALSE(hub.call("web", "x"));
}

}  // namespace
}  // namespace satgate::flow::mcp
