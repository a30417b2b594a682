// Coroutines of this gateway. A Task is lazy: it runs when awaited, spawned or handed to run_on().
//
//   Task<> serve(Loop& loop) {
//     const Balance b = co_await await_callback<Balance>(
//         [&](Completion<Balance> done) { bank.read(id, std::move(done)); });
//   }
//
// Rules (g++ 12.2 destroys some temporaries twice inside `co_await` expressions): name aggregates,
// capturing lambdas and std::function objects first and std::move them in; no capturing-lambda
// coroutines; parameters by value, or references that outlive the coroutine.
// Tasks do not throw: failures are values. An exception that leaves a spawned Task ends the
// process, because nobody could say what it had done with money.
#pragma once

#include <atomic>
#include <chrono>
#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "net/frame_cache.h"

namespace satgate::net {

class Inbox;
class Loop;

using Milliseconds = std::chrono::milliseconds;

namespace detail {

struct PromiseBase {
  static void* operator new(size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, size_t size) noexcept { free_frame(frame, size); }

  struct ToContinuation {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      return ended.promise().continuation;
    }
    void await_resume() noexcept {}
  };
  std::suspend_always initial_suspend() noexcept { return {}; }
  ToContinuation final_suspend() noexcept { return {}; }
  void unhandled_exception() noexcept { error = std::current_exception(); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr error;
};

template <class T>
struct Promise : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  template <class U = T>
    requires std::constructible_from<T, U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (error) std::rethrow_exception(error);
    return std::move(*value);
  }
  std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
  std::coroutine_handle<Promise> get_return_object() {
    return std::coroutine_handle<Promise>::from_promise(*this);
  }
  void return_void() noexcept {}
  void take() {
    if (error) std::rethrow_exception(error);
  }
};

}  // namespace detail

// The result of a coroutine to come. Owns the coroutine; destroying it destroys what still waits.
template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task(Handle handle) noexcept : handle_(handle) {}  // from the compiler alone
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) noexcept {
      handle.promise().continuation = waiter;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() && noexcept { return Awaiter{handle_}; }

 private:
  Handle handle_;
};

// Starts a task on a loop, from any thread. The loop owns it until it ends or the loop is
// destroyed.
void spawn(Loop& loop, Task<> task);

// Resumes the awaiting coroutine after at least `delay`. Not cancellable; see Event.
Task<> sleep(Loop& loop, Milliseconds delay);

// Something that waits and can be told to stop waiting, from its own loop. Idempotent.
class Cancellable {
 public:
  virtual ~Cancellable() = default;
  virtual void cancel() noexcept = 0;
};

// The loop of this thread, to be resumed on. REQUIRES: a loop runs here.
std::shared_ptr<Inbox> current_inbox();
// Resumes on the loop of the inbox, never below the caller on the stack. A loop that has gone has
// destroyed the coroutine.
void resume_in(Inbox& inbox, std::coroutine_handle<> waiter);

// The other end of await_callback(): call it once, from any thread, with the result. Copies share
// one result; the first call counts, later ones are ignored. Without a call the coroutine waits
// until its loop is destroyed, so whoever takes one must call it.
template <class T>
class Completion {
 public:
  void operator()(T value) const {
    if (state_->done.test_and_set()) return;
    state_->value.emplace(std::move(value));
    resume_in(*state_->inbox, state_->waiter);
  }

 private:
  template <class U, class Initiate>
  friend Task<U> await_callback(Initiate initiate);

  struct State {
    std::atomic_flag done = ATOMIC_FLAG_INIT;
    std::shared_ptr<Inbox> inbox;
    std::coroutine_handle<> waiter;
    std::optional<T> value;
  };
  Completion() : state_(std::make_shared<State>()) {}
  std::shared_ptr<State> state_;
};

// Calls `initiate(Completion<T>)` and waits, without blocking the loop, until the completion has
// been called. The coroutine resumes on the loop it was waiting on. `initiate` runs at once, on
// this thread; it may be a capturing lambda, provided it is a named object moved in.
template <class T, class Initiate>
Task<T> await_callback(Initiate initiate) {
  struct Wait {
    Completion<T>& completion;
    Initiate& initiate;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiter) {
      completion.state_->inbox = current_inbox();
      completion.state_->waiter = waiter;
      initiate(completion);
    }
    void await_resume() const noexcept {}
  };
  Completion<T> completion;
  Wait wait{completion, initiate};
  co_await wait;
  co_return std::move(*completion.state_->value);
}

}  // namespace satgate::net
