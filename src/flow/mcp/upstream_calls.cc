// Calls: from the client's params to the server's, once or over the rounds of a modern server.
#include <fmt/format.h>

#include <utility>

#include "base/limits.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr milliseconds kLogLevelWait{2'000};

CallFailure unreadable(std::string message) {
  CallFailure failure = unsent(400, std::move(message));
  failure.fault.source = Fault::Source::client;
  failure.fault.retry = Fault::Retry::no;
  return failure;
}

// Counts the calls in flight, and knows them by id.
class InFlight {
 public:
  InFlight(std::map<uint64_t, std::shared_ptr<Flight>>& all, std::shared_ptr<Flight> flight)
      : all_(all), id_(flight->id) {
    all_[id_] = std::move(flight);
  }
  ~InFlight() { all_.erase(id_); }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  std::map<uint64_t, std::shared_ptr<Flight>>& all_;
  uint64_t id_;
};

}  // namespace

Result<Outgoing> Upstream::prepare(const Request& request, Flight& flight) {
  Outgoing outgoing;
  outgoing.id = ++next_id_;
  flight.id = outgoing.id;
  const std::string id = std::to_string(outgoing.id);
  mcp::ParamsRewrite rewrite;
  (request.method == "completion/complete" ? rewrite.ref_name : rewrite.name) = request.name;
  rewrite.input_responses = request.input_responses;
  rewrite.request_state = request.request_state;
  flight.client_token.clear();
  if (flight.listener) {
    const auto meta = mcp::read_meta(request.params, json_);
    if (!meta) return fail(meta.error().message);
    flight.client_token = meta->progress_token;
    if (!flight.client_token.empty()) rewrite.progress_token = id;
  }
  std::string modern_meta;
  if (era_ == mcp::Era::modern) {
    mcp::append_modern_meta(modern_meta, flight.client.capabilities, options_.version,
                            flight.client.log_level);
    rewrite.modern_meta = modern_meta;
    TRY(add_modern_fields(outgoing, request));
  }
  std::string params;
  const auto rewritten = mcp::append_params(params, request.params, rewrite, json_);
  json_.forget();
  TRY(rewritten);
  mcp::append_request(outgoing.text, id, request.method, params);
  return outgoing;
}

// What the head of a modern request repeats of its body.
Result<void> Upstream::add_modern_fields(Outgoing& outgoing, const Request& request) {
  outgoing.is_modern = true;
  outgoing.fields.emplace_back("mcp-method", request.method);
  const auto named = mcp::read_named(request.method, request.params, json_);
  if (!named) return fail(named.error().message);
  const std::string name(request.name.empty() ? *named : std::string_view(request.name));
  if (!named->empty()) outgoing.fields.emplace_back("mcp-name", mcp::encode_header_value(name));
  const auto params = header_params_.find(name);
  if (request.method != "tools/call" || params == header_params_.end()) return {};
  TRY_ASSIGN(auto fields, mcp::header_fields(params->second, request.params, json_));
  for (auto& field : fields)
    outgoing.fields.push_back(std::move(field));
  return {};
}

net::Task<Answer> Upstream::call_once(const Request& request, std::shared_ptr<Flight> flight) {
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, false));
  if (!ready_) {
    // To who has a credential of their own: why it does not do.
    const std::string why =
        connection_.credential.first.empty() ? "" : ": " + connection_.board->read().last_error;
    co_return std::unexpected(unsent(503, config_.name + " is not ready" + why));
  }
  if (flights_.size() >= options_.calls_in_flight_max) {
    co_return std::unexpected(unsent(503, config_.name + " has too many calls in flight"));
  }
  if (era_ == mcp::Era::legacy) co_await lower_log_level(flight);
  auto outgoing = prepare(request, *flight);
  if (!outgoing) co_return std::unexpected(unreadable(outgoing.error().message));
  const uint64_t id = outgoing->id;
  const uint64_t joins = joins_;
  flight->can_own_asks = request.method != "completion/complete";
  const InFlight in_flight(flights_, flight);
  flight->arm(config_.timeout);
  auto answer = co_await exchange(std::move(*outgoing), flight);
  flight->disarm();
  const bool was_sent = !answer && answer.error().fault.sent_upstream;
  if (flight->ended() != Flight::End::none && was_sent && joins == joins_) {
    gave_up_ = true;
    tell_cancelled(id, *flight);
  }
  co_return answer;
}

// Over HTTP a modern server is told by the end of the connection.
void Upstream::tell_cancelled(uint64_t id, const Flight& flight) {
  if (is_http() && era_ == mcp::Era::modern) return;
  const std::string_view reason =
      flight.ended() == Flight::End::overdue ? "timeout" : "the client has cancelled the call";
  std::string text;
  mcp::append_notification(text, "notifications/cancelled",
                           fmt::format(R"({{"requestId":{},"reason":"{}"}})", id, reason));
  answer(std::move(text), joins_);
}

// A legacy connection has one level, so it gets the lowest that any of its clients has asked for.
// The server has answered it, or has had its time for that, before a call that needs it is sent:
// over HTTP the call could overtake it. One at a time, so that the lowest is the last one.
net::Task<> Upstream::lower_log_level(std::shared_ptr<Flight> flight) {
  const std::string level = flight->client.log_level;
  const auto rank = mcp::log_rank(level);
  if (!rank || !hello_.offers.logging) co_return;
  const uint64_t joins = joins_;
  while (*rank < log_rank_ && sets_level_ && joins == joins_) {
    const auto event = std::make_shared<net::Event>(loop_);
    const Flight::Waiting waiting(*flight, *event);
    level_waiters_.push_back(event);
    const bool is_set = co_await event->wait(kLogLevelWait);
    if (!is_set) co_return;
  }
  if (*rank >= log_rank_ || joins != joins_ || !ready_) co_return;
  sets_level_ = true;
  std::string method = "logging/setLevel";
  std::string params = fmt::format(R"({{"level":"{}"}})", level);
  co_await ask(std::move(method), std::move(params), kLogLevelWait, false);
  if (joins != joins_) co_return;  // of a connection that is gone
  log_rank_ = *rank;
  sets_level_ = false;
  wake(level_waiters_);
}

// A call that a server has not run, because it no longer knew the session, is repeated once.
net::Task<Answer> Upstream::call_surely(const Request& request, std::shared_ptr<Flight> flight) {
  const uint64_t generation = generation_;
  auto answer = co_await call_once(request, flight);
  if (!answer && answer.error().session_lost) {
    if (ready_ && generation == generation_) {
      at_once_ = renewing_ = true;
      set_broken("the session was lost");
    }
    const bool back = co_await await_ready(generation, options_.handshake_wait);
    if (back) answer = co_await call_once(request, flight);
  }
  if (answer) delay_ = options_.backoff_min;
  co_return answer;
}

net::Task<std::expected<Outcome, Fault>> Upstream::call(Request request,
                                                        std::shared_ptr<Flight> flight) {
  const auto self = shared_from_this();
  visitors_.push_back(flight);
  const bool worth_waiting = renewing_ || (!connection_.has_lists && !settled_);
  if (!ready_ && worth_waiting) co_await await_ready(generation_, options_.handshake_wait);
  std::optional<Called> called;
  bool was_sent = false;
  for (size_t round = 0; !called; ++round) {
    if (round == limits::mcp_rounds_max) {
      called = Outcome{
          {},
          mcp::error_object({mcp::kInternalError, config_.name + " asks for input without end"})};
      break;
    }
    auto answer = co_await call_surely(request, flight);
    if (!answer) {
      called = std::unexpected(std::move(answer.error().fault));
      called->error().sent_upstream = called->error().sent_upstream || was_sent;
      break;
    }
    was_sent = true;
    called = co_await next_round(*answer, request, flight);
  }
  std::erase(visitors_, flight);
  co_return std::move(*called);
}

// Nothing: `request` has become that of another round.
net::Task<std::optional<Upstream::Called>> Upstream::next_round(Outcome& outcome, Request& request,
                                                                std::shared_ptr<Flight> flight) {
  if (!outcome.error.empty()) note_required_elicitations(outcome.error, *flight);
  if (era_ != mcp::Era::modern || outcome.result.empty()) co_return std::move(outcome);
  const auto required = mcp::read_input_required(outcome.result, json_);
  if (required && !*required) {
    json_.forget();
    co_return std::move(outcome);
  }
  if (!required) {
    co_return Outcome{
        {},
        mcp::error_object({mcp::kInternalError, config_.name + ": " + required.error().message})};
  }
  std::vector<Ask> asks;
  std::string refusal;
  for (const auto& asked : (*required)->requests) {
    if (refusal.empty()) refusal = why_not_asked(flight.get());
    asks.push_back({std::string(asked.key), std::string(asked.method), std::string(asked.params)});
  }
  request.request_state = (*required)->request_state;
  request.input_responses.clear();
  json_.forget();
  if (!refusal.empty()) co_return Outcome{{}, std::move(refusal)};
  if (asks.empty()) co_return std::nullopt;
  auto replied = co_await AskRound::run(loop_, flight, std::move(asks));
  if (!replied) co_return std::unexpected(interrupted(*flight, true).fault);
  if (!*replied) {
    Fault fault = std::move(replied->error());
    fault.sent_upstream = true;
    co_return std::unexpected(std::move(fault));
  }
  AskReply& answer = **replied;
  if (!answer.error.empty()) co_return Outcome{{}, std::move(answer.error)};
  request.input_responses = answer.responses.empty() ? "{}" : std::move(answer.responses);
  co_return std::nullopt;
}

}  // namespace satgate::flow::mcp
