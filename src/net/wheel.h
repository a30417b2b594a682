// Coarse deadlines of a loop: a wheel of 512 slots of 20 ms, later turns stay in their slot.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "net/task.h"

namespace satgate::net {

class Loop;

// A node of a loop's timer wheel. When it is overdue the callback runs on the loop, once; arm() it
// again if needed. Arming and disarming cost a few pointers, no system call and no allocation.
// Coarse: fires up to three ticks (60 ms) late, never early.
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

// The time is the loop's, read once a turn.
class Wheel {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Milliseconds kTick{20};

  void arm(Deadline& deadline, Clock::time_point now, Milliseconds after);
  void disarm(Deadline& deadline);
  // Runs what is overdue.
  void turn(Clock::time_point now);
  // How long nothing can become overdue; nothing while nothing is armed.
  std::optional<Milliseconds> quiet_for(Clock::time_point now) const;

 private:
  uint64_t tick_of(Clock::time_point time) const {
    return static_cast<uint64_t>((time - start_) / kTick);
  }
  void run_slot(uint64_t tick);
  void unlink(Deadline& deadline);

  static constexpr size_t kSlots = 512;
  Clock::time_point start_ = Clock::now();
  std::array<Deadline*, kSlots> slots_{};  // heads of doubly linked lists
  uint64_t done_tick_ = 0;                 // every slot up to this tick has been run
  size_t armed_ = 0;
};

}  // namespace satgate::net
