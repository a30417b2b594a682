#include "flow/mcp/endpoint.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"
#include "flow/authorization.h"
#include "flow/credential.h"
#include "flow/exchange.h"
#include "flow/respond.h"
#include "wire/url.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

// A browser page must not reach a gateway on the loopback by DNS rebinding (MCP, "Security"): there
// a page's own name may point to us, so an Origin that equals the Host proves nothing.
bool origin_is_fine(const wire::RequestHead& request, const Settings& settings) {
  const auto origin = request.fields.find("origin");
  if (!origin) return true;
  const size_t scheme = origin->find("://");
  if (scheme == origin->npos) return false;
  const auto authority = wire::parse_authority(origin->substr(scheme + 3));
  if (!authority) return false;
  const HostRules& hosts = settings.server.hosts;
  if (is_loopback_host(authority->host) || hosts.names(authority->host)) return true;
  if (hosts.on_loopback()) return false;
  const auto own = wire::parse_authority(request.host);
  return own && equals_ignore_case(own->host, authority->host);
}

// For requests that spend nothing: who is it? A conversation that is never forwarded.
class Handshake final : public Conversation {
 public:
  explicit Handshake(const Visit& visit) : visit_(visit) {}
  const Call& call() const override { return visit_.base; }
  const Settings& settings() const override { return *visit_.settings; }
  Credential credential() const override { return visit_.credential; }
  net::Task<bool> add_content(SipHash&) override { co_return false; }
  net::Task<flow::Outcome> forward(const Passing&) override { co_return flow::Outcome{}; }
  net::Task<> complete(const Settled&) override { co_return; }
  net::Task<> refuse(const Denial&) override { co_return; }
  net::Task<> fail(const Fault&) override { co_return; }

 private:
  const Visit& visit_;
};

bool any_observing(const Settings& settings) {
  for (const ServerConfig& server : settings.mcp_servers) {
    if (settings.mcp_mode(server.name) == Mode::observe) return true;
  }
  return false;
}

bool any_for_sale(const Settings& settings) {
  return std::ranges::any_of(settings.mcp_servers, [&](const ServerConfig& server) {
    return settings.mcp_mode(server.name) == Mode::charge;
  });
}

bool is_small(const wire::BodyFraming& framing) {
  return framing.is_empty() || (framing.kind == wire::BodyFraming::Kind::length &&
                                framing.bytes <= limits::unpaid_body_bytes_max);
}

// Sessions and rounds belong to it. What can be read in memory is not the credential itself.
std::string principal_of(const Credential& credential) {
  const bool is_payment =
      credential.kind == Credential::Kind::paid || credential.kind == Credential::Kind::payment;
  if (credential.text.empty() || is_payment) return std::string(kAnonymous);
  const Hash256 hash = sha256(credential.text);
  return std::string(reinterpret_cast<const char*>(hash.data()), 15);  // as long as needs no memory
}

// The modern era has neither GET nor DELETE; without a session there is nothing to hear, or to end.
bool may_come_so(const wire::RequestHead& request) {
  if (request.path == "/sse") return request.method == "GET";
  if (request.method == "POST") return true;
  if (request.path == "/message") return false;
  const bool is_of_session = request.method == "GET" || request.method == "DELETE";
  return is_of_session && request.fields.find("mcp-session-id");
}

// Of a refused call, where `mcp.denial` says it by the status.
std::string challenge_of(const Visit& visit) {
  const bool is_refusal = visit.status == 403 && visit.last_call && visit.last_call->refused();
  if (!is_refusal) return {};
  return challenge(*visit.settings, visit.http.request(), visit.http.is_tls(),
                   *visit.last_call->refused());
}

net::Task<> refuse_method(net::ServerExchange& http, const RequestId& id) {
  const std::string_view allowed = http.request().path == "/sse"       ? "GET"
                                   : http.request().path == "/message" ? "POST"
                                                                       : "POST, GET, DELETE";
  http.response(405).field("allow", allowed).field("x-request-id", to_string(id));
  const auto sent = co_await http.send("");
  (void)sent;
}

}  // namespace

bool Endpoint::serves(const wire::RequestHead& request) {
  if (request.path == "/mcp") return true;
  if (request.path == "/message") return request.query.find("sessionId=") != request.query.npos;
  const auto accept = request.fields.find("accept");
  return request.path == "/sse" && accept && accept->find("text/event-stream") != accept->npos;
}

// Also while a stream is open: a token may expire, or be revoked.
std::optional<Denial> Endpoint::judge(Visit& visit) {
  if (may_come_to_buy(visit)) return std::nullopt;
  const Handshake handshake(visit);
  return judge_credential(worker_, handshake);
}

// Whether somebody may look around who shows nothing, or a payment: each call is judged by itself.
// What it sends is small, as strangers must not fill memory.
bool Endpoint::may_come_to_buy(const Visit& visit) {
  if (!worker_.gateway.paywall || !any_for_sale(*visit.settings)) return false;
  if (visit.base.mode == Mode::observe || !is_small(visit.http.request().framing)) return false;
  const auto acting = worker_.as_token(visit.credential, *visit.settings);
  if (!acting) return false;
  return acting->kind == Credential::Kind::none || acting->kind == Credential::Kind::paid ||
         acting->kind == Credential::Kind::payment || acting->kind == Credential::Kind::malformed;
}

net::Task<> Endpoint::handle(net::ServerExchange& http, Call call, Snapshot snapshot) {
  call.protocol = Protocol::mcp;
  call.route = "mcp";
  const wire::RequestHead& request = http.request();
  if (!origin_is_fine(request, *snapshot.settings)) {
    co_return co_await respond_error(http, Protocol::mcp, call.id, 403, "origin_denied",
                                     "Requests from this web origin are not accepted.");
  }
  if (!snapshot.hub) {
    co_return co_await respond_error(http, Protocol::mcp, call.id, 503, "gateway_failed",
                                     "The MCP servers are not started.");
  }
  Visit visit(http, call, std::move(snapshot), readers_);
  if (!may_come_so(request)) co_return co_await refuse_method(http, call.id);
  visit.credential = find_credential(request.fields);
  visit.principal = principal_of(visit.credential);
  visit.base.mode = any_observing(*visit.settings) ? Mode::observe : visit.settings->mode;
  if (const std::optional<Denial> denial = judge(visit)) {
    co_return co_await respond_denial(http, visit.base, *denial, *visit.settings);
  }
  if (request.path == "/sse") co_return co_await open_sse(visit);
  if (request.path == "/message") co_return co_await take_sse_message(visit);
  if (request.method == "POST") co_return co_await handle_post(visit);
  co_await handle_session(visit);
}

net::Task<> Endpoint::handle_session(Visit& visit) {
  if (!find_session(visit)) co_return co_await send_answers(visit);
  if (visit.http.request().method == "GET") co_return co_await stream_session(visit);
  end_session(visit, *visit.session);
  co_await send_answers(visit);
}

net::Task<> Endpoint::handle_post(Visit& visit) {
  const auto body = co_await visit.http.read_body_all(visit.settings->body_bytes_max);
  if (!body) co_return co_await respond_fault(visit.http, visit.base, body.error());
  const wire::Fields& fields = visit.http.request().fields;
  visit.headers = {fields.find("mcp-protocol-version"), fields.find("mcp-method"),
                   fields.find("mcp-name")};
  const auto accept = fields.find("accept");
  visit.takes_events = accept && accept->find("text/event-stream") != accept->npos;
  co_await answer_body(visit, *body);
  if (!visit.answered) co_await send_answers(visit);
}

net::Task<> Endpoint::answer_body(Visit& visit, std::string_view body) {
  const auto envelope = dm::read_envelope(body, visit.json);
  if (!envelope) {
    visit.answer_error({}, envelope.error());
    co_return;
  }
  visit.is_batch = envelope->is_batch;
  co_await answer_messages(visit, *envelope);
}

net::Task<> Endpoint::answer_messages(Visit& visit, const dm::Envelope& envelope) {
  for (const dm::Message& message : envelope.messages)
    co_await answer_message(visit, message);
  if (envelope.is_batch && !visit.answers.empty()) {
    visit.answers = fmt::format("[{}]", visit.answers);
    visit.status = 200;
  }
}

net::Task<> Endpoint::send_answers(Visit& visit) {
  if (visit.answers.empty()) {
    visit.http.response(visit.status == 200 ? 202 : visit.status);
    const auto sent = co_await visit.http.send("");
    (void)sent;
    co_return;
  }
  wire::HeadWriter& head = visit.http.response(visit.status);
  head.field("content-type", "application/json");
  if (visit.last_call && !visit.is_batch) {
    visit.last_call->write_fields(head);
  } else {
    head.field("x-request-id", to_string(visit.base.id));
  }
  if (const std::string wanted = challenge_of(visit); !wanted.empty()) {
    head.field("www-authenticate", wanted);
  }
  if (!visit.session_id.empty()) head.field("mcp-session-id", visit.session_id);
  if (visit.status >= 400) head.field("x-should-retry", "false");
  const auto sent = co_await visit.http.send(visit.answers);
  (void)sent;
}

// A session that is not there, or somebody else's, is one answer: nobody learns which ones exist.
bool Endpoint::find_session(Visit& visit) {
  const auto id = visit.http.request().fields.find_single("mcp-session-id");
  if (visit.session || !id) return true;
  Sessions& sessions = worker_.gateway.mcp_clients.sessions;
  visit.session = sessions.find(*id, visit.principal, visit.base.at);
  if (visit.session) return true;
  visit.answer_error({}, {.code = dm::kPolicyDenied,
                          .message = "Session not found: it has ended, or never was. "
                                     "Send initialize again.",
                          .data = {},
                          .http_status = 404});
  return false;
}

void Endpoint::end_session(Visit& visit, Session& session) {
  const auto ended = worker_.gateway.mcp_clients.sessions.close(session.id(), visit.principal);
  if (!ended) return;
  ended->close();
  if (const auto hub = worker_.gateway.hub()) hub->release(ended->id(), ended->watched());
}

net::Task<> Endpoint::answer_message(Visit& visit, const dm::Message& message) {
  const auto era = dm::classify(message, visit.headers, visit.json);
  if (!era) {
    if (message.kind == dm::Message::Kind::request || !visit.is_batch) {
      visit.answer_error(message.id, era.error());
    }
    co_return;
  }
  const bool is_legacy = *era == dm::Era::legacy && message.method != "initialize";
  if (is_legacy && !find_session(visit)) co_return;
  switch (message.kind) {
    case dm::Message::Kind::request:
      co_return co_await answer_request(visit, message, *era);
    case dm::Message::Kind::notification:
      take_notification(visit, message);
      co_return;
    case dm::Message::Kind::response:
      if (!visit.session) co_return;
      Outcome outcome{std::string(message.result), std::string(message.error)};
      visit.session->answer(message.id, std::move(outcome));
  }
}

void Endpoint::take_notification(Visit& visit, const dm::Message& message) {
  if (!visit.session) return;
  if (message.method == "notifications/roots/list_changed") {
    return visit.hub->roots_changed(visit.session->id());
  }
  if (message.method != "notifications/cancelled") return;
  const auto members = visit.json.members(message.params.empty() ? "{}" : message.params);
  if (!members) return;
  for (const dm::RawMember& member : *members) {
    if (member.key == "requestId") visit.session->cancel_call(std::string(member.value));
  }
}

net::Task<> Endpoint::answer_request(Visit& visit, const dm::Message& message, dm::Era era) {
  const std::string_view method = message.method;
  if (answer_agent_tool(visit, message, era)) co_return;
  if (GovernedCall::governs(method)) co_return co_await make_call(visit, message, era);
  if (answer_at_once(visit, message, era)) co_return;
  if (era == dm::Era::modern && method == "subscriptions/listen" && !visit.is_batch) {
    co_return co_await listen(visit, message);
  }
  if (era == dm::Era::legacy &&
      (method == "resources/subscribe" || method == "resources/unsubscribe")) {
    co_return co_await change_watch(visit, message);
  }
  const std::string text = fmt::format("Method not found: {}", method);
  const int status = era == dm::Era::modern ? 404 : 200;
  visit.answer_error(message.id, {dm::kMethodNotFound, text, {}, status});
}

}  // namespace satgate::flow::mcp
