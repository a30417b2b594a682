// Coroutines that wait until a number has been reached, such as the number of a journal record.
// On one loop; no allocation. Numbers are waited for in the order they were given out.
#pragma once

#include <coroutine>
#include <cstdint>

#include "net/loop.h"

namespace satgate::net {

class Watermark {
 public:
  class Wait {
   public:
    Wait(Watermark& mark, uint64_t number) : mark_(mark), number_(number) {}
    ~Wait() { mark_.unlink(*this); }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

    bool await_ready() const noexcept { return mark_.failed_ || number_ <= mark_.reached_; }
    void await_suspend(std::coroutine_handle<> waiter) {
      waiter_ = waiter;
      mark_.link(*this);
    }
    bool await_resume() const noexcept { return number_ <= mark_.reached_; }

   private:
    friend class Watermark;
    Watermark& mark_;
    uint64_t number_;
    std::coroutine_handle<> waiter_;  // null: not in the list
    Wait* next_ = nullptr;
    Wait* previous_ = nullptr;
  };

  explicit Watermark(Loop& loop) : loop_(loop) {}
  Watermark(const Watermark&) = delete;
  Watermark& operator=(const Watermark&) = delete;

  // True once the number has been reached, false if that will never be.
  Wait reached(uint64_t number) { return Wait(*this, number); }
  bool waiting() const { return first_ != nullptr; }

  void advance(uint64_t to) {
    if (to > reached_) reached_ = to;
    while (first_ != nullptr && first_->number_ <= reached_)
      resume(*first_);
  }
  void fail() {
    failed_ = true;
    while (first_ != nullptr)
      resume(*first_);
  }

 private:
  void resume(Wait& wait) {
    const std::coroutine_handle<> waiter = wait.waiter_;
    unlink(wait);
    loop_.make_ready(waiter);
  }
  void link(Wait& wait) {
    wait.previous_ = last_;
    (last_ != nullptr ? last_->next_ : first_) = &wait;
    last_ = &wait;
  }
  void unlink(Wait& wait) {
    if (!wait.waiter_) return;
    wait.waiter_ = nullptr;
    (wait.previous_ != nullptr ? wait.previous_->next_ : first_) = wait.next_;
    (wait.next_ != nullptr ? wait.next_->previous_ : last_) = wait.previous_;
    wait.next_ = wait.previous_ = nullptr;
  }

  Loop& loop_;
  uint64_t reached_ = 0;
  bool failed_ = false;
  Wait* first_ = nullptr;
  Wait* last_ = nullptr;
};

}  // namespace satgate::net
