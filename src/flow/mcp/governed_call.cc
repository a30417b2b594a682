#include "flow/mcp/governed_call.h"

#include <fmt/format.h>

#include <utility>

#include "base/json_out.h"
#include "base/limits.h"
#include "dialect/mcp/asking.h"
#include "dialect/mcp/handshake.h"
#include "dialect/mcp/payment_required.h"
#include "flow/exchange.h"
#include "flow/respond.h"
#include "payment/l402.h"
#include "payment/mpp_json.h"

namespace satgate::flow::mcp {

namespace dm = dialect::mcp;

namespace {

constexpr int kResourceNotFoundBefore = -32002;  // before 2026-07-28

// HTTP statuses that 2026-07-28 wants with its errors; legacy clients take any but 200 for a broken
// transport.
int status_of(int64_t code, dm::Era era) {
  if (era == dm::Era::legacy) return 200;
  if (code == dm::kMissingCapability || code == dm::kHeaderMismatch ||
      code == dm::kUnsupportedVersion) {
    return 400;
  }
  return code == dm::kMethodNotFound ? 404 : 200;
}

bool is_cacheable(std::string_view method) {
  return method == "resources/read";
}

dm::RpcError missing_capability(std::string_view capability) {
  dm::RpcError error{dm::kMissingCapability, {}, {}, 400};
  error.message = fmt::format("The server needs a client with the capability {}", capability);
  JsonOut json(error.data);
  json.object().key("requiredCapabilities").object();
  json.member(capability).object().end().end().end();
  return error;
}

}  // namespace

std::string_view GovernedCall::governed_method(std::string_view method) {
  constexpr std::string_view kGoverned[] = {"tools/call", "prompts/get", "resources/read",
                                            "completion/complete"};
  for (const std::string_view each : kGoverned) {
    if (each == method) return each;
  }
  return {};
}

GovernedCall::GovernedCall(Worker& worker, Snapshot snapshot,
                           std::shared_ptr<const dm::Catalogue> catalogue, const Call& call,
                           const Credential& credential, CallIntent intent)
    : worker_(worker),
      snapshot_(std::move(snapshot)),
      catalogue_(std::move(catalogue)),
      call_(call),
      credential_kind_(credential.kind),
      credential_(credential.text),
      preimage_(credential.preimage),
      intent_(std::move(intent)),
      id_(intent_.id) {
  // What is judged is what is sent: a view that lives as long as the call does.
  if (intent_.method == "tools/call") call_.arguments = intent_.arguments();
  if (intent_.session) session_asks_.emplace(intent_.session, std::string(call_.upstream), this);
}

std::string_view CallIntent::arguments() const {
  return arguments_size == 0 ? std::string_view("{}")
                             : std::string_view(params).substr(arguments_at, arguments_size);
}

std::string CallIntent::about() const {
  std::string text = fmt::format("{} {} ", method, subject);
  dm::each_compact_run(arguments(), [&](std::string_view run) { text += run; });
  return text;
}

// The arguments of a tool; the uri of a resource, a prompt with its arguments.
std::string GovernedCall::content() const {
  if (intent_.method == "resources/read") return intent_.subject;
  std::string text = intent_.method == "tools/call" ? "" : intent_.subject + ' ';
  dm::each_compact_run(intent_.arguments(), [&](std::string_view run) { text += run; });
  return text;
}

net::Task<> GovernedCall::run(std::shared_ptr<GovernedCall> call) {
  Session* const session = call->intent_.session.get();
  if (session != nullptr) {
    const std::weak_ptr<GovernedCall> weak = call;
    session->begin_call(call->intent_.id, [weak] {
      if (const auto held = weak.lock()) held->cancel();
    });
  }
  co_await flow::exchange(call->worker_, *call);
  if (session != nullptr) session->end_call(call->intent_.id);
  call->put_answer(Outbox::Kind::final, std::move(call->answer_), call->answer_id_);
}

// Its client may be between two rounds, and come back under another id.
void GovernedCall::put_answer(Outbox::Kind kind, std::string text, std::string_view for_id) {
  const std::lock_guard lock(mutex_);
  dm::readdress(text, for_id, id_);
  ended_ = ended_ || kind == Outbox::Kind::final;
  outbox()->put({kind, std::move(text)});
}

// False: it is answered, or its client takes nothing but the answer.
bool GovernedCall::put_beside_answer(const Outbox::Item& item) {
  const std::lock_guard lock(mutex_);
  if (ended_ || !intent_.streams) return false;
  outbox()->put(item);
  return true;
}

std::string GovernedCall::id() const {
  const std::lock_guard lock(mutex_);
  return id_;
}

void GovernedCall::continue_as(std::string id) {
  const std::lock_guard lock(mutex_);
  const std::string before = std::exchange(id_, std::move(id));
  outbox()->change_answers([&](std::string& text) { dm::readdress(text, before, id_); });
}

void GovernedCall::cancel() {
  std::shared_ptr<CallCancel> cancel;
  {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    cancel = cancel_;
  }
  if (cancel) cancel->cancel();
  // It may wait for its client.
  worker_.gateway.mcp_clients.rounds.cancel(*this);
  if (intent_.session) intent_.session->drop_asks(this);
}

bool GovernedCall::abandoned() const {
  const std::lock_guard lock(mutex_);
  return cancelled_;
}

void GovernedCall::begun(std::shared_ptr<CallCancel> cancel) {
  const std::lock_guard lock(mutex_);
  cancel_ = std::move(cancel);
  if (cancelled_) cancel_->cancel();
}

// The id and `_meta` differ from call to call; this is what the agent wants.
net::Task<bool> GovernedCall::add_content(SipHash& fingerprint) {
  fingerprint.part(intent_.subject);
  dm::each_compact_run(intent_.arguments(), [&](std::string_view run) { fingerprint.update(run); });
  co_return true;
}

net::Task<flow::Outcome> GovernedCall::forward(const Passing& passing) {
  passing_ = passing;
  receipt_ = passing.receipt;
  passing_.receipt = receipt_;
  flow::Outcome outcome;
  outcome.http_status = 200;
  if (cached_) {
    upstream_.result = cached_->body;
    co_return outcome;
  }
  const std::weak_ptr<GovernedCall> weak = weak_from_this();
  CallRequest request;
  request.server = std::string(call_.upstream);
  request.method = intent_.method;
  request.name = intent_.name;
  request.params = intent_.params;
  request.client = intent_.client;
  request.listener = shared_from_this();
  request.on_begin = [weak](std::shared_ptr<CallCancel> cancel) {
    if (const auto held = weak.lock()) held->begun(std::move(cancel));
  };
  if (intent_.session) {
    request.on_elicited = [weak, session = intent_.session,
                           server = request.server](const std::string& id) {
      const auto name = session->end_elicitation(server, id);
      if (!name) return;
      std::string params;
      JsonOut(params).object().key("elicitationId").string(*name).end();
      Outbox::Item item;
      dm::append_notification(item.text, "notifications/elicitation/complete", params);
      const auto held = weak.lock();
      const bool is_told = held && held->put_beside_answer(item);
      if (!is_told) session->standalone()->put(std::move(item));
    };
  }
  auto answered = co_await snapshot_.hub->call(std::move(request));
  if (!answered) {
    outcome.http_status = answered.error().http_status;
    outcome.fault = std::move(answered.error());
    co_return outcome;
  }
  upstream_ = std::move(*answered);
  const Usage usage = measure(passing);
  if (usage.result_bytes > 0 || usage.asks > 0) outcome.usage = usage;
  co_return outcome;
}

void GovernedCall::write_fields(wire::HeadWriter& head) const {
  if (keep_as_) head.field("x-satgate-cache", cached_ ? "hit" : "miss");
  write_call_fields(head, call_, passing_, settled_, settings().currency);
  if (upstream_.error.empty()) write_receipt(head, http_status_, passing_);
  if (!offer_) return;
  head.field("cache-control", "no-store");
  for (const std::string& line : offer_->challenges)
    head.field("www-authenticate", line);
}

void GovernedCall::set_error(dm::RpcError error) {
  http_status_ = status_of(error.code, intent_.era);
  answer_id_ = id();
  dm::append_error(answer_, answer_id_, error);
}

void GovernedCall::set_upstream_error() {
  const int64_t code = dm::read_error_code(upstream_.error, worker_.json);
  worker_.json.forget();
  const bool renamed = intent_.era == dm::Era::modern && code == kResourceNotFoundBefore &&
                       intent_.method == "resources/read";
  if (renamed) {
    std::string data;
    JsonOut(data).object().key("uri").string(intent_.subject).end();
    return set_error({dm::kInvalidParams, "Resource not found", std::move(data), 200});
  }
  http_status_ = status_of(code, intent_.era);
  answer_id_ = id();
  if (code != dm::kUrlElicitationRequired || !intent_.session) {
    return dm::append_error(answer_, answer_id_, upstream_.error);
  }
  const dm::ElicitationMap name = [this](std::string_view elicitation) {
    return intent_.session->begin_elicitation(call_.upstream, elicitation);
  };
  const std::string error = dm::map_required_elicitations(upstream_.error, name, worker_.json);
  worker_.json.forget();
  dm::append_error(answer_, answer_id_, error);
}

net::Task<> GovernedCall::complete(const Settled& settled) {
  settled_ = settled;
  if (!upstream_.error.empty()) {
    set_upstream_error();
    co_return;
  }
  std::optional<dm::Charge> charge;
  if (settled.cost) charge = charge_of(*settled.cost);
  std::string result;
  const auto written = dm::append_charged_result(result, upstream_.result, charge, intent_.era,
                                                 is_cacheable(intent_.method), worker_.json);
  worker_.json.forget();
  if (!written) {
    set_error({dm::kInternalError, written.error().message, {}, 200});
    co_return;
  }
  answer_id_ = id();
  dm::append_result(answer_, answer_id_, result);
  keep_answer(settled);
}

net::Task<> GovernedCall::refuse(const Denial& denial) {
  refused_ = denial.refusal;
  passing_.decision = Decision::deny;
  passing_.price = denial.required;
  passing_.remaining = denial.remaining;
  if (denial.offer) {
    set_payment_required(denial);
    co_return;
  }
  auto style = settings().mcp_denial;
  // Only the result of a tool has a place for it.
  const bool has_result = intent_.method == "tools/call";
  if (style == dm::DenialStyle::result && !has_result) style = dm::DenialStyle::jsonrpc;
  answer_id_ = id();
  dm::append_denial(answer_, answer_id_, denial, call_.id, style, intent_.era);
  if (style == dm::DenialStyle::http) {
    http_status_ = denial_status(denial, Protocol::mcp, settings());
  }
  co_return;
}

// One that speaks MCP reads the error; what it makes of a status but 200 is a broken transport.
// Others look at the status.
void GovernedCall::set_payment_required(const Denial& denial) {
  offer_ = denial.offer;
  const std::vector<std::string_view> lines(offer_->challenges.begin(), offer_->challenges.end());
  const auto l402 = payment::read_challenge(lines);
  std::string challenge;
  if (lines.size() > 1) challenge = payment::payment_challenge_json(lines[1]).value_or("");
  dm::PaymentTerms terms{challenge, {}, {}};
  if (l402) {
    terms.macaroon = l402->macaroon;
    terms.invoice = l402->invoice;
  }
  answer_id_ = id();
  dm::append_payment_required(answer_, answer_id_, denial, call_.id, terms);
  const bool reads_status =
      settings().mcp_denial == dm::DenialStyle::http || !intent_.streams || intent_.signals_payment;
  if (reads_status) http_status_ = denial_status(denial, Protocol::mcp, settings());
}

net::Task<> GovernedCall::fail(const Fault& fault) {
  std::string missing;
  {
    const std::lock_guard lock(mutex_);
    missing = missing_;
  }
  if (!missing.empty()) {
    set_error(missing_capability(missing));
    co_return;
  }
  set_error({dm::kInternalError, fmt::format("{}: {}", call_.upstream, fault.message), {}, 200});
}

void GovernedCall::notified(std::string_view method, std::string params) {
  if (!intent_.streams) return;
  Outbox::Item item;
  dm::append_notification(item.text, method, params);
  outbox()->put(std::move(item));
}

// The first capability that the client has not, and would need.
std::string GovernedCall::undeclared(const std::vector<Ask>& asks) {
  dm::RawJson json;
  for (const Ask& ask : asks) {
    const std::string& abilities = intent_.client.capabilities;
    if (dm::can_be_asked(abilities, ask.method, ask.params, json)) continue;
    return std::string(dm::asked_capability(ask.method));
  }
  return {};
}

net::Task<std::expected<AskReply, Fault>> GovernedCall::ask(std::vector<Ask> asks) {
  const auto self = shared_from_this();
  const uint64_t asked = asks_ += asks.size();
  worker_.gateway.metrics.mcp_asks += asks.size();
  if (const size_t most = settings().mcp_asks_max(call_.upstream); asked > most) {
    AskReply reply;
    reply.error = dm::error_object(
        {dm::kPolicyDenied, fmt::format("A call may ask its client {} times, no more", most)});
    co_return reply;
  }
  const std::string missing = undeclared(asks);
  const bool is_modern = intent_.era == dm::Era::modern;
  if (missing.empty() && is_modern) co_return co_await ask_in_next_round(asks);
  const bool can_be_asked = intent_.streams && intent_.session != nullptr;
  if (missing.empty() && can_be_asked) {
    co_return co_await session_asks_->ask(std::move(asks), outbox(), worker_.gateway.clock);
  }
  if (!is_modern) {
    AskReply reply;
    reply.error = dm::error_object({dm::kMethodNotFound, "The client can not be asked for this"});
    co_return reply;
  }
  Fault fault;
  fault.source = Fault::Source::client;
  fault.sent_upstream = true;
  fault.http_status = 400;
  fault.message = "the client can not be asked for what the server needs";
  const std::lock_guard lock(mutex_);
  missing_ = missing;
  co_return std::unexpected(std::move(fault));
}

// What comes back to a round is answered to nobody then: the hub sees to that.
void GovernedCall::withdrawn(uint64_t number, std::string_view reason) {
  if (session_asks_) session_asks_->withdrawn(number, reason, *outbox());
}

net::Task<Rounds::Replied> GovernedCall::ask_in_next_round(const std::vector<Ask>& asks) {
  std::vector<dm::AskView> views;
  for (const Ask& ask : asks)
    views.push_back({ask.key, ask.method, ask.params});
  auto wait = [&](net::Completion<Rounds::Replied> done) {
    const Time until = later(worker_.gateway.clock.now(), limits::mcp_ask_seconds_max);
    const auto handle = worker_.gateway.mcp_clients.rounds.add(
        {shared_from_this(), intent_.principal, intent_.about(), intent_.params.size(), done,
         until});
    if (!handle) {
      Fault fault;
      fault.sent_upstream = true;
      fault.http_status = 503;
      fault.message = "too many calls wait for their clients";
      return done(std::unexpected(std::move(fault)));
    }
    const std::string now_id = id();
    std::string text;
    dm::append_input_required(text, now_id, views, *handle);
    put_answer(Outbox::Kind::round, std::move(text), now_id);
  };
  co_return co_await net::await_callback<Rounds::Replied>(std::move(wait));
}

}  // namespace satgate::flow::mcp
