// What the hub's tests share: a hub on its own thread, asked from another one, and an MCP server
// over HTTP that misbehaves on request.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "flow/mcp/hub.h"
#include "net/http_server.h"
#include "net/loop.h"

namespace satgate::flow::mcp::testing {

using Json = nlohmann::json;
using std::chrono::milliseconds;

template <class T>
net::Task<> deliver(net::Task<T> task, std::shared_ptr<std::promise<T>> promise) {
  promise->set_value(co_await std::move(task));
}
inline net::Task<> deliver(net::Task<> task, std::shared_ptr<std::promise<void>> promise) {
  co_await std::move(task);
  promise->set_value();
}

// Starts a task on a loop; its result comes to this thread.
template <class T>
std::future<T> start_on(net::Loop& loop, net::Task<T> task) {
  const auto promise = std::make_shared<std::promise<T>>();
  auto future = promise->get_future();
  net::spawn(loop, deliver(std::move(task), promise));
  return future;
}

inline bool eventually(const std::function<bool()>& holds,
                       milliseconds at_most = milliseconds(5000)) {
  for (milliseconds waited(0); waited < at_most; waited += milliseconds(10)) {
    if (holds()) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return holds();
}

using Called = std::expected<Outcome, Fault>;

// Hears what is said during a call, and answers what is asked: each ask by the next of `replies`,
// the last one for all that follow. Tests read it after the call.
class Client final : public CallListener {
 public:
  void notified(std::string_view method, std::string params) override {
    const std::lock_guard lock(mutex_);
    heard_.push_back({{"method", method}, {"params", Json::parse(params)}});
  }
  net::Task<std::expected<AskReply, Fault>> ask(std::vector<Ask> asks) override {
    if (pause.count() > 0) co_await net::sleep(*loop, pause);
    co_return answer(asks);
  }

  void withdrawn(uint64_t number, std::string_view) override {
    const std::lock_guard lock(mutex_);
    withdrawn_.push_back(number);
  }

  std::vector<uint64_t> withdrawn() {
    const std::lock_guard lock(mutex_);
    return withdrawn_;
  }
  std::vector<Json> heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  std::vector<Json> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

  // Raw results of every method; an error or a fault instead, where set.
  std::map<std::string, std::string> results = {
      {"sampling/createMessage", R"({"role":"assistant","content":{"type":"text","text":"yes"}})"},
      {"elicitation/create", R"({"action":"accept","content":{"n":1}})"},
      {"roots/list", R"({"roots":[]})"}};
  std::string error;
  std::optional<Fault> fault;
  milliseconds pause{0};      // of each answer
  net::Loop* loop = nullptr;  // for the pause

 private:
  std::expected<AskReply, Fault> answer(const std::vector<Ask>& asks) {
    const std::lock_guard lock(mutex_);
    AskReply reply;
    for (const Ask& ask : asks) {
      asked_.push_back({{"key", ask.key}, {"method", ask.method}, {"params", ask.params}});
      reply.responses += reply.responses.empty() ? "{" : ",";
      reply.responses += Json(ask.key).dump() + ":" + results[ask.method];
    }
    if (fault) return std::unexpected(*fault);
    if (!error.empty()) return AskReply{{}, error};
    reply.responses += "}";
    return reply;
  }

  std::mutex mutex_;
  std::vector<Json> heard_, asked_;
  std::vector<uint64_t> withdrawn_;
};

inline constexpr std::string_view kAllAbilities =
    R"({"sampling":{},"elicitation":{"form":{}},"roots":{"listChanged":true}})";

// The hub on one loop, its callers on another.
class HubThread {
 public:
  explicit HubThread(std::vector<ServerConfig> servers, HubOptions options = quick())
      : hub_(std::make_unique<Hub>(loop_, std::move(servers), std::move(options))) {
    loop_.start();
    callers_.start();
    start_on(loop_, hub_->start()).get();
  }
  ~HubThread() {
    start_on(loop_, hub_->stop()).get();
    callers_.stop();
    callers_.join();
    loop_.stop();
    loop_.join();
    hub_.reset();
  }

  static HubOptions quick() {
    HubOptions options;
    options.version = "test";
    options.backoff_min = milliseconds(30);
    options.backoff_max = milliseconds(200);
    options.handshake_wait = milliseconds(3000);
    return options;
  }

  static CallRequest tool_call(std::string server, std::string tool, std::string arguments = "{}") {
    CallRequest request;
    request.server = std::move(server);
    request.name = std::move(tool);
    request.params = R"({"name":"as-listed","arguments":)" + arguments + "}";
    return request;
  }
  std::future<Called> begin(std::string server, std::string tool, std::string arguments = "{}") {
    return begin(tool_call(std::move(server), std::move(tool), std::move(arguments)));
  }
  Called call(std::string server, std::string tool, std::string arguments = "{}") {
    return begin(std::move(server), std::move(tool), std::move(arguments)).get();
  }
  std::future<Called> begin(CallRequest request) {
    return start_on(callers_, hub_->call(std::move(request)));
  }
  std::expected<void, Fault> watch(std::string uri) {
    return start_on(callers_, hub_->watch_resource(std::move(uri))).get();
  }
  std::expected<void, Fault> unwatch(std::string uri) {
    return start_on(callers_, hub_->unwatch_resource(std::move(uri))).get();
  }

  std::vector<std::string> listed() const {
    std::vector<std::string> names;
    const auto catalogue = hub_->catalogue();
    for (const auto& entry : catalogue->entries())
      names.push_back(entry.listed_name);
    return names;
  }
  ServerStatus status(std::string_view name) const {
    for (ServerStatus& status : hub_->status()) {
      if (status.name == name) return std::move(status);
    }
    return {};
  }
  bool ready(std::string_view name) const {
    return status(name).state == ServerStatus::State::ready;
  }
  Hub& hub() { return *hub_; }
  net::Loop& loop() { return loop_; }

  // Other servers from now on. The hub that was there serves the calls it has, until end().
  std::unique_ptr<Hub> replace(std::vector<ServerConfig> servers, HubOptions options = quick()) {
    auto next = std::make_unique<Hub>(loop_, std::move(servers), std::move(options), hub_.get());
    start_on(loop_, next->start()).get();
    return std::exchange(hub_, std::move(next));
  }
  void end(std::unique_ptr<Hub> old) { start_on(loop_, end_there(std::move(old))).get(); }

 private:
  static net::Task<> end_there(std::unique_ptr<Hub> hub) { co_await hub->stop(); }

  net::Loop loop_;
  net::Loop callers_;
  std::unique_ptr<Hub> hub_;
};

// The text of the first content block.
inline std::string text_of(const Called& called) {
  if (!called) return "fault: " + called.error().message;
  if (called->result.empty()) return "error: " + called->error;
  return Json::parse(called->result)["content"][0]["text"];
}

// testdata/asking.py, of an era.
inline ServerConfig asking(std::string name, std::string_view era) {
  StdioCommand command;
  command.command = "python3";
  command.args = {SATGATE_SOURCE_DIR "/src/flow/mcp/testdata/asking.py", std::string(era)};
  ServerConfig config;
  config.name = std::move(name);
  config.transport = std::move(command);
  config.timeout = milliseconds(5000);
  return config;
}

inline ServerConfig web_at(uint16_t port, std::string name = "web") {
  HttpUpstream http;
  http.url = "http://127.0.0.1:" + std::to_string(port) + "/mcp";
  http.headers = {{"authorization", "Bearer upstream-key"}};
  ServerConfig config;
  config.name = std::move(name);
  config.transport = std::move(http);
  config.timeout = milliseconds(2000);
  return config;
}

// What a hub says to everybody.
class Ear {
 public:
  explicit Ear(std::shared_ptr<Broadcast> broadcast) : broadcast_(std::move(broadcast)) {
    id_ = broadcast_->watch([this](const HubEvent& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    });
  }
  ~Ear() { broadcast_->unwatch(id_); }
  Ear(const Ear&) = delete;
  Ear& operator=(const Ear&) = delete;

  size_t count(HubEvent::Kind kind, std::string_view uri = {}) {
    const std::lock_guard lock(mutex_);
    return static_cast<size_t>(std::ranges::count_if(
        events_, [&](const HubEvent& e) { return e.kind == kind && e.uri == uri; }));
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    events_.clear();
  }

 private:
  std::shared_ptr<Broadcast> broadcast_;
  std::mutex mutex_;
  std::vector<HubEvent> events_;
  uint64_t id_ = 0;
};

// Streamable HTTP with sessions.
class HttpFixture final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& http) override;

  void forget_sessions() {
    const std::lock_guard lock(mutex_);
    sessions_.clear();
  }
  size_t sessions() {
    const std::lock_guard lock(mutex_);
    return sessions_.size();
  }
  void add_tool(std::string name) {
    const std::lock_guard lock(mutex_);
    tools_.push_back(std::move(name));
  }
  std::vector<std::string> seen(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return seen_[name];
  }

  std::atomic<bool> use_sse{false};
  std::atomic<bool> offer_stream{false};
  std::atomic<bool> announce{false};  // one list_changed on the stream
  std::atomic<int> forget_status{404};
  std::atomic<int> calls{0};
  std::atomic<int> level_pause{-1};  // ms until logging/setLevel is answered; below 0: it has none
  std::atomic<bool> level_set{false};
  std::atomic<int> levels{0};
  std::atomic<int> too_early{0};  // calls that came before it was answered

 private:
  net::Task<> listen(net::ServerExchange& http);
  net::Task<> answer(net::ServerExchange& http, std::string text, std::string session);
  net::Task<> end_session(net::ServerExchange& http);
  net::Task<> misbehave(net::ServerExchange& http, std::string tool);
  void note(net::ServerExchange& http);
  bool knows(std::string_view session);
  Json result_of(const Json& message, std::string& session);

  std::mutex mutex_;
  std::set<std::string, std::less<>> sessions_;
  std::vector<std::string> tools_ = {"http_echo", "stall", "cut", "teapot", "html"};
  std::map<std::string, std::vector<std::string>> seen_;  // values of some fields
  int opened_ = 0;
};

}  // namespace satgate::flow::mcp::testing
