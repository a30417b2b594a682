#include "app/runtime/mcp_bridge.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"
#include "dialect/mcp/message.h"
#include "net/upstream.h"

namespace satgate::app {

namespace dm = dialect::mcp;

namespace {

constexpr size_t kInFlightMax = 1024;  // more are refused: answers must still find their way
constexpr net::Milliseconds kGoodbyeWait{5'000};
constexpr net::Milliseconds kListenPause{500};

bool is_events(const wire::ResponseHead& head) {
  return head.fields.find("content-type").value_or("").starts_with("text/event-stream");
}

}  // namespace

McpBridge::McpBridge(net::Loop& loop, const wire::Url& url, std::string token,
                     std::function<void(const std::string&)> print)
    : loop_(loop),
      pool_(loop),
      identity_(net::identity_of(url)),
      target_(url.base_path),
      token_(std::move(token)),
      print_(std::move(print)),
      idle_(loop) {}

void McpBridge::print_error(const std::string& id, std::string_view why) {
  if (id.empty()) return fmt::print(stderr, "satgate mcp: {}\n", why);
  std::string out;
  dm::append_error(out, id, {.code = dm::kInternalError, .message = std::string(why)});
  print_(out);
}

// What the head of its POST has to say. Whatever is wrong with a line, the gateway tells.
std::optional<McpBridge::Request> McpBridge::read(const std::string& line) {
  Request request{line, {}, {}, {}, {}};
  const auto envelope = dm::read_envelope(line, json_);
  if (!envelope || envelope->is_batch) return request;
  const dm::Message& message = envelope->messages.front();
  if (message.kind == dm::Message::Kind::response) return request;
  request.method = message.method;
  request.id = message.id;
  if (const auto meta = dm::read_meta(message.params, json_)) {
    request.version = meta->protocol_version;
  }
  if (const auto name = dm::read_named(message.method, message.params, json_)) {
    request.name = *name;
  }
  if (message.method == "notifications/cancelled" && cancel_modern(request, line)) {
    return std::nullopt;
  }
  return request;
}

// In the modern era who closes its stream has cancelled; a line can only say so.
bool McpBridge::cancel_modern(const Request& request, const std::string& line) {
  if (modern_.empty()) return false;
  const auto envelope = dm::read_envelope(line, json_);
  const auto members = json_.members(envelope->messages.front().params);
  if (!members) return false;
  for (const dm::RawMember& member : *members) {
    if (member.key != "requestId") continue;
    const auto found = modern_.find(std::string(member.value));
    if (found == modern_.end()) return false;
    net::ClientExchange* const call = found->second.call;
    modern_.erase(found);  // nobody waits for its answer
    call->cancel();
    return true;
  }
  return !request.version.empty();
}

net::Task<> McpBridge::carry(std::shared_ptr<McpBridge> self, std::string line) {
  auto request = self->read(line);
  self->json_.forget();
  if (!request) co_return;
  if (self->in_flight_ >= kInFlightMax && !request->id.empty()) {
    self->print_error(request->id, "too many requests are under way");
    co_return;
  }
  self->in_flight_ += 1;
  co_await self->send(std::move(*request));
  self->in_flight_ -= 1;
  if (self->in_flight_ == 0) self->idle_.notify();
}

net::Task<> McpBridge::send(Request request) {
  if (request.method == "initialize") initialize_ = request.line;
  const bool known = co_await post(request);
  if (known) co_return;
  const bool renewed = co_await renew_session();
  bool is_done = false;
  if (renewed) is_done = co_await post(request);
  if (!is_done) print_error(request.id, "the session was lost, and could not be opened again");
}

wire::HeadWriter& McpBridge::begin(net::ClientExchange& call, std::string_view method) {
  auto& head = call.request(method, target_);
  if (method == "POST") head.field("content-type", "application/json");
  head.field("accept",
             method == "GET" ? "text/event-stream" : "application/json, text/event-stream");
  if (!token_.empty()) head.field("authorization", "Bearer " + token_);
  return head;
}

net::Task<bool> McpBridge::post(const Request& request) {
  net::ClientExchange call(pool_, identity_);
  auto& head = begin(call, "POST");
  const bool in_session =
      !request.is_modern() && !session_.empty() && request.method != "initialize";
  if (request.is_modern()) {
    head.field("mcp-protocol-version", request.version).field("mcp-method", request.method);
    if (!request.name.empty()) head.field("mcp-name", dm::encode_header_value(request.name));
    if (!request.id.empty()) {
      modern_[request.id] = {&call, request.method == "subscriptions/listen"};
    }
  } else if (in_session) {
    head.field("mcp-session-id", session_).field("mcp-protocol-version", version_);
  }
  const auto went = co_await call.send(request.line);
  const wire::ResponseHead* answer = nullptr;
  if (went) {
    const auto came = co_await call.read_head();
    if (came) answer = *came;
  }
  bool known = true;
  if (answer == nullptr) {
    const bool is_cancelled = request.is_modern() && !modern_.contains(request.id);
    if (!is_cancelled) print_error(request.id, "the gateway does not answer");
  } else if (answer->status == 404 && in_session) {
    known = false;
  } else {
    known = co_await take_answer(call, *answer, request);
  }
  if (request.is_modern()) modern_.erase(request.id);
  co_return known;
}

net::Task<bool> McpBridge::take_answer(net::ClientExchange& call, const wire::ResponseHead& head,
                                       const Request& request) {
  if (request.method == "initialize") {
    session_ = head.fields.find_single("mcp-session-id").value_or("");
  }
  if (is_events(head)) {
    co_await take_events(call);
    co_return true;
  }
  const auto body = co_await call.read_all(limits::body_bytes_max);
  if (!body) {
    print_error(request.id, "the answer was cut");
  } else if (body->starts_with('{') || body->starts_with('[')) {
    std::string line(*body);
    dm::make_one_line(line);
    if (request.method == "initialize") {
      version_ = dm::agreed_version(line, json_);
      sessions_ += 1;
      if (!session_.empty()) net::spawn(loop_, listen(shared_from_this()));
    }
    const bool is_rpc = line.starts_with(R"({"jsonrpc")") || line.starts_with('[');
    is_rpc ? print_(line) : print_error(request.id, line);
  } else if (head.status >= 400) {
    print_error(request.id, fmt::format("HTTP {}", head.status));
  }
  co_return true;
}

void McpBridge::print_events(wire::SseSplitter& splitter) {
  wire::SseEvent event;
  while (splitter.next(event)) {
    if (event.has_data && !event.data.empty()) print_(std::string(event.data));
  }
}

net::Task<> McpBridge::take_events(net::ClientExchange& call) {
  wire::SseSplitter splitter(limits::body_bytes_max);
  for (;;) {
    const auto piece = co_await call.read_some();
    if (!piece || piece->empty() || !splitter.feed(*piece)) co_return;
    print_events(splitter);
  }
}

// A gateway that was restarted knows no sessions; the client need not learn of it.
net::Task<bool> McpBridge::renew_session() {
  if (initialize_.empty()) co_return false;
  session_.clear();
  net::ClientExchange call(pool_, identity_);
  begin(call, "POST");
  const auto went = co_await call.send(initialize_);
  if (!went) co_return false;
  const auto head = co_await call.read_head();
  if (!head || (*head)->status != 200) co_return false;
  session_ = (*head)->fields.find_single("mcp-session-id").value_or("");
  const auto body = co_await call.read_all(limits::body_bytes_max);
  (void)body;
  sessions_ += 1;
  if (session_.empty()) co_return false;
  std::string initialized;
  dm::append_notification(initialized, "notifications/initialized", {});
  co_await notify(std::move(initialized));
  net::spawn(loop_, listen(shared_from_this()));
  co_return true;
}

net::Task<> McpBridge::notify(std::string text) {
  const Request request{std::move(text), {}, "notifications/initialized", {}, {}};
  const bool known = co_await post(request);
  (void)known;
}

// What the gateway says by itself, as long as this session lasts.
net::Task<> McpBridge::listen(std::shared_ptr<McpBridge> self) {
  const uint64_t mine = self->sessions_;
  while (!self->finishing_ && self->sessions_ == mine) {
    net::ClientExchange call(self->pool_, self->identity_);
    self->listening_ = &call;
    self->begin(call, "GET")
        .field("mcp-session-id", self->session_)
        .field("mcp-protocol-version", self->version_);
    bool is_open = false;
    const auto went = co_await call.send({});
    if (went) {
      const auto head = co_await call.read_head();
      is_open = head && (*head)->status == 200;
    }
    if (is_open) co_await self->take_events(call);
    if (self->listening_ == &call) self->listening_ = nullptr;
    if (!is_open || self->finishing_) break;
    co_await net::sleep(self->loop_, kListenPause);
  }
}

net::Task<> McpBridge::finish(std::shared_ptr<McpBridge> self) {
  for (const auto& [id, modern] : self->modern_) {
    if (modern.never_ends) modern.call->cancel();
  }
  while (self->in_flight_ > 0) {
    const bool told =
        co_await self->idle_.wait(net::Milliseconds(limits::upstream_seconds_max * 1000));
    if (!told) break;
  }
  self->finishing_ = true;
  if (self->listening_ != nullptr) self->listening_->cancel();
  if (self->session_.empty()) co_return;
  net::ClientOptions options;
  options.between_bytes_timeout = kGoodbyeWait;
  net::ClientExchange call(self->pool_, self->identity_, options);
  self->begin(call, "DELETE").field("mcp-session-id", self->session_);
  const auto went = co_await call.send({});
  if (!went) co_return;
  const auto head = co_await call.read_head();
  (void)head;
}

}  // namespace satgate::app
