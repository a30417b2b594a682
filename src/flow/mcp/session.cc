#include "flow/mcp/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ids.h"
#include "base/json_out.h"
#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/message.h"

namespace satgate::flow::mcp {
namespace {

Fault no_answer(int status, std::string message) {
  Fault fault;
  fault.source = Fault::Source::client;
  fault.sent_upstream = true;  // the server has begun, or it could not have asked
  fault.http_status = status;
  fault.message = std::move(message);
  return fault;
}

}  // namespace

Session::Session(std::string id, std::string principal, std::string version,
                 std::string capabilities)
    : id_(std::move(id)),
      principal_(std::move(principal)),
      version_(std::move(version)),
      capabilities_(std::move(capabilities)) {}

std::string Session::version() const {
  const std::lock_guard lock(mutex_);
  return version_;
}

std::string Session::capabilities() const {
  const std::lock_guard lock(mutex_);
  return capabilities_;
}

void Session::set_client(std::string_view version, std::string capabilities) {
  const std::lock_guard lock(mutex_);
  version_ = version;
  capabilities_ = std::move(capabilities);
}

std::string Session::log_level() const {
  const std::lock_guard lock(mutex_);
  return log_level_;
}

void Session::set_log_level(std::string_view level) {
  const std::lock_guard lock(mutex_);
  log_level_ = level;
}

net::Task<Session::Answered> Session::ask(std::string method, std::string params, Outbox& on,
                                          Asker asker, Time now) {
  auto begin = [&](net::Completion<Answered> done) {
    std::string id;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return done(std::unexpected(no_answer(404, "The session has ended.")));
      id = std::to_string(++next_ask_);
      pending_.emplace(id, Pending{done, later(now, limits::mcp_ask_seconds_max), asker});
    }
    Outbox::Item item{Outbox::Kind::ask, {}};
    dialect::mcp::append_request(item.text, id, method, params);
    on.put(std::move(item));
  };
  co_return co_await net::await_callback<Answered>(std::move(begin));
}

void Session::answer(std::string_view id, Outcome outcome) {
  std::optional<net::Completion<Answered>> done;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(id);
    if (found == pending_.end()) return;
    done = found->second.done;
    pending_.erase(found);
  }
  (*done)(std::move(outcome));
}

void Session::withdraw_ask(Asker asker, std::string_view reason, Outbox& on) {
  std::optional<net::Completion<Answered>> done;
  std::string id;
  {
    const std::lock_guard lock(mutex_);
    const auto found = std::ranges::find_if(
        pending_, [&](const auto& each) { return each.second.asker == asker; });
    if (found == pending_.end()) return;
    id = found->first;
    done = found->second.done;
    pending_.erase(found);
  }
  std::string params;
  JsonOut json(params);
  json.object().key("requestId").raw(id);
  if (!reason.empty()) json.key("reason").raw(reason);
  json.end();
  Outbox::Item item{Outbox::Kind::ask, {}};
  dialect::mcp::append_notification(item.text, "notifications/cancelled", params);
  on.put(std::move(item));
  (*done)(Outcome{});
}

std::string Session::begin_elicitation(std::string_view server, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const Elicitation& one) { return one.server == server && one.id == id; };
  if (const auto known = std::ranges::find_if(elicitations_, is_it); known != elicitations_.end()) {
    return known->name;
  }
  std::string name(id);
  const auto is_taken = [&](const Elicitation& one) { return one.name == name; };
  for (size_t number = 2; std::ranges::any_of(elicitations_, is_taken); ++number)
    name = fmt::format("{}~{}", id, number);
  elicitations_.push_back({std::string(server), std::string(id), name});
  if (elicitations_.size() > limits::mcp_elicitations_max) elicitations_.pop_front();
  return name;
}

std::optional<std::string> Session::end_elicitation(std::string_view server, std::string_view id) {
  const std::lock_guard lock(mutex_);
  const auto is_it = [&](const Elicitation& one) { return one.server == server && one.id == id; };
  const auto found = std::ranges::find_if(elicitations_, is_it);
  if (found == elicitations_.end()) return std::nullopt;
  std::string name = std::move(found->name);
  elicitations_.erase(found);
  return name;
}

void Session::begin_call(std::string id, std::function<void()> cancel) {
  const std::lock_guard lock(mutex_);
  calls_.insert_or_assign(std::move(id), std::move(cancel));
}

void Session::end_call(const std::string& id) {
  const std::lock_guard lock(mutex_);
  calls_.erase(id);
}

void Session::cancel_call(const std::string& id) {
  std::function<void()> cancel;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(id);
    if (found != calls_.end()) cancel = found->second;
  }
  if (cancel) cancel();
}

bool Session::watch(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  const bool fits =
      uri.size() <= limits::mcp_uri_bytes_max && watched_.size() < limits::mcp_watches_max;
  return fits && watched_.insert(uri).second;
}

bool Session::unwatch(const std::string& uri) {
  const std::lock_guard lock(mutex_);
  return watched_.erase(uri) > 0;
}

bool Session::watches(const std::string& uri) const {
  const std::lock_guard lock(mutex_);
  return watched_.contains(uri);
}

std::vector<std::string> Session::watched() const {
  const std::lock_guard lock(mutex_);
  return {watched_.begin(), watched_.end()};
}

std::shared_ptr<EventLog> Session::open_log(std::shared_ptr<Outbox> source) {
  auto log = std::make_shared<EventLog>();
  log->source = std::move(source);
  const std::lock_guard lock(mutex_);
  log->number = ++next_log_;
  logs_.push_back(log);
  while (logs_.size() > limits::mcp_streams_max) {
    for (const auto& [number, text] : logs_.front()->sent)
      logged_bytes_ -= text.size();
    logged_events_ -= logs_.front()->sent.size();
    logs_.pop_front();
  }
  return log;
}

// What is oldest over all streams goes first; a stream that has ended goes with its last event.
std::string Session::log_event(EventLog& log, const std::string& text, bool is_last) {
  const std::lock_guard lock(mutex_);
  const uint64_t number = log.next++;
  const bool is_kept =
      std::ranges::any_of(logs_, [&](const auto& each) { return each.get() == &log; });
  if (!is_kept) return fmt::format("{}-{}", log.number, number);
  log.sent.emplace_back(number, text);
  log.ended = is_last;
  logged_events_ += 1;
  logged_bytes_ += text.size();
  while (logged_events_ > limits::mcp_replay_events_max ||
         logged_bytes_ > limits::mcp_replay_bytes_max) {
    const auto oldest =
        std::ranges::find_if(logs_, [](const auto& each) { return !each->sent.empty(); });
    logged_events_ -= 1;
    logged_bytes_ -= (*oldest)->sent.front().second.size();
    (*oldest)->sent.pop_front();
  }
  std::erase_if(logs_, [](const auto& each) { return each->ended && each->sent.empty(); });
  return fmt::format("{}-{}", log.number, number);
}

std::optional<Session::Replay> Session::replay(std::string_view last_event_id) {
  const size_t dash = last_event_id.find('-');
  if (dash == last_event_id.npos) return std::nullopt;
  const auto number = parse_uint(last_event_id.substr(0, dash));
  const auto last = parse_uint(last_event_id.substr(dash + 1));
  if (!number || !last) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found =
      std::ranges::find_if(logs_, [&](const auto& each) { return each->number == *number; });
  if (found == logs_.end()) return std::nullopt;
  Replay replay{*found, {}, (*found)->ended};
  for (const auto& [event, text] : (*found)->sent) {
    if (event > *last) replay.events.emplace_back(fmt::format("{}-{}", *number, event), text);
  }
  return replay;
}

void Session::touch(Time now) {
  const std::lock_guard lock(mutex_);
  last_used_ = now;
}

Time Session::last_used() const {
  const std::lock_guard lock(mutex_);
  return last_used_;
}

void Session::end_asks(const std::function<bool(const Pending&)>& is_over, int status,
                       std::string_view why) {
  std::vector<net::Completion<Answered>> ended;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(pending_, [&](const auto& each) {
      if (!is_over(each.second)) return false;
      ended.push_back(each.second.done);
      return true;
    });
  }
  for (const auto& done : ended)
    done(std::unexpected(no_answer(status, std::string(why))));
}

void Session::expire(Time now) {
  end_asks([&](const Pending& each) { return each.deadline <= now; }, 504,
           "The client did not answer the server in time.");
}

void Session::drop_asks(const CallListener* by) {
  end_asks([&](const Pending& each) { return each.asker.by == by; }, 499,
           "The client has given up the call.");
}

void Session::close() {
  std::map<std::string, std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    calls.swap(calls_);
  }
  end_asks([](const Pending&) { return true; }, 404, "The session has ended.");
  for (const auto& [id, cancel] : calls)
    cancel();
}

std::shared_ptr<Session> Sessions::open(std::string principal, std::string version,
                                        std::string capabilities, Time now) {
  std::string id = id_to_hex(random_id_bytes());
  auto session =
      std::make_shared<Session>(id, principal, std::move(version), std::move(capabilities));
  session->touch(now);
  const std::lock_guard lock(mutex_);
  make_room(principal);
  of_principal_[std::move(principal)] += 1;
  sessions_.emplace(std::move(id), session);
  return session;
}

// Under the lock.
void Sessions::make_room(const std::string& principal) {
  const auto own = of_principal_.find(principal);
  const bool too_many_own =
      own != of_principal_.end() && own->second >= limits::mcp_sessions_of_one_max;
  if (!too_many_own && sessions_.size() < limits::mcp_sessions_max) return;
  auto oldest = sessions_.end();
  for (auto each = sessions_.begin(); each != sessions_.end(); ++each) {
    if (too_many_own && each->second->principal() != principal) continue;
    if (oldest == sessions_.end() || each->second->last_used() < oldest->second->last_used()) {
      oldest = each;
    }
  }
  end(oldest);
}

// Under the lock. close() may run other code, so it waits for expire().
void Sessions::end(Map::iterator which) {
  const auto own = of_principal_.find(which->second->principal());
  if (--own->second == 0) of_principal_.erase(own);
  ended_.push_back(std::move(which->second));
  sessions_.erase(which);
}

std::shared_ptr<Session> Sessions::find(std::string_view id, std::string_view principal, Time now) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->principal() != principal) return nullptr;
  found->second->touch(now);
  return found->second;
}

std::shared_ptr<Session> Sessions::close(std::string_view id, std::string_view principal) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second->principal() != principal) return nullptr;
  auto session = found->second;
  end(found);
  return session;
}

std::vector<std::shared_ptr<Session>> Sessions::expire(Time now) {
  std::vector<std::shared_ptr<Session>> left;
  std::vector<std::shared_ptr<Session>> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto each = sessions_.begin(); each != sessions_.end();) {
      const auto current = each++;
      if (later(current->second->last_used(), limits::mcp_session_idle_seconds) <= now) {
        end(current);
      } else {
        left.push_back(current->second);
      }
    }
    ended.swap(ended_);
  }
  for (const auto& session : left)
    session->expire(now);
  for (const auto& session : ended)
    session->close();
  return ended;
}

void Sessions::close_all() {
  Map all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(sessions_);
    of_principal_.clear();
  }
  for (const auto& [id, session] : all)
    session->close();
}

size_t Sessions::size() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

void Sessions::each(const std::function<void(Session&)>& take) const {
  std::vector<std::shared_ptr<Session>> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, session] : sessions_)
      all.push_back(session);
  }
  for (const auto& session : all)
    take(*session);
}

}  // namespace satgate::flow::mcp
