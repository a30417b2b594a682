// A non-blocking file descriptor on a loop, and the operations that wait for it.
//
// It is registered once, edge-triggered. `readable` and `writable` say whether trying is worth a
// system call: a call that could not do all it wanted clears them, an event sets them. So a
// proxied request costs two receives and two sends, and nothing is tried in vain. Internal to net.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "net/loop.h"

namespace satgate::net {

// What a coroutine waits for at a descriptor. It is part of the awaiter, so it costs no memory of
// its own.
class Operation {
 public:
  Operation() = default;
  virtual ~Operation();
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

 protected:
  // Tries; true when it is over, well or not. Called before waiting and after each event.
  virtual bool attempt() = 0;
  void wait_at(Descriptor& descriptor, std::coroutine_handle<> waiter);
  bool is_waiting() const { return descriptor_ != nullptr; }

 private:
  friend class Descriptor;
  Descriptor* descriptor_ = nullptr;
  Operation* next_ = nullptr;
  std::coroutine_handle<> waiter_;
};

class Descriptor {
 public:
  explicit Descriptor(Loop& loop) : loop_(loop) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  // Takes over an open non-blocking descriptor. False: errno says why; it is closed then.
  bool open(int fd);
  void close();  // operations that wait are attempted once more, and find it closed
  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  Loop& loop() { return loop_; }

  // As the system calls, but -1 with EAGAIN at once where the last event says so, and where this
  // descriptor has had its share of the turn: then what waits for it looks again in the next one.
  // So nobody who writes as fast as we read keeps the loop to himself. A short read from a stream
  // of packets tells that there is no more.
  ssize_t receive(void* into, size_t size);
  ssize_t send(std::string_view bytes);
  ssize_t send(std::span<const iovec> pieces);
  // For pipes: short reads tell nothing.
  ssize_t read(void* into, size_t size);
  ssize_t write(const void* from, size_t size);

  bool may_read() const { return readable_; }
  bool may_write() const { return writable_; }
  bool hung_up() const { return hung_up_; }
  void note_unwritable() { writable_ = false; }

  // Has every waiting operation look again: something else has ended it.
  void attempt_all();
  // Called on every event, after the operations. Null: nobody.
  void on_event(void (*callback)(void*), void* subject) {
    callback_ = callback;
    subject_ = subject;
  }
  void on_events(uint32_t events);  // from the loop
  void renew_share();               // from the loop, in the turn after look_again()

 private:
  friend class Operation;
  bool may_take();
  ssize_t after_read(ssize_t got, size_t size, bool short_is_empty);
  ssize_t after_write(ssize_t put);

  Loop& loop_;
  int fd_ = -1;
  bool readable_ = false;
  bool writable_ = false;
  bool hung_up_ = false;
  uint64_t turn_ = 0;  // in which `taken_` bytes were read
  size_t taken_ = 0;
  bool looks_again_ = false;
  Operation* waiting_ = nullptr;  // at most one that reads and one that writes
  void (*callback_)(void*) = nullptr;
  void* subject_ = nullptr;
};

}  // namespace satgate::net
