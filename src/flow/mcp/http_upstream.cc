// An MCP server over Streamable HTTP, legacy era: one POST a message, answered by JSON or by a
// stream of server-sent events; a session that the server may forget.
#include <fmt/format.h>

#include <set>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"
#include "net/http_client.h"
#include "net/upstream.h"
#include "wire/sse.h"
#include "wire/url.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr size_t kSessionBytesMax = 1024;
constexpr size_t kErrorBodyMax = 64 * 1024;
constexpr milliseconds kGoodbyeWait{1'000};
constexpr milliseconds kStreamTailWait{20};

class StreamableHttp final : public Upstream {
 public:
  StreamableHttp(net::Loop& loop, ServerConfig config, HubOptions options,
                 std::shared_ptr<net::UpstreamPool> pool, net::UpstreamIdentity identity,
                 std::string target)
      : Upstream(loop, std::move(config), std::move(options)),
        pool_(std::move(pool)),
        identity_(std::move(identity)),
        target_(std::move(target)) {}

 private:
  // Cancels an exchange when its time is up. A slow trickle of bytes does not extend it.
  struct Limit {
    Limit(net::Loop& loop, net::ClientExchange& exchange)
        : call(exchange), deadline(loop, &Limit::overdue, this) {}
    static void overdue(void* self) {
      auto& limit = *static_cast<Limit*>(self);
      limit.passed = true;
      limit.call.cancel();
    }
    net::ClientExchange& call;
    net::Deadline deadline;
    bool passed = false;
  };
  // One that waits for its answer; stop() ends it.
  struct Live {
    Live(std::set<net::ClientExchange*>& all, net::ClientExchange& exchange)
        : set(all), call(exchange) {
      set.insert(&call);
    }
    ~Live() { set.erase(&call); }
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;
    std::set<net::ClientExchange*>& set;
    net::ClientExchange& call;
  };
  enum class Look : uint8_t { wait, answered, broken };

  net::Task<Result<void>> connect() override;
  net::Task<> disconnect() override;
  net::Task<Answer> exchange(Outgoing outgoing) override;
  net::Task<> notify(std::string text) override;
  void joined(std::string_view protocol_version) override;

  std::shared_ptr<StreamableHttp> self() {
    return std::static_pointer_cast<StreamableHttp>(shared_from_this());
  }
  net::ClientOptions client_options(milliseconds timeout) const;
  void begin(net::ClientExchange& call, std::string_view method);
  CallFailure broke(const Fault& fault, const Limit& limit);
  net::Task<Answer> answer_of(net::ClientExchange& call, const wire::ResponseHead& head,
                              const Limit& limit, uint64_t id, bool in_session);
  net::Task<Answer> json_answer(net::ClientExchange& call, const Limit& limit, uint64_t id);
  net::Task<Answer> stream_answer(net::ClientExchange& call, const Limit& limit, uint64_t id);
  net::Task<Answer> refusal(net::ClientExchange& call, int status, uint64_t id, bool in_session);
  Look look(std::string_view text, uint64_t id, Outcome& outcome);
  static net::Task<> post(std::shared_ptr<StreamableHttp> self, std::string text);
  static net::Task<> listen(std::shared_ptr<StreamableHttp> self);
  net::Task<bool> listen_once();

  std::shared_ptr<net::UpstreamPool> pool_;
  const net::UpstreamIdentity identity_;
  const std::string target_;
  std::string session_;
  std::string version_;
  std::set<net::ClientExchange*> live_;
  net::ClientExchange* listening_ = nullptr;
  bool connected_ = false;
  uint64_t connection_ = 0;  // counts connect()
};

bool is_session_id(std::string_view id) {
  if (id.empty() || id.size() > kSessionBytesMax) return false;
  for (const char c : id) {
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

bool has_type(const wire::ResponseHead& head, std::string_view type) {
  const auto value = head.fields.find("content-type").value_or("");
  return equals_ignore_case(trim(value.substr(0, value.find(';'))), type);
}

net::Task<Result<void>> StreamableHttp::connect() {
  session_.clear();
  version_.clear();
  connected_ = true;
  connection_ += 1;
  co_return Result<void>();
}

// Says goodbye to the session, as far as the server listens.
net::Task<> StreamableHttp::disconnect() {
  connected_ = false;
  if (listening_) listening_->cancel();
  if (!stopping_) co_return;  // calls of a lost session may still be running: they may end
  for (net::ClientExchange* call : live_)
    call->cancel();
  if (session_.empty()) co_return;
  net::ClientExchange call(*pool_, identity_, client_options(kGoodbyeWait));
  begin(call, "DELETE");
  session_.clear();
  const auto gone = co_await call.send({});
  if (gone) co_await call.read_head();
}

void StreamableHttp::joined(std::string_view protocol_version) {
  version_ = protocol_version;
  net::spawn(loop_, listen(self()));
}

net::ClientOptions StreamableHttp::client_options(milliseconds timeout) const {
  net::ClientOptions options;
  options.connect_timeout = std::min(options.connect_timeout, timeout);
  options.between_bytes_timeout = timeout;
  return options;
}

void StreamableHttp::begin(net::ClientExchange& call, std::string_view method) {
  auto& head = call.request(method, target_);
  if (method == "POST") head.field("content-type", "application/json");
  head.field("accept",
             method == "GET" ? "text/event-stream" : "application/json, text/event-stream");
  if (!version_.empty()) head.field("mcp-protocol-version", version_);
  if (!session_.empty()) head.field("mcp-session-id", session_);
  for (const auto& [name, value] : std::get<HttpUpstream>(config_.transport).headers) {
    head.field(name, value);
  }
}

CallFailure StreamableHttp::broke(const Fault& fault, const Limit& limit) {
  CallFailure out;
  out.fault = fault;
  out.fault.source = Fault::Source::upstream;
  if (limit.passed) {
    out.fault.http_status = 504;
    out.fault.message = config_.name + " did not answer in time";
  } else {
    out.fault.message = config_.name + ": " + fault.message;
  }
  return out;
}

net::Task<Answer> StreamableHttp::exchange(Outgoing outgoing) {
  if (!connected_) co_return std::unexpected(unsent(503, config_.name + " is not connected"));
  net::ClientExchange call(*pool_, identity_, client_options(outgoing.timeout));
  const Live live(live_, call);
  Limit limit(loop_, call);
  limit.deadline.arm(outgoing.timeout);
  begin(call, "POST");
  const bool in_session = !session_.empty();  // the session of this request; it may change
  const auto went = co_await call.send(outgoing.text);
  if (!went) co_return std::unexpected(broke(went.error(), limit));
  const auto head = co_await call.read_head();
  if (!head) co_return std::unexpected(broke(head.error(), limit));
  if (const auto session = (*head)->fields.find_single("mcp-session-id")) {
    if (outgoing.opens_session && is_session_id(*session)) session_ = *session;
  }
  auto answer = co_await answer_of(call, **head, limit, outgoing.id, in_session);
  co_return answer;
}

net::Task<Answer> StreamableHttp::answer_of(net::ClientExchange& call,
                                            const wire::ResponseHead& head, const Limit& limit,
                                            uint64_t id, bool in_session) {
  if (head.status < 200 || head.status > 299) {
    co_return co_await refusal(call, head.status, id, in_session);
  }
  if (has_type(head, "text/event-stream")) co_return co_await stream_answer(call, limit, id);
  if (has_type(head, "application/json")) co_return co_await json_answer(call, limit, id);
  co_return std::unexpected(
      sent(502, fmt::format("{} answered HTTP {} without JSON", config_.name, head.status)));
}

net::Task<Answer> StreamableHttp::json_answer(net::ClientExchange& call, const Limit& limit,
                                              uint64_t id) {
  const auto body = co_await call.read_all(limits::body_bytes_max);
  if (!body) co_return std::unexpected(broke(body.error(), limit));
  Outcome outcome;
  if (look(*body, id, outcome) == Look::answered) co_return std::move(outcome);
  co_return std::unexpected(sent(502, config_.name + " answered with something else"));
}

net::Task<Answer> StreamableHttp::stream_answer(net::ClientExchange& call, const Limit& limit,
                                                uint64_t id) {
  Outcome outcome;
  bool answered = false;
  wire::SseSplitter splitter(limits::body_bytes_max);
  Limit tail(loop_, call);
  for (;;) {
    const auto piece = co_await call.read_some();
    if (answered && (!piece || piece->empty())) co_return std::move(outcome);
    if (!piece) co_return std::unexpected(broke(piece.error(), limit));
    if (answered) continue;
    if (piece->empty()) break;
    if (!splitter.feed(*piece)) break;
    wire::SseEvent event;
    while (!answered && splitter.next(event)) {
      answered = event.has_data && look(event.data, id, outcome) == Look::answered;
    }
    // The end of the stream mostly comes along; then the connection can be used again.
    if (answered) tail.deadline.arm(kStreamTailWait);
  }
  co_return std::unexpected(sent(502, config_.name + " ended its stream before it answered"));
}

net::Task<Answer> StreamableHttp::refusal(net::ClientExchange& call, int status, uint64_t id,
                                          bool in_session) {
  std::string text;
  if (const auto body = co_await call.read_all(kErrorBodyMax)) text = *body;
  // 404 is the specification's word for a session that is gone; widespread servers say 400 and
  // speak of the session in the text. Either way the request was not run.
  const bool about_session = text.find("ession") != std::string::npos;
  if (in_session && (status == 404 || (status == 400 && about_session))) {
    CallFailure lost = unsent(502, config_.name + " has forgotten the session");
    lost.session_lost = true;
    co_return std::unexpected(std::move(lost));
  }
  Outcome outcome;
  if (look(text, id, outcome) == Look::answered) co_return std::move(outcome);
  co_return std::unexpected(sent(502, fmt::format("{} answered HTTP {}", config_.name, status)));
}

StreamableHttp::Look StreamableHttp::look(std::string_view text, uint64_t id, Outcome& outcome) {
  Look seen = Look::wait;
  const auto message = mcp::read_upstream(text, json_);
  if (!message) {
    seen = Look::broken;
  } else if (message->kind != mcp::Message::Kind::response) {
    std::string answer = incoming(*message);
    if (!answer.empty()) net::spawn(loop_, post(self(), std::move(answer)));
  } else if (parse_uint(message->id) == id) {
    outcome.result = message->result;
    outcome.error = message->error;
    seen = Look::answered;
  }
  json_.forget();
  return seen;
}

net::Task<> StreamableHttp::notify(std::string text) {
  co_await post(self(), std::move(text));
}

// A notification, or our answer to a request of the server: nothing comes back but 202.
net::Task<> StreamableHttp::post(std::shared_ptr<StreamableHttp> self, std::string text) {
  net::ClientExchange call(*self->pool_, self->identity_,
                           self->client_options(self->options_.handshake_wait));
  Limit limit(self->loop_, call);
  limit.deadline.arm(self->options_.handshake_wait);
  self->begin(call, "POST");
  const auto went = co_await call.send(text);
  if (!went) co_return;
  const auto head = co_await call.read_head();
  if (head) co_await call.read_all(kErrorBodyMax);
}

// Keeps the stream open on which a server announces changes, where it offers one.
net::Task<> StreamableHttp::listen(std::shared_ptr<StreamableHttp> self) {
  const uint64_t mine = self->connection_;
  for (;;) {
    const bool offered = co_await self->listen_once();
    if (!offered) break;
    co_await net::sleep(self->loop_, self->options_.backoff_min);
    if (!self->connected_ || self->stopping_ || self->connection_ != mine) break;
  }
}

net::Task<bool> StreamableHttp::listen_once() {
  net::ClientExchange call(*pool_, identity_,
                           client_options(milliseconds(limits::upstream_seconds_max * 1000)));
  listening_ = &call;
  begin(call, "GET");
  bool offered = false;
  const auto went = co_await call.send({});
  if (went) {
    const auto head = co_await call.read_head();
    offered = head && (*head)->status == 200 && has_type(**head, "text/event-stream");
  }
  wire::SseSplitter splitter;
  while (offered && connected_) {
    const auto piece = co_await call.read_some();
    if (!piece || piece->empty() || !splitter.feed(*piece)) break;
    wire::SseEvent event;
    Outcome ignored;
    while (splitter.next(event)) {
      if (event.has_data) look(event.data, 0, ignored);
    }
  }
  if (listening_ == &call) listening_ = nullptr;
  co_return offered;
}

}  // namespace

Result<std::shared_ptr<Upstream>> make_http_upstream(net::Loop& loop, ServerConfig config,
                                                     HubOptions options,
                                                     std::shared_ptr<net::UpstreamPool> pool) {
  const auto& http = std::get<HttpUpstream>(config.transport);
  TRY_ASSIGN(const auto url, wire::parse_url(http.url));
  net::UpstreamIdentity identity = net::identity_of(url);
  identity.ca_file = http.ca_file;
  std::string target = url.base_path.empty() ? "/" : url.base_path;
  return std::make_shared<StreamableHttp>(loop, std::move(config), std::move(options),
                                          std::move(pool), std::move(identity), std::move(target));
}

}  // namespace satgate::flow::mcp
