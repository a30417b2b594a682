// One event loop: one thread, nothing shared on the request path. Everything that belongs to a loop
// (streams, deadlines, pools, exchanges) is used from its thread only; post(), spawn(), stop() and
// run_on() may be called from any thread.
//
// A turn: who had too much to read in the last one, what others have posted, then every coroutine
// that may go on, then the hooks of the turn's end (and what they made ready), then the wait for
// descriptors (epoll, edge-triggered) and deadlines. See docs/decisions/0017-own-event-loop.md.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <atomic>
#include <coroutine>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include "net/buffer.h"
#include "net/task.h"
#include "net/wheel.h"

namespace satgate::net {

class Descriptor;
class TurnHook;

// What reaches a loop from other threads. Outlives the loop for those who hold it; what comes then
// is dropped.
class Inbox {
 public:
  using Item = std::variant<std::coroutine_handle<>, std::move_only_function<void()>>;

  explicit Inbox(int wake_descriptor) : wake_(wake_descriptor) {}
  void put(Item item);

 private:
  friend class Loop;
  bool take(std::vector<Item>& items);  // false: there was nothing
  bool may_sleep();                     // false: there is something; else put() will wake
  void close();
  void wake();

  std::mutex mutex_;
  std::vector<Item> items_;
  int wake_;
  bool asleep_ = false;
  bool closed_ = false;
};

class Loop {
 public:
  Loop();
  ~Loop();  // stop(), join(), then destroys what still waits
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  void start(std::string name = "loop");  // runs on a thread of its own, of this name
  void run();                             // or on this thread, until stop()
  // The same for at most so long. A stop() ends the run it interrupts, or the next one.
  void run_for(Milliseconds at_most);
  void stop();  // from any thread; tasks that wait are not resumed
  void join();
  // Destroys what still waits, which may use what is destroyed before this loop. After join(); it
  // runs no more.
  void abandon();

  void post(std::move_only_function<void()> work);  // runs on the loop, later
  const std::shared_ptr<Inbox>& inbox() const { return inbox_; }

  bool in_loop_thread() const;
  // The beginning of this turn; outside of turns, now.
  Wheel::Clock::time_point now() const;
  Wheel& wheel() { return wheel_; }
  BufferPool& buffers() { return buffers_; }

  // For the parts of this room, on the loop's thread or while it does not run.
  void make_ready(std::coroutine_handle<> waiter) { ready_.push_back(waiter); }
  bool watch(int descriptor, Descriptor& watcher);  // false: errno says why
  void forget(Descriptor& watcher);                 // nothing more is delivered to it
  void look_again(Descriptor& watcher) { again_.push_back(&watcher); }  // in the next turn
  uint64_t turns() const { return turns_; }

 private:
  friend class TurnHook;
  friend void spawn(Loop& loop, Task<> task);
  struct Root;
  struct RootTask;

  void turn(Milliseconds at_most);
  void run_again();
  void run_inbox();
  void run_ready();
  void end_turn();
  void wait(Milliseconds at_most);
  void adopt(Task<> task);

  static constexpr size_t kEvents = 256;
  int epoll_ = -1;
  int wake_ = -1;
  Wheel wheel_;  // outlives the tasks, whose deadlines unlink themselves
  BufferPool buffers_;
  std::shared_ptr<Inbox> inbox_;
  std::vector<Inbox::Item> taken_;
  std::vector<std::coroutine_handle<>> ready_;
  std::vector<std::coroutine_handle<>> running_;
  std::vector<TurnHook*> hooks_;
  std::array<epoll_event, kEvents> events_{};
  std::span<epoll_event> undelivered_;  // of this turn
  std::vector<Descriptor*> again_;
  std::vector<Descriptor*> looking_;  // of this turn; null: forgotten
  uint64_t turns_ = 0;
  Root* roots_ = nullptr;  // spawned tasks
  Wheel::Clock::time_point now_{};
  bool in_turn_ = false;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
  std::atomic<std::thread::id> runner_{};
};

// Runs at the end of each turn of its loop, when every coroutine of the turn has gone as far as it
// could, and before the loop may sleep. What it makes ready runs in the same turn.
class TurnHook {
 public:
  using Callback = void (*)(void* subject);
  TurnHook(Loop& loop, Callback at_end, void* subject);
  ~TurnHook();
  TurnHook(const TurnHook&) = delete;
  TurnHook& operator=(const TurnHook&) = delete;

 private:
  friend class Loop;
  Loop& loop_;
  Callback at_end_;
  void* subject_;
};

namespace detail {

template <class T>
Task<> complete_with(Task<T> task, Completion<T> done) {
  done(co_await std::move(task));
}

}  // namespace detail

// Runs `task` on another loop and waits for its result here, without blocking either.
template <class T>
Task<T> run_on(Loop& other, Task<T> task) {
  auto start = [&other, &task](Completion<T> done) {
    spawn(other, detail::complete_with(std::move(task), std::move(done)));
  };
  co_return co_await await_callback<T>(std::move(start));
}

// Wait for a notification, or for time to pass. One waiter at a time; all calls on one loop.
class Event final : public Cancellable {
 public:
  explicit Event(Loop& loop) : loop_(loop), deadline_(loop, &Event::time_is_up, this) {}

  struct Wait {
    Event& event;
    Milliseconds at_most;
    bool await_ready() const noexcept { return event.notified_ || event.cancelled_; }
    void await_suspend(std::coroutine_handle<> waiter) {
      event.waiter_ = waiter;
      event.deadline_.arm(at_most);
    }
    bool await_resume() {
      event.deadline_.disarm();
      return std::exchange(event.notified_, false);
    }
  };
  // True: notify() was called, now or since the last wait. False: time is up, or cancelled().
  Wait wait(Milliseconds at_most) { return Wait{*this, at_most}; }
  void notify();
  void cancel() noexcept override;  // this and every later wait returns at once
  bool cancelled() const { return cancelled_; }

 private:
  static void time_is_up(void* self) { static_cast<Event*>(self)->wake(); }
  void wake();

  Loop& loop_;
  Deadline deadline_;
  std::coroutine_handle<> waiter_;
  bool notified_ = false;
  bool cancelled_ = false;
};

}  // namespace satgate::net
