// The hub and a legacy server over HTTP that asks on the streams of its answers, and ends them
// early to have them taken up again.
#include <gtest/gtest.h>

#include "flow/mcp/hub_test_support.h"
#include "net/test_support.h"

namespace satgate::flow::mcp {
namespace {

using testing::Client;
using testing::HubThread;
using testing::Json;
using testing::kAllAbilities;
using testing::milliseconds;
using testing::text_of;
using testing::web_at;

class Streams final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& http) override;

  std::atomic<int> calls{0}, resumed{0};
  std::atomic<bool> takes_up{true};

 private:
  net::Task<> post(net::ServerExchange& http, Json message);
  net::Task<> ask(net::ServerExchange& http, Json message);
  net::Task<> end_early(net::ServerExchange& http, Json message);
  net::Task<> take_up(net::ServerExchange& http, std::string last_id);
  std::optional<Json> answer_to(const std::string& id);

  std::mutex mutex_;
  std::map<std::string, Json> answers_;  // of the client, by id
};

std::string event(const Json& message) {
  return "data: " + message.dump() + "\n\n";
}

Json result(const Json& id, const std::string& text) {
  return {{"jsonrpc", "2.0"},
          {"id", id},
          {"result", {{"content", {{{"type", "text"}, {"text", text}}}}}}};
}

std::optional<Json> Streams::answer_to(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = answers_.find(id);
  return found == answers_.end() ? std::nullopt : std::optional(found->second);
}

// Asks, and waits for the answer, which comes by a POST of its own. Then says more than it should.
net::Task<> Streams::ask(net::ServerExchange& http, Json message) {
  const std::string id = "q" + message["id"].dump();
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  const Json question = {{"jsonrpc", "2.0"},
                         {"id", id},
                         {"method", "elicitation/create"},
                         {"params", message["params"]["arguments"]}};
  const std::string asked = event(question);
  co_await http.write(asked);
  std::optional<Json> answer;
  for (int i = 0; i < 300 && !answer; ++i) {
    co_await net::sleep(http.loop(), milliseconds(10));
    answer = answer_to(id);
  }
  const std::string last =
      event(result(message["id"], answer ? answer->dump() : "nothing")) + event(question);
  co_await http.write(last);
  co_await http.finish();
}

net::Task<> Streams::end_early(net::ServerExchange& http, Json message) {
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  const std::string first = "id: " + message["id"].dump() + "\nretry: 100\ndata: \n\n";
  co_await http.write(first);
  co_await http.finish();
}

net::Task<> Streams::take_up(net::ServerExchange& http, std::string last_id) {
  if (last_id.empty() || !takes_up) {
    http.response(405);
    co_await http.send("");
    co_return;
  }
  resumed += 1;
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  const std::string text = event(result(Json::parse(last_id), "after all"));
  co_await http.write(text);
  co_await http.finish();
}

net::Task<> Streams::post(net::ServerExchange& http, Json message) {
  Json response = {{"jsonrpc", "2.0"}, {"id", message["id"]}};
  if (message["method"] == "initialize") {
    response["result"] = {{"protocolVersion", "2025-11-25"},
                          {"capabilities", {{"tools", Json::object()}}}};
  } else if (message["method"] == "tools/list") {
    response["result"] = {{"tools", {{{"name", "ask"}}, {{"name", "early"}}}}};
  } else if (message["method"] == "tools/call") {
    calls += 1;
    if (message["params"]["name"] == "ask") co_return co_await ask(http, message);
    co_return co_await end_early(http, message);
  } else {
    response["error"] = {{"code", -32601}, {"message", "Method not found"}};
  }
  http.response(200).field("content-type", "application/json");
  const std::string text = response.dump();
  co_await http.send(text);
}

net::Task<> Streams::handle(net::ServerExchange& http) {
  if (http.request().method != "POST") {
    std::string last_id(http.request().fields.find("last-event-id").value_or(""));
    co_return co_await take_up(http, std::move(last_id));
  }
  const auto body = co_await http.read_body_all(1'000'000);
  if (!body) co_return;
  const Json message = Json::parse(*body);
  if (message.contains("id") && message.contains("method")) {
    co_return co_await post(http, message);
  }
  if (message.contains("id")) {
    const std::lock_guard lock(mutex_);
    answers_[message["id"]] = message.value("result", Json());
  }
  http.response(202);
  co_await http.send("");
}

TEST(HubStreams, EachAskGoesToTheCallOnWhoseStreamItCame) {
  Streams fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  ASSERT_TRUE(hub.ready("web"));
  std::vector<std::shared_ptr<Client>> clients;
  std::vector<std::future<testing::Called>> calls;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(std::make_shared<Client>());
    clients.back()->results["elicitation/create"] = Json{{"client", i}}.dump();
    CallRequest request = HubThread::tool_call("web", "ask", Json{{"from", i}}.dump());
    request.client.capabilities = kAllAbilities;
    request.listener = clients.back();
    calls.push_back(hub.begin(std::move(request)));
  }
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(Json::parse(text_of(calls[i].get()))["client"], i);
    const auto asked = clients[i]->asked();
    ASSERT_EQ(asked.size(), 1u);  // what comes behind the answer is for nobody
    EXPECT_EQ(Json::parse(asked[0]["params"].get<std::string>())["from"], i);
  }
}

TEST(HubStreams, AStreamThatEndsEarlyIsTakenUpAndTheCallNotRepeated) {
  Streams fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(text_of(hub.call("web", "early")), "after all");
  EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(100));
  EXPECT_EQ(fixture.calls, 1);
  EXPECT_EQ(fixture.resumed, 1);
  fixture.takes_up = false;
  const auto lost = hub.call("web", "early");
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().sent_upstream);
  EXPECT_EQ(fixture.calls, 2);
}

// HTTP+SSE: answers come on the one stream, under `/messages`.
class OldServer final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& http) override;

  std::string endpoint = "/messages?session=1";
  std::atomic<bool> cut{false};
  std::atomic<int> posts{0};

 private:
  void answer(const Json& message);
  net::Task<> stream(net::ServerExchange& http);

  std::mutex mutex_;
  std::vector<std::string> events_;
};

void OldServer::answer(const Json& message) {
  Json response = {{"jsonrpc", "2.0"}, {"id", message["id"]}};
  if (message["method"] == "initialize") {
    response["result"] = {{"protocolVersion", "2024-11-05"},
                          {"capabilities", {{"tools", Json::object()}}}};
  } else if (message["method"] == "tools/list") {
    response["result"] = {{"tools", {{{"name", "echo"}}, {{"name", "lose"}}}}};
  } else {
    response = result(message["id"], message["params"]["arguments"].dump());
  }
  const std::lock_guard lock(mutex_);
  events_.push_back(event(response));
}

net::Task<> OldServer::stream(net::ServerExchange& http) {
  http.response(200).field("content-type", "text/event-stream");
  co_await http.start(wire::BodyFraming::chunked());
  const std::string first = "event: endpoint\ndata: " + endpoint + "\n\n";
  co_await http.write(first);
  for (int i = 0; i < 1000 && !http.client_gone() && !cut.exchange(false); ++i) {
    std::string text;
    {
      const std::lock_guard lock(mutex_);
      for (const std::string& one : std::exchange(events_, {}))
        text += one;
    }
    if (!text.empty()) co_await http.write(text);
    co_await net::sleep(http.loop(), milliseconds(5));
  }
  co_await http.finish();
}

net::Task<> OldServer::handle(net::ServerExchange& http) {
  const bool is_post = http.request().method == "POST";
  if (!is_post) co_return co_await stream(http);
  const auto body = co_await http.read_body_all(1'000'000);
  if (!body) co_return;
  const bool is_there = http.request().target.starts_with("/messages");
  if (is_there) {
    posts += 1;
    const Json message = Json::parse(*body);
    const bool is_lost =
        message.contains("params") && message["params"].value("name", "") == "lose";
    if (is_lost) cut = true;
    if (message.contains("id") && !is_lost) answer(message);
  }
  http.response(is_there ? 202 : 405);
  co_await http.send("");
}

TEST(HubHttpSse, AServerOfTheFirstRevisionAnswersOnItsStream) {
  OldServer fixture;
  net::testing::ServerThread server(fixture);
  HubThread hub({web_at(server.port)});
  ASSERT_TRUE(hub.ready("web")) << hub.status("web").last_error;
  EXPECT_EQ(hub.status("web").era, "legacy");
  std::vector<std::future<testing::Called>> calls;
  for (int i = 0; i < 20; ++i)
    calls.push_back(hub.begin("web", "echo", std::to_string(i)));
  for (size_t i = 0; i < calls.size(); ++i)
    EXPECT_EQ(text_of(calls[i].get()), std::to_string(i));
  const auto lost = hub.call("web", "lose");
  ASSERT_FALSE(lost);
  EXPECT_TRUE(lost.error().sent_upstream);
  ASSERT_TRUE(testing::eventually([&] { return hub.ready("web"); }));
  EXPECT_EQ(text_of(hub.call("web", "echo", "7")), "7");
}

TEST(HubHttpSse, MessagesAndTheirCredentialGoNowhereElse) {
  for (const char* endpoint : {"http://127.0.0.1:1/messages", "//elsewhere/messages", "messages"}) {
    OldServer fixture;
    fixture.endpoint = endpoint;
    net::testing::ServerThread server(fixture);
    HubThread hub({web_at(server.port)});
    EXPECT_FALSE(hub.ready("web")) << endpoint;
    EXPECT_EQ(fixture.posts, 0);
  }
}

}  // namespace
}  // namespace satgate::flow::mcp
