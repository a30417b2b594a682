// What a server says by itself, and whom it is about.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/asking.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;

constexpr net::Milliseconds kGatherFor{20};

std::string error_reply(std::string_view id, std::string_view error) {
  std::string text;
  mcp::append_error(text, id, error);
  return text;
}

std::string_view value_of(const std::vector<mcp::RawMember>& members, std::string_view key) {
  for (const mcp::RawMember& m : members) {
    if (m.key == key) return m.value;
  }
  return {};
}

// With a number behind it where another question of the round has it already.
std::string key_among(const std::deque<Flight::LegacyAsk>& round, std::string key) {
  const std::string base = key;
  const auto is_taken = [&key](const Flight::LegacyAsk& one) { return one.ask.key == key; };
  for (size_t number = 2; std::ranges::any_of(round, is_taken); ++number)
    key = fmt::format("{}-{}", base, number);
  return key;
}

}  // namespace

void Upstream::incoming(const mcp::Message& message, std::shared_ptr<Flight> flight) {
  if (message.kind == mcp::Message::Kind::request) {
    take_request(message, std::move(flight));
  } else if (message.kind == mcp::Message::Kind::notification) {
    take_notification(message, std::move(flight));
  }
}

// The call that a message without a stream of its own is about. On a shared connection that can be
// told only while there is one, and none was given up before: its server may still go on with that,
// and ask for it. Where all calls are of one client, it is that client's anyway: the
// newest that does not wait for an answer already; or one that waits for the handshake, since
// servers ask for roots when that is done. Completions are asked for while somebody types, beside
// whatever else goes on, and no server asks back for them.
std::shared_ptr<Flight> Upstream::likely_flight() const {
  const bool of_one_client = connection_.is_of_one_client;
  if (!of_one_client && gave_up_) return nullptr;
  std::shared_ptr<Flight> likely;
  for (const auto& [id, flight] : flights_) {
    if (!flight->can_own_asks) continue;
    if (likely && !of_one_client) return nullptr;
    if (!likely || !flight->asking || likely->asking) likely = flight;
  }
  if (likely || !of_one_client || visitors_.empty()) return likely;
  return visitors_.front();
}

// The roots of a client are no matter of a call: a server asks for them when it is told that they
// are others.
std::shared_ptr<Flight> Upstream::flight_between_calls(std::string_view method) {
  if (method != "roots/list" || !connection_.between_calls) return nullptr;
  if (between_calls_ && between_calls_->asking) return between_calls_;
  between_calls_ = std::make_shared<Flight>(loop_);
  between_calls_->listener = connection_.between_calls;
  return between_calls_;
}

void Upstream::take_request(const mcp::Message& message, std::shared_ptr<Flight> flight) {
  if (message.method == "ping") {
    std::string pong;
    mcp::append_result(pong, message.id, "{}");
    return reply(std::move(pong), joins_);
  }
  if (era_ == mcp::Era::modern || mcp::asked_capability(message.method).empty()) {
    return reply(
        error_reply(message.id, mcp::error_object({mcp::kMethodNotFound, "Method not found"})),
        joins_);
  }
  if (const auto events = events_.lock()) events->asked();
  if (!flight) flight = likely_flight();
  if (!flight) flight = flight_between_calls(message.method);
  if (flight && flight->open_asks.contains(std::string(message.id))) return;  // said twice
  const std::string refusal = why_not_asked(flight.get());
  if (!refusal.empty()) return reply(error_reply(message.id, refusal), joins_);
  Ask ask{mcp::input_key(message.method, message.params, json_), std::string(message.method),
          std::string(message.params), 0};
  if (message.method == "elicitation/create") {
    const mcp::ElicitationMap note = [&](std::string_view id) {
      note_elicitation(id, *flight);
      return std::string(id);
    };
    mcp::map_elicitation(message.params, note, json_);
  }
  enqueue({std::string(message.id), std::move(ask), joins_}, std::move(flight));
}

void Upstream::enqueue(Flight::LegacyAsk one, std::shared_ptr<Flight> flight) {
  flight->asks += 1;
  flight->open_asks.emplace(one.id);
  one.ask.number = flight->asks;
  one.ask.key = key_among(flight->waiting_asks, std::move(one.ask.key));
  flight->waiting_asks.push_back(std::move(one));
  if (!std::exchange(flight->asking, true)) {
    net::spawn(loop_, drain_asks(shared_from_this(), std::move(flight)));
  }
}

// A call that was under way when a server asked for roots may be over before its client was asked,
// who can still be.
void Upstream::ask_roots_elsewhere(Flight& over) {
  std::erase_if(over.round, [&](Flight::LegacyAsk& one) {
    if (one.joins != joins_) return false;
    auto flight = flight_between_calls(one.ask.method);
    if (flight.get() == &over || !why_not_asked(flight.get()).empty()) return false;
    over.open_asks.erase(one.id);
    enqueue(std::move(one), std::move(flight));
    return true;
  });
}

// What the client can be asked is for its listener to say, which knows how to tell it.
std::string Upstream::why_not_asked(const Flight* flight) {
  if (!flight) {
    return mcp::error_object(
        {mcp::kInternalError, "It cannot be told on whose behalf this is asked"});
  }
  const bool is_over = flight->closed() || flight->ended() != Flight::End::none;
  if (!flight->listener || is_over) {
    return mcp::error_object({mcp::kInternalError, "Nobody can be asked"});
  }
  if (flight->asks >= limits::mcp_asks_max) {
    return mcp::error_object({mcp::kInternalError, "One call may not ask that often"});
  }
  return {};
}

// One round after the other. What a server asks side by side belongs into one; what comes while a
// round is with the client is the next.
net::Task<> Upstream::drain_asks(std::shared_ptr<Upstream> self, std::shared_ptr<Flight> flight) {
  while (!flight->waiting_asks.empty()) {
    co_await net::sleep(self->loop_, kGatherFor);
    flight->round = std::exchange(flight->waiting_asks, {});
    if (flight->round.empty()) break;  // all of it was taken back
    std::vector<Ask> asks;
    for (const Flight::LegacyAsk& one : flight->round)
      asks.push_back(one.ask);
    std::optional<std::expected<AskReply, Fault>> replied;
    const bool is_over = flight->closed() || flight->ended() != Flight::End::none;
    if (!is_over) replied = co_await AskRound::run(self->loop_, flight, std::move(asks));
    std::erase_if(flight->round, [](const Flight::LegacyAsk& one) { return one.withdrawn; });
    if (!replied) self->ask_roots_elsewhere(*flight);
    self->answer_asks(flight->round, replied);
    for (const Flight::LegacyAsk& one : flight->round)
      flight->open_asks.erase(one.id);
    flight->round.clear();
    if (replied && !*replied) flight->end(Flight::End::refused, replied->error());
  }
  flight->asking = false;
}

void Upstream::answer_asks(const std::deque<Flight::LegacyAsk>& asks,
                           const std::optional<std::expected<AskReply, Fault>>& replied) {
  std::string error;
  std::vector<mcp::RawMember> responses;
  if (!replied || !*replied) {
    error = mcp::error_object({mcp::kInternalError, "The client has gone"});
  } else if (!(*replied)->error.empty()) {
    error = (*replied)->error;
  } else if (auto read = json_.members((*replied)->responses, limits::mcp_asks_max)) {
    responses = std::move(*read);
  }
  for (const Flight::LegacyAsk& one : asks) {
    const std::string_view result = value_of(responses, one.ask.key);
    std::string text;
    if (!error.empty() || result.empty()) {
      const std::string nothing =
          mcp::error_object({mcp::kInternalError, "The client did not answer"});
      mcp::append_error(text, one.id, std::string_view(error.empty() ? nothing : error));
    } else {
      mcp::append_result(text, one.id, result);
    }
    answer(std::move(text), one.joins);
  }
  json_.forget();
}

// What the gateway says to questions by itself. A server that asks faster than it reads gets no
// more of it.
void Upstream::reply(std::string text, uint64_t joins) {
  if (replies_ < limits::mcp_replies_max) answer(std::move(text), joins);
}

// To the connection on which the question came. What a client has answered always goes: there are
// only so many asks of a call.
void Upstream::answer(std::string text, uint64_t joins) {
  if (joins != joins_) return;
  net::spawn(loop_, send_reply(shared_from_this(), std::move(text)));
}

net::Task<> Upstream::send_reply(std::shared_ptr<Upstream> self, std::string text) {
  self->replies_ += 1;
  co_await self->notify(std::move(text));
  self->replies_ -= 1;
}

void Upstream::take_notification(const mcp::Message& message, std::shared_ptr<Flight> flight) {
  const auto events = events_.lock();
  const std::string_view method = message.method;
  if (method == "notifications/progress") {
    deliver_progress(message);
  } else if (method == "notifications/message") {
    if (!flight) flight = likely_flight();
    deliver_log(message, flight.get());
  } else if (method == "notifications/cancelled") {
    withdraw(message.params);
  } else if (method == "notifications/elicitation/complete") {
    end_elicitation(message.params);
  } else if (!events) {
    return;
  } else if (method == "notifications/tools/list_changed") {
    events->list_announced(ListKind::tools);
  } else if (method == "notifications/prompts/list_changed") {
    events->list_announced(ListKind::prompts);
  } else if (method == "notifications/resources/list_changed") {
    events->list_announced(ListKind::resources);
  } else if (method == "notifications/resources/updated") {
    const auto uri = mcp::read_string_member(message.params, "uri", json_);
    if (uri && *uri) events->resource_updated(std::string(**uri));
  }
}

// A server of the legacy era takes back a question of its own.
void Upstream::withdraw(std::string_view params) {
  const auto members = json_.members(params.empty() ? "{}" : params);
  if (!members) return;
  const std::string id(value_of(*members, "requestId"));
  std::string_view reason = value_of(*members, "reason");
  if (!reason.starts_with('"')) reason = {};
  const auto flights = visitors_;
  for (const auto& flight : flights) {
    if (flight->withdraw(id, reason)) return;
  }
  if (between_calls_) between_calls_->withdraw(id, reason);
}

void Upstream::note_elicitation(std::string_view id, const Flight& flight) {
  if (!flight.on_elicited) return;
  std::erase_if(elicited_, [id](const Elicited& one) { return one.id == id; });
  elicited_.push_back({std::string(id), flight.on_elicited});
  if (elicited_.size() > limits::mcp_elicitations_max) elicited_.pop_front();
}

void Upstream::note_required_elicitations(std::string_view error, const Flight& flight) {
  if (mcp::read_error_code(error, json_) == mcp::kUrlElicitationRequired) {
    const mcp::ElicitationMap note = [&](std::string_view id) {
      note_elicitation(id, flight);
      return std::string(id);
    };
    mcp::map_required_elicitations(error, note, json_);
  }
  json_.forget();
}

// Told to who was asked, and to nobody else.
void Upstream::end_elicitation(std::string_view params) {
  const auto id = mcp::read_string_member(params, "elicitationId", json_);
  if (!id || !*id) return;
  const auto found = std::ranges::find(elicited_, **id, &Elicited::id);
  if (found == elicited_.end()) return;
  const Elicited ended = std::move(*found);
  elicited_.erase(found);
  ended.done(ended.id);
}

// A connection that is not ready will ask when it is.
void Upstream::roots_changed() {
  const bool knows_roots = mcp::can_be_asked(connection_.capabilities, "roots/list", {}, json_);
  json_.forget();
  if (!ready_ || era_ != mcp::Era::legacy || !knows_roots) return;
  std::string text;
  mcp::append_notification(text, "notifications/roots/list_changed", {});
  reply(std::move(text), joins_);
}

void Upstream::deliver_progress(const mcp::Message& message) {
  const auto token = mcp::read_progress_token(message.params, json_);
  const auto id = token ? parse_uint(*token) : std::nullopt;
  const auto found = id ? flights_.find(*id) : flights_.end();
  if (found == flights_.end()) return;
  const Flight& flight = *found->second;
  if (flight.client_token.empty() || flight.closed()) return;
  std::string params;
  if (mcp::append_progress_params(params, message.params, flight.client_token, json_)) {
    flight.listener->notified(message.method, std::move(params));
  }
}

void Upstream::deliver_log(const mcp::Message& message, const Flight* flight) {
  if (!flight || !flight->listener || flight->closed()) return;
  const auto wanted = mcp::log_rank(flight->client.log_level);
  const auto level = mcp::read_string_member(message.params, "level", json_);
  if (!wanted || !level || !*level) return;
  const auto rank = mcp::log_rank(**level);
  if (rank && *rank >= *wanted) {
    flight->listener->notified(message.method, std::string(message.params));
  }
}

}  // namespace satgate::flow::mcp
