#include "flow/mcp/http_upstream.h"

#include <fmt/format.h>

#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/message.h"
#include "wire/url.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr size_t kSessionBytesMax = 1024;
constexpr size_t kErrorBodyMax = 64 * 1024;
constexpr milliseconds kGoodbyeWait{1'000};
constexpr milliseconds kForever{24 * 3600 * 1000};  // the flight ends the wait

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

}  // namespace

bool is_event_stream(const wire::ResponseHead& head) {
  return has_type(head, "text/event-stream");
}

net::Task<Result<void>> StreamableHttp::connect() {
  session_.clear();
  version_.clear();
  close_old_stream();
  connected_ = true;
  connection_count_ += 1;
  co_return Result<void>();
}

// Says goodbye to the session, as far as the server listens.
net::Task<> StreamableHttp::disconnect() {
  connected_ = false;
  if (listening_on_) listening_on_->cancel();
  close_old_stream();
  if (!stopping_) co_return;  // calls of a lost session may still be running: they may end
  for (net::ClientExchange* call : live_)
    call->cancel();
  if (session_.empty()) co_return;
  net::ClientOptions options = client_options();
  options.connect_timeout = options.between_bytes_timeout = kGoodbyeWait;
  net::ClientExchange call(*pool_, identity_, options);
  begin(call, "DELETE", target_);
  session_.clear();
  const auto gone = co_await call.send({});
  if (gone) co_await call.read_head();
}

void StreamableHttp::joined(std::string_view protocol_version) {
  version_ = protocol_version;
  if (version_ != mcp::kModernVersion && !old_stream_) net::spawn(loop_, listen(self()));
}

net::ClientOptions StreamableHttp::client_options() {
  net::ClientOptions options;
  options.between_bytes_timeout = kForever;
  return options;
}

wire::HeadWriter& StreamableHttp::begin(net::ClientExchange& call, std::string_view method,
                                        std::string_view target) {
  auto& head = call.request(method, target);
  if (method == "POST") head.field("content-type", "application/json");
  head.field("accept",
             method == "GET" ? "text/event-stream" : "application/json, text/event-stream");
  const auto& http = std::get<HttpUpstream>(config_.transport);
  for (const auto& [name, value] : http.headers)
    head.field(name, value);
  if (const auto& [name, value] = connection_.credential; !name.empty()) {
    head.field(name, value);
  } else if (!token_.empty()) {
    head.field("authorization", "Bearer " + token_);
  } else if (!http.credential.first.empty()) {
    head.field(http.credential.first, http.credential.second);
  }
  if (version_.empty() || version_ == mcp::kModernVersion) return head;
  head.field("mcp-protocol-version", version_);
  if (!session_.empty()) head.field("mcp-session-id", session_);
  return head;
}

void StreamableHttp::begin_post(net::ClientExchange& call, const Outgoing& outgoing) {
  auto& head = begin(call, "POST", post_target());
  if (!outgoing.is_modern) {
    // The session begins with the answer to initialize, the version with the end of the handshake.
    if (version_.empty() && !session_.empty()) head.field("mcp-session-id", session_);
    return;
  }
  head.field("mcp-protocol-version", mcp::kModernVersion);
  for (const auto& [name, value] : outgoing.fields)
    head.field(name, value);
}

CallFailure StreamableHttp::broke(const Fault& fault, const Flight& flight) {
  if (flight.ended() != Flight::End::none) return interrupted(flight, fault.sent_upstream);
  CallFailure out;
  out.fault = fault;
  out.fault.source = Fault::Source::upstream;
  out.fault.message = config_.name + ": " + fault.message;
  return out;
}

net::Task<Answer> StreamableHttp::exchange(Outgoing outgoing, std::shared_ptr<Flight> flight) {
  const auto alive = self();
  if (!connection_.tokens) co_return co_await exchange_any(std::move(outgoing), flight);
  co_return co_await exchange_authorized(std::move(outgoing), flight);
}

net::Task<Result<void>> StreamableHttp::authorize(Flight* flight) {
  if (!connection_.tokens) co_return Result<void>();
  auto token = co_await connection_.tokens->get(flight);
  if (!token) co_return fail("mcpServers." + config_.name + ".oauth: " + token.error().message);
  token_ = std::move(*token);
  co_return Result<void>();
}

// A request that was refused for its token has not been run: it is sent once more, with another.
net::Task<Answer> StreamableHttp::exchange_authorized(Outgoing outgoing,
                                                      std::shared_ptr<Flight> flight) {
  for (bool is_again = false;; is_again = true) {
    const auto ready = co_await authorize(flight.get());
    if (!ready) {
      if (flight->ended() != Flight::End::none) {
        co_return std::unexpected(interrupted(*flight, false));
      }
      if (ready_) set_broken(ready.error().message);
      co_return std::unexpected(unsent(503, ready.error().message));
    }
    const std::string used = token_;
    Outgoing attempt = outgoing;
    auto answer = co_await exchange_any(std::move(attempt), flight);
    const bool is_refused = !answer && answer.error().token_refused;
    if (!is_refused || is_again || !connection_.tokens->refuse(used)) co_return answer;
  }
}

// Such an answer says that the request was not run.
CallFailure StreamableHttp::unauthorized() const {
  if (!connection_.credential.first.empty()) {
    const std::string& header = std::get<HttpUpstream>(config_.transport).credential_from;
    return unsent(
        502,
        fmt::format("{0} answered HTTP 401: it does not accept the credential in {1}", config_.name,
                    header.empty() ? "mcpServers." + config_.name + ".credentials" : header));
  }
  CallFailure refused =
      unsent(502, fmt::format("{0} answered HTTP 401: it does not accept the access token of "
                              "mcpServers.{0}.oauth; check its scope, resource and audience",
                              config_.name));
  refused.token_refused = true;
  return refused;
}

// A server that knows no POST here may be one of 2024-11-05: then its stream says where.
net::Task<Answer> StreamableHttp::exchange_any(Outgoing outgoing, std::shared_ptr<Flight> flight) {
  if (!connected_) co_return std::unexpected(unsent(503, config_.name + " is not connected"));
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, false));
  if (!old_stream_) {
    int status = 0;
    auto answer = co_await exchange_once(outgoing, flight, status);
    const bool may_be_old = status == 404 || status == 405 || status == 400;
    if (!outgoing.opens_session || !may_be_old) co_return answer;
    const bool is_old = co_await open_old_stream(flight);
    if (!is_old) {
      close_old_stream();
      co_return answer;
    }
  }
  co_return co_await exchange_old(std::move(outgoing), flight);
}

net::Task<Answer> StreamableHttp::exchange_once(const Outgoing& outgoing,
                                                std::shared_ptr<Flight> flight, int& status) {
  net::ClientExchange call(*pool_, identity_, client_options());
  const Live live(live_, call);
  const Flight::Waiting waiting(*flight, call);
  begin_post(call, outgoing);
  // The session of this request; it may change.
  const bool in_session = !outgoing.is_modern && !session_.empty();
  const auto went = co_await call.send(outgoing.text);
  if (!went) co_return std::unexpected(broke(went.error(), *flight));
  const auto head = co_await call.read_head();
  if (!head) co_return std::unexpected(broke(head.error(), *flight));
  status = (*head)->status;
  if (const auto session = (*head)->fields.find_single("mcp-session-id")) {
    if (outgoing.opens_session && is_session_id(*session)) session_ = *session;
  }
  auto answer = co_await answer_of(call, **head, flight, in_session, outgoing.is_modern);
  co_return answer;
}

net::Task<Answer> StreamableHttp::answer_of(net::ClientExchange& call,
                                            const wire::ResponseHead& head,
                                            std::shared_ptr<Flight> flight, bool in_session,
                                            bool is_modern) {
  if (head.status < 200 || head.status > 299) {
    co_return co_await refusal(call, head.status, flight, in_session);
  }
  if (is_event_stream(head)) co_return co_await stream_answer(call, flight, is_modern);
  if (has_type(head, "application/json")) co_return co_await json_answer(call, flight);
  co_return std::unexpected(
      sent(502, fmt::format("{} answered HTTP {} without JSON", config_.name, head.status)));
}

net::Task<Answer> StreamableHttp::json_answer(net::ClientExchange& call,
                                              std::shared_ptr<Flight> flight) {
  const auto body = co_await call.read_all(limits::body_bytes_max);
  if (!body) co_return std::unexpected(broke(body.error(), *flight));
  Outcome outcome;
  if (look(*body, flight, outcome, true)) co_return std::move(outcome);
  co_return std::unexpected(sent(502, config_.name + " answered with something else"));
}

net::Task<Answer> StreamableHttp::refusal(net::ClientExchange& call, int status,
                                          std::shared_ptr<Flight> flight, bool in_session) {
  std::string text;
  if (const auto body = co_await call.read_all(kErrorBodyMax)) text = *body;
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, true));
  if (status == 401 && is_credential_known()) co_return std::unexpected(unauthorized());
  // 404 is the specification's word for a session that is gone; widespread servers say 400 and
  // speak of the session in the text. Either way the request was not run.
  const bool about_session = text.find("ession") != std::string::npos;
  if (in_session && (status == 404 || (status == 400 && about_session))) {
    CallFailure lost = unsent(502, config_.name + " has forgotten the session");
    lost.session_lost = true;
    co_return std::unexpected(std::move(lost));
  }
  Outcome outcome;
  if (look(text, flight, outcome, true)) co_return std::move(outcome);
  co_return std::unexpected(sent(502, fmt::format("{} answered HTTP {}", config_.name, status)));
}

// True: this is the answer. `is_whole`: the body is nothing else, so an error without an id is
// about this request.
bool StreamableHttp::look(std::string_view text, const std::shared_ptr<Flight>& flight,
                          Outcome& outcome, bool is_whole) {
  bool answered = false;
  const auto message = mcp::read_upstream(text, json_);
  if (message && message->kind != mcp::Message::Kind::response) {
    incoming(*message, flight);
  } else if (message && flight) {
    const bool is_anonymous = is_whole && message->id == "null";
    answered = is_anonymous || parse_uint(message->id) == flight->id;
    if (answered) {
      outcome.result = message->result;
      outcome.error = message->error;
    }
  }
  json_.forget();
  return answered;
}

// A notification, or our answer to a request of the server: nothing comes back but 202.
net::Task<> StreamableHttp::notify(std::string text) {
  const auto alive = self();
  if (!connected_) co_return;
  net::ClientExchange call(*pool_, identity_, client_options());
  Flight limit(loop_);
  limit.arm(options_.handshake_wait);
  const Flight::Waiting waiting(limit, call);
  const auto ready = co_await authorize(&limit);
  if (!ready) co_return;
  Outgoing outgoing;
  begin_post(call, outgoing);
  const auto went = co_await call.send(text);
  if (!went) co_return;
  const auto head = co_await call.read_head();
  if (head) co_await call.read_all(kErrorBodyMax);
}

Result<std::shared_ptr<Upstream>> make_http_upstream(net::Loop& loop, ServerConfig config,
                                                     HubOptions options, Connection connection,
                                                     std::weak_ptr<UpstreamEvents> events,
                                                     std::shared_ptr<net::UpstreamPool> pool) {
  const auto& http = std::get<HttpUpstream>(config.transport);
  TRY_ASSIGN(const auto url, wire::parse_url(http.url));
  net::UpstreamIdentity identity = net::identity_of(url);
  identity.ca_file = http.ca_file;
  std::string target = url.base_path.empty() ? "/" : url.base_path;
  return std::make_shared<StreamableHttp>(loop, std::move(config), std::move(options),
                                          std::move(connection), std::move(events), std::move(pool),
                                          std::move(identity), std::move(target));
}

}  // namespace satgate::flow::mcp
