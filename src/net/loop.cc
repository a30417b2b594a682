#include "net/loop.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <exception>

#include "base/assert.h"

namespace satgate::net {

namespace asio = boost::asio;
using SteadyClock = std::chrono::steady_clock;

void Deadline::arm(Milliseconds after) {
  loop_.wheel().arm(*this, after);
}

void Deadline::disarm() {
  if (armed_) loop_.wheel().disarm(*this);
}

Wheel::Wheel(asio::io_context& context) : timer_(context), start_(SteadyClock::now()) {}

void Wheel::close() {
  timer_.reset();
}

SteadyClock::duration Wheel::elapsed() const {
  return SteadyClock::now() - start_;
}

void Wheel::arm(Deadline& deadline, Milliseconds after) {
  disarm(deadline);
  const auto now = elapsed();
  // Nothing is armed, so no slot below this one can hold anything.
  if (armed_ == 0 && !running_) done_tick_ = static_cast<uint64_t>(now / kTick);
  const auto due = now + std::max(after, Milliseconds{0});
  const auto tick = static_cast<uint64_t>((due + kTick - SteadyClock::duration{1}) / kTick);
  deadline.due_tick_ = std::max(tick, done_tick_ + 1);
  Deadline*& head = slots_[deadline.due_tick_ % kSlots];
  deadline.previous_ = nullptr;
  deadline.next_ = head;
  if (head != nullptr) head->previous_ = &deadline;
  head = &deadline;
  deadline.armed_ = true;
  ++armed_;
  if (!running_) schedule();
}

void Wheel::disarm(Deadline& deadline) {
  if (deadline.armed_) unlink(deadline);
}

void Wheel::unlink(Deadline& deadline) {
  if (deadline.previous_ != nullptr) {
    deadline.previous_->next_ = deadline.next_;
  } else {
    slots_[deadline.due_tick_ % kSlots] = deadline.next_;
  }
  if (deadline.next_ != nullptr) deadline.next_->previous_ = deadline.previous_;
  deadline.armed_ = false;
  --armed_;
}

void Wheel::schedule() {
  if (!timer_) return;
  running_ = true;
  timer_->expires_at(start_ + kTick * static_cast<int64_t>(done_tick_ + 1));
  timer_->async_wait([this](const boost::system::error_code& error) {
    if (!error) turn();
  });
}

void Wheel::turn() {
  const auto now = static_cast<uint64_t>(elapsed() / kTick);
  // After a long pause one turn of the wheel visits every slot, whatever the time that has passed.
  if (now - done_tick_ > kSlots) done_tick_ = now - kSlots;
  while (done_tick_ < now) {
    ++done_tick_;
    run_slot(done_tick_);
  }
  running_ = false;
  if (armed_ > 0) schedule();
}

void Wheel::run_slot(uint64_t tick) {
  // A callback may arm and disarm anything, so the search starts again after each one. A slot holds
  // few overdue nodes; the others are of later turns.
  for (Deadline* node = slots_[tick % kSlots]; node != nullptr;) {
    if (node->due_tick_ > tick) {
      node = node->next_;
      continue;
    }
    unlink(*node);
    node->on_overdue_(node->subject_);
    node = slots_[tick % kSlots];
  }
}

Loop::Loop()
    : context_(std::make_unique<asio::io_context>(1)),
      wheel_(*context_),
      work_(context_->get_executor()) {}

Loop::~Loop() {
  stop();
  join();
  wheel_.close();
  work_.reset();
  context_.reset();
}

void Loop::start() {
  RELEASE_ASSERT(!thread_.joinable());
  thread_ = std::thread([this] { run(); });
}

void Loop::run() {
  runner_.store(std::this_thread::get_id());
  context_->run();
  runner_.store(std::thread::id{});
}

void Loop::stop() {
  context_->stop();
}

void Loop::join() {
  if (thread_.joinable()) thread_.join();
}

void Loop::post(std::move_only_function<void()> work) {
  asio::post(*context_, std::move(work));
}

bool Loop::in_loop_thread() const {
  return runner_.load() == std::this_thread::get_id();
}

void spawn(Loop& loop, Task<> task) {
  asio::co_spawn(loop.executor(), std::move(task), [](const std::exception_ptr& error) {
    // Nobody could say what the task had done with money: stop and recover from the journal.
    RELEASE_ASSERT(error == nullptr);
  });
}

Task<> sleep(Loop& loop, Milliseconds delay) {
  asio::steady_timer timer(loop.context(), delay);
  co_await timer.async_wait(asio::as_tuple(asio::deferred));
}

Task<bool> Event::wait(Milliseconds at_most) {
  if (!notified_ && !cancelled_) {
    timer_.expires_after(at_most);
    co_await timer_.async_wait(asio::as_tuple(asio::deferred));
  }
  co_return std::exchange(notified_, false);
}

void Event::notify() {
  notified_ = true;
  timer_.cancel();
}

void Event::cancel() noexcept {
  cancelled_ = true;
  try {
    timer_.cancel();
  } catch (const std::exception&) {
    // A timer without a waiter has nothing to cancel.
  }
}

}  // namespace satgate::net
