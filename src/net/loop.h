// One event loop: one thread, nothing shared on the request path. Everything that belongs to a loop
// (streams, deadlines, pools, exchanges) is used from its thread only; post(), spawn(), stop() and
// run_on() may be called from any thread.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "net/task.h"

namespace satgate::net {

// A node of a loop's timer wheel. When it is overdue the callback runs on the loop, once; arm() it
// again if needed. Arming and disarming cost a clock read and a few pointers, no system call and no
// allocation. Coarse: fires up to one tick (20 ms) late, never early.
class Deadline {
 public:
  using Callback = void (*)(void* subject);

  Deadline(Loop& loop, Callback on_overdue, void* subject)
      : loop_(loop), on_overdue_(on_overdue), subject_(subject) {}
  ~Deadline() { disarm(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  void arm(Milliseconds after);  // replaces an earlier arm()
  void disarm();
  bool armed() const { return armed_; }

 private:
  friend class Wheel;
  Loop& loop_;
  Callback on_overdue_;
  void* subject_;
  Deadline* next_ = nullptr;
  Deadline* previous_ = nullptr;
  uint64_t due_tick_ = 0;
  bool armed_ = false;
};

// The wheel behind Deadline: 512 slots of 20 ms, later turns stay in their slot. One timer of the
// event loop runs while anything is armed.
class Wheel {
 public:
  static constexpr Milliseconds kTick{20};

  explicit Wheel(boost::asio::io_context& context);
  void close();  // the loop ends: nothing fires any more, arm() and disarm() stay harmless
  void arm(Deadline& deadline, Milliseconds after);
  void disarm(Deadline& deadline);

 private:
  std::chrono::steady_clock::duration elapsed() const;
  void schedule();
  void turn();
  void run_slot(uint64_t tick);
  void unlink(Deadline& deadline);

  static constexpr size_t kSlots = 512;
  std::optional<boost::asio::steady_timer> timer_;
  std::chrono::steady_clock::time_point start_;
  std::array<Deadline*, kSlots> slots_{};  // heads of doubly linked lists
  uint64_t done_tick_ = 0;                 // every slot up to this tick has been run
  size_t armed_ = 0;
  bool running_ = false;
};

class Loop {
 public:
  Loop();
  ~Loop();  // stop(), join(), then destroys what still waits
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start();  // runs on a thread of its own
  void run();    // or on this thread, until stop()
  void stop();   // from any thread; tasks that wait are not resumed
  void join();

  void post(std::move_only_function<void()> work);  // runs on the loop, later

  bool in_loop_thread() const;
  Executor executor() { return context_->get_executor(); }
  boost::asio::io_context& context() { return *context_; }
  Wheel& wheel() { return wheel_; }

 private:
  // Destroying the context destroys the coroutines that still wait in it, and with them Deadlines
  // that unlink themselves:
  // so the wheel outlives it.
  std::unique_ptr<boost::asio::io_context> context_;  // reset first, in the destructor
  Wheel wheel_;
  boost::asio::executor_work_guard<Executor> work_;
  std::thread thread_;
  std::atomic<std::thread::id> runner_{};
};

// Runs `task` on another loop and waits for its result here, without blocking either.
template <class T>
Task<T> run_on(Loop& other, Task<T> task) {
  co_return co_await boost::asio::co_spawn(other.executor(), std::move(task),
                                           boost::asio::use_awaitable_t<Executor>{});
}

// Wait for a notification, or for time to pass. One waiter at a time; all calls on one loop.
class Event final : public Cancellable {
 public:
  explicit Event(Loop& loop) : timer_(loop.context()) {}

  // True: notify() was called, now or since the last wait. False: time is up, or cancelled().
  Task<bool> wait(Milliseconds at_most);
  void notify();
  void cancel() noexcept override;  // this and every later wait returns at once
  bool cancelled() const { return cancelled_; }

 private:
  boost::asio::steady_timer timer_;
  bool notified_ = false;
  bool cancelled_ = false;
};

}  // namespace satgate::net
