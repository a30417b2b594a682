// The life of a connection: connect, shake hands, serve until something breaks, and again.
#include "flow/mcp/upstream.h"

#include <algorithm>
#include <utility>

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr milliseconds kRefreshEvery{5 * 60 * 1000};  // for servers that announce no changes
constexpr milliseconds kStopWait{10'000};
constexpr size_t kErrorTextMax = 300;
constexpr int kLogsNothing = 100;  // above every rank

CallFailure failure(bool was_sent, int http_status, std::string message) {
  CallFailure out;
  out.fault.source = Fault::Source::upstream;
  out.fault.retry = was_sent ? Fault::Retry::no : Fault::Retry::yes;
  out.fault.sent_upstream = was_sent;
  out.fault.http_status = http_status;
  out.fault.message = std::move(message);
  return out;
}

}  // namespace

CallFailure unsent(int http_status, std::string message) {
  return failure(false, http_status, std::move(message));
}

CallFailure sent(int http_status, std::string message) {
  return failure(true, http_status, std::move(message));
}

Upstream::Upstream(net::Loop& loop, ServerConfig config, HubOptions options, Connection connection,
                   std::weak_ptr<UpstreamEvents> events)
    : loop_(loop),
      config_(std::move(config)),
      options_(std::move(options)),
      connection_(std::move(connection)),
      events_(std::move(events)),
      era_(connection_.era),
      wake_(loop),
      pause_(loop),
      ended_(loop),
      delay_(options_.backoff_min),
      log_rank_(kLogsNothing) {}

void Upstream::start() {
  running_ = true;
  net::spawn(loop_, supervise());
}

net::Task<> Upstream::stop() {
  const auto self = shared_from_this();
  if (std::exchange(stopping_, true)) co_return;
  wake_.notify();
  pause_.cancel();
  stop_listening();
  wake_waiters();
  wake(level_waiters_);
  if (between_calls_) between_calls_->end(Flight::End::cancelled);
  if (!ready_) co_await disconnect();  // ends a handshake in progress
  if (running_) co_await ended_.wait(kStopWait);
}

net::Task<> Upstream::supervise() {
  const auto self = shared_from_this();
  while (!stopping_) {
    broken_ = at_once_ = false;
    const auto joined_it = co_await join();
    if (joined_it && !broken_) {
      set_ready();
      co_await serve();
    } else if (!broken_) {  // else it has said why by itself
      set_down(joined_it.error().message);
    }
    ready_ = false;
    stop_listening();
    co_await disconnect();
    if (stopping_) break;
    if (!at_once_) {
      renewing_ = false;
      co_await pause_.wait(delay_);
      delay_ = std::min(delay_ * 2, options_.backoff_max);
    }
    connection_.board->change([](ServerStatus& status) { status.restarts += 1; });
  }
  running_ = false;
  ended_.notify();
}

net::Task<> Upstream::serve() {
  while (!stopping_ && !broken_) {
    const bool told = co_await wake_.wait(kRefreshEvery);
    if (stopping_ || broken_) break;
    if (!told) stale_ |= bit(ListKind::all);
    const auto read = co_await read_lists(std::exchange(stale_, 0));
    if (!read && !stopping_) set_broken(read.error().message);
  }
}

void Upstream::refresh(ListKind kind) {
  stale_ |= bit(kind);
  wake_.notify();
}

void Upstream::set_ready() {
  connection_.board->change([this](ServerStatus& status) {
    status.state = ServerStatus::State::ready;
    status.last_error.clear();
    status.era = era_ == mcp::Era::modern ? "modern" : "legacy";
    status.server_info = hello_.info;
  });
  generation_ += 1;
  ready_ = true;
  renewing_ = false;
  log_rank_ = kLogsNothing;
  sets_level_ = false;
  gave_up_ = false;
  start_listening();
  wake_waiters();
}

void Upstream::set_down(std::string why) {
  connection_.board->change([&why](ServerStatus& status) {
    status.state = ServerStatus::State::down;
    status.last_error = why.substr(0, kErrorTextMax);
  });
  wake_waiters();
}

void Upstream::wake(Waiters& waiters) {
  for (const auto& waiter : std::exchange(waiters, {}))
    waiter->notify();
}

void Upstream::wake_waiters() {
  wake(waiters_);
  if (!std::exchange(settled_, true)) tell_changed();
}

void Upstream::tell_changed() {
  const auto events = events_.lock();
  if (events && connection_.has_lists) events->changed();
}

void Upstream::set_broken(std::string why) {
  if (broken_) return;
  broken_ = true;
  ready_ = false;
  if (!probing_) set_down(std::move(why));
  wake_.notify();
}

net::Task<bool> Upstream::await_ready(uint64_t after, milliseconds at_most) {
  if (ready_ && generation_ > after) co_return true;
  const auto event = std::make_shared<net::Event>(loop_);
  waiters_.push_back(event);
  co_await event->wait(at_most);
  const bool is_back = ready_ && generation_ > after;
  co_return is_back;
}

CallFailure Upstream::interrupted(const Flight& flight, bool was_sent) const {
  if (flight.ended() == Flight::End::overdue) {
    return failure(was_sent, 504, config_.name + " did not answer in time");
  }
  CallFailure out;
  if (flight.ended() == Flight::End::refused) {
    out.fault = flight.fault();
  } else {
    out.fault.source = Fault::Source::client;
    out.fault.http_status = 499;
    out.fault.message = "the call was cancelled";
  }
  out.fault.retry = Fault::Retry::no;
  out.fault.sent_upstream = was_sent;
  return out;
}

}  // namespace satgate::flow::mcp
