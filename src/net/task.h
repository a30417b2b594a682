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
// - Asio keeps freed coroutine frames for reuse only up to 1020 bytes (and every local that lives
//   across a co_await counts, a Fault some 60): split large coroutines on the hot path.
// Tasks do not throw: failures are values. An exception that leaves a spawned Task ends the
// process, because nobody could say what it had done with money.
#pragma once

#include <atomic>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <utility>

namespace satgate::net {

class Loop;

using Executor = boost::asio::io_context::executor_type;
template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;

using Milliseconds = std::chrono::milliseconds;

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

// The other end of await_callback(): call it once, from any thread, with the result. Copies share
// one result; the first call counts, later ones are ignored. Dropping every copy without a call
// destroys the waiting coroutine, so whoever takes one must call it.
template <class T>
class Completion {
 public:
  template <class Handler>
  explicit Completion(Handler handler)
      : state_(std::make_shared<Model<Handler>>(std::move(handler))) {}

  void operator()(T value) const { state_->complete(std::move(value)); }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual void complete(T value) = 0;
  };
  template <class Handler>
  struct Model final : Concept {
    explicit Model(Handler h) : handler(std::move(h)) {}
    void complete(T value) override {
      if (done.test_and_set()) return;
      // Always through the queue: the caller may be on another thread, or below us on the stack.
      auto executor = boost::asio::get_associated_executor(handler);
      boost::asio::post(executor, [h = std::move(handler), v = std::move(value)]() mutable {
        std::move(h)(std::move(v));
      });
    }
    Handler handler;
    std::atomic_flag done = ATOMIC_FLAG_INIT;
  };
  std::shared_ptr<Concept> state_;
};

// Calls `initiate(Completion<T>)` and waits, without blocking the loop, until the completion has
// been called. The coroutine resumes on the loop it was waiting on. `initiate` runs at once, on
// this thread; it may be a capturing lambda, provided it is a named object moved in.
template <class T, class Initiate>
Task<T> await_callback(Initiate initiate) {
  auto start = [&initiate](auto handler) { initiate(Completion<T>(std::move(handler))); };
  constexpr boost::asio::use_awaitable_t<Executor> token;
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>,
                                                 void(T)>(start, token);
}

}  // namespace satgate::net
