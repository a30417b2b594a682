// The hub and a server of 2026-07-28 over HTTP: what the head of each request repeats, the probe,
// and streams.
#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"
#include "net/test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::Client;
using testing::Ear;
using testing::eventually;
using testing::HubThread;
using testing::Json;
using testing::kAllAbilities;
using testing::milliseconds;
using testing::text_of;
using testing::web_at;

class ModernHttp final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& http) override;

  std::vector<std::map<std::string, std::string>> seen(const std::string& method) {
    const std::lock_guard lock(mutex_);
    return seen_[method];
  }
  std::string filter() {
    const std::lock_guard lock(mutex_);
    return filter_;
  }

  // Instead of the answer to server/discover: a status and a body.
  std::optional<std::pair<int, std::string>> probe_answer;
  std::atomic<int> listens{0};
  std::atomic<bool> grown{false}, announce{false}, cut{false}, left{false};

 private:
  void note(net::ServerExchange& http, const Json& message);
  Json result_of(const Json& message);
  Json tools() const;
  net::Task<> listen(net::ServerExchange& http, Json message);
  net::Task<> hang(net::ServerExchange& http);

  std::mutex mutex_;
  std::map<std::string, std::vector<std::map<std::string, std::string>>> seen_;
  std::string filter_;
};

void ModernHttp::note(net::ServerExchange& http, const Json& message) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> fields;
  for (const char* name : {"mcp-protocol-version", "mcp-method", "mcp-name", "mcp-param-region",
                           "mcp-param-level", "mcp-session-id"}) {
    if (const auto value = http.request().fields.find(name)) fields[name] = *value;
  }
  seen_[message["method"]].push_back(std::move(fields));
}

Json ModernHttp::tools() const {
  const Json region = {{"type", "string"}, {"x-mcp-header", "Region"}};
  const Json level = {{"type", "integer"}, {"x-mcp-header", "Level"}};
  const Json odd = {{"type", "number"}, {"x-mcp-header", "Odd"}};
  Json tools = {{{"name", "echo"}}, {{"name", "hang"}}, {{"name", "ask"}}, {{"name", "refuse"}}};
  tools.push_back({{"name", "regional"},
                   {"inputSchema", {{"properties", {{"region", region}, {"level", level}}}}}});
  tools.push_back({{"name", "spoilt"}, {"inputSchema", {{"properties", {{"odd", odd}}}}}});
  if (grown) tools.push_back({{"name", "grown"}});
  return tools;
}

Json ModernHttp::result_of(const Json& message) {
  const Json params = message.value("params", Json::object());
  if (message["method"] == "server/discover") {
    return {{"supportedVersions", {"2026-07-28"}},
            {"capabilities", {{"tools", Json::object()}, {"resources", Json::object()}}}};
  }
  if (message["method"] == "tools/list") return {{"tools", tools()}};
  if (message["method"] == "resources/list") {
    return {{"resources", {{{"uri", "r://1"}, {"name", "r"}}}}};
  }
  if (message["method"] == "tools/call" && params["name"] == "ask") {
    if (!params.contains("inputResponses")) {
      return {{"resultType", "input_required"},
              {"requestState", "state-1"},
              {"inputRequests", {{"who", {{"method", "roots/list"}}}}}};
    }
  }
  return {{"resultType", "complete"}, {"content", {{{"type", "text"}, {"text", params.dump()}}}}};
}

net::Task<> ModernHttp::listen(net::ServerExchange& http, Json message) {
  {
    const std::lock_guard lock(mutex_);
    filter_ = message["params"]["notifications"].dump();
  }
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  co_await http.write(": hello\n\n");
  listens += 1;
  for (int i = 0; i < 500 && !http.client_gone() && !cut.exchange(false); ++i) {
    if (announce.exchange(false)) {
      const std::string event =
          "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n";
      co_await http.write(event);
    }
    co_await net::sleep(http.loop(), milliseconds(10));
  }
  co_await http.finish();
}

net::Task<> ModernHttp::hang(net::ServerExchange& http) {
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  for (int i = 0; i < 300 && !http.client_gone(); ++i) {
    const auto written = co_await http.write(": still here\n\n");
    if (!written) break;
    co_await net::sleep(http.loop(), milliseconds(10));
  }
  left = true;
  co_await http.finish();
}

net::Task<> ModernHttp::handle(net::ServerExchange& http) {
  const auto body = co_await http.read_body_all(1'000'000);
  if (!body) co_return;
  const std::string_view kind = http.request().method;
  const Json message = kind == "POST" ? Json::parse(*body) : Json();
  if (!message.is_object() || !message.contains("id")) {
    http.response(kind == "POST" ? 202 : 405);
    co_await http.send("");
    co_return;
  }
  note(http, message);
  const std::string method = message["method"];
  if (method == "subscriptions/listen") co_return co_await listen(http, message);
  int status = 200;
  Json response = {{"jsonrpc", "2.0"}, {"id", message["id"]}};
  std::string text;
  if (method == "server/discover" && probe_answer) {
    status = probe_answer->first;
    text = probe_answer->second;
  } else if (method == "initialize") {
    response["result"] = {{"protocolVersion", "2025-11-25"},
                          {"capabilities", {{"tools", Json::object()}}}};
  } else if (method == "tools/call" && message["params"]["name"] == "hang") {
    co_return co_await hang(http);
  } else if (method == "tools/call" && message["params"]["name"] == "refuse") {
    status = 404;
    response["error"] = {{"code", -32601}, {"message", "Method not found"}};
  } else {
    response["result"] = result_of(message);
  }
  if (text.empty()) text = response.dump();
  http.response(status).field("content-type", "application/json");
  co_await http.send(text);
}

TEST(HubHttpModern, TheHeadRepeatsWhatTheBodySays) {
  ModernHttp fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  ASSERT_TRUE(hub.ready("web")) << hub.status("web").last_error;
  EXPECT_EQ(hub.status("web").era, "modern");
  EXPECT_EQ(hub.listed(), (std::vector<std::string>{"ask", "echo", "hang", "refuse", "regional"}));
  ASSERT_TRUE(hub.call("web", "regional", R"({"region":"Zürich","level":3})"));
  ASSERT_TRUE(hub.call("web", "regional", R"({"region":null})"));
  const auto calls = fixture.seen("tools/call");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0],
            (std::map<std::string, std::string>{{"mcp-protocol-version", "2026-07-28"},
                                                {"mcp-method", "tools/call"},
                                                {"mcp-name", "regional"},
                                                {"mcp-param-region", "=?base64?WsO8cmljaA==?="},
                                                {"mcp-param-level", "3"}}));
  EXPECT_FALSE(calls[1].contains("mcp-param-region"));
  CallRequest read;
  read.server = "web";
  read.method = "resources/read";
  read.params = R"({"uri":"r://1"})";
  ASSERT_TRUE(hub.begin(read).get());
  EXPECT_EQ(fixture.seen("resources/read")[0].at("mcp-name"), "r://1");
  EXPECT_FALSE(fixture.seen("tools/list")[0].contains("mcp-name"));
  EXPECT_TRUE(fixture.seen("initialize").empty());
  const auto refused = hub.call("web", "refuse");
  ASSERT_TRUE(refused);
  EXPECT_EQ(Json::parse(refused->error)["code"], -32601);
}

TEST(HubHttpModern, RoundsCarryTheStateAsItCame) {
  ModernHttp fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  CallRequest request = HubThread::tool_call("web", "ask", R"({"a":1.50})");
  request.client.capabilities = kAllAbilities;
  request.listener = std::make_shared<Client>();
  const Json last = Json::parse(text_of(hub.begin(request).get()));
  EXPECT_EQ(last["requestState"], "state-1");
  EXPECT_EQ(last["inputResponses"], Json::parse(R"({"who":{"roots":[]}})"));
  EXPECT_EQ(last["arguments"]["a"], 1.5);
}

TEST(HubHttpModern, ACancelClosesTheConnection) {
  ModernHttp fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  std::promise<std::shared_ptr<CallCancel>> begun;
  CallRequest request = HubThread::tool_call("web", "hang");
  request.on_begin = [&](std::shared_ptr<CallCancel> cancel) { begun.set_value(cancel); };
  auto waiting = hub.begin(request);
  const auto cancel = begun.get_future().get();
  std::this_thread::sleep_for(milliseconds(100));
  cancel->cancel();
  const auto called = waiting.get();
  ASSERT_FALSE(called);
  EXPECT_EQ(called.error().source, Fault::Source::client);
  EXPECT_TRUE(called.error().sent_upstream);
  EXPECT_TRUE(eventually([&] { return fixture.left.load(); }, milliseconds(1000)));
  EXPECT_TRUE(fixture.seen("notifications/cancelled").empty());
}

TEST(HubHttpModern, TheStreamOfChangesIsOpenedAgain) {
  ModernHttp fixture;
  net::testing::ServerThread server(fixture);
  auto options = HubThread::quick();
  Ear ear(options.broadcast);
  HubThread hub({web_at(server.port)}, options);
  ASSERT_TRUE(eventually([&] { return fixture.listens == 1; }));
  ear.forget();
  fixture.grown = fixture.announce = true;
  EXPECT_TRUE(
      eventually([&] { return ear.count(HubEvent::Kind::tools_changed) == 1; }, milliseconds(200)));
  fixture.grown = false;
  fixture.cut = true;  // what is missed meanwhile is looked for
  EXPECT_TRUE(eventually([&] { return fixture.listens == 2; }));
  EXPECT_TRUE(eventually([&] { return ear.count(HubEvent::Kind::tools_changed) == 2; }));
  ASSERT_TRUE(hub.watch("r://1"));
  EXPECT_TRUE(eventually([&] { return fixture.filter().find("r://1") != std::string::npos; }));
}

TEST(HubHttpModern, TheProbeLooksIntoTheBodyOfARefusal) {
  const std::string error = R"({"jsonrpc":"2.0","id":null,"error":{"code":CODE,"message":"m"}})";
  const auto coded = [&](const char* code) {
    return std::string(error).replace(error.find("CODE"), 4, code);
  };
  const std::pair<std::pair<int, std::string>, std::string> cases[] = {
      {{404, "not here"}, "legacy"},
      {{400, coded("-32000")}, "legacy"},
      {{405, ""}, "legacy"},
      {{200, coded("-32601")}, "legacy"},
      {{200, R"({"odd":1})"}, "legacy"},
      {{500, "oops"}, "legacy"},
      {{400, coded("-32020")}, "modern"},
      {{400, coded("-32021")}, "modern"},
      {{400, coded("-32022")}, ""}};
  for (const auto& [answer, era] : cases) {
    ModernHttp fixture;
    fixture.probe_answer = answer;
    net::testing::ServerThread server(fixture);
    HubThread hub({web_at(server.port)});
    EXPECT_EQ(hub.ready("web"), !era.empty()) << answer.first << answer.second;
    EXPECT_EQ(hub.status("web").era, era) << answer.first << answer.second;
    EXPECT_EQ(fixture.seen("initialize").size(), era == "legacy" ? 1u : 0u);
  }
}

}  // namespace
}  // namespace satgate::flow::mcp
