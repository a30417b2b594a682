#include "net/wheel.h"

#include <algorithm>

#include "net/loop.h"

namespace satgate::net {

void Deadline::arm(Milliseconds after) {
  loop_.wheel().arm(*this, loop_.now(), after);
}

void Deadline::disarm() {
  if (armed_) loop_.wheel().disarm(*this);
}

void Wheel::arm(Deadline& deadline, Clock::time_point now, Milliseconds after) {
  disarm(deadline);
  const uint64_t tick = tick_of(now);
  // Nothing is armed, so no slot below this one can hold anything.
  if (armed_ == 0) done_tick_ = std::max(done_tick_, tick);
  // One tick rounds up, one makes good for a time that is as old as the turn of the loop.
  const uint64_t due = tick_of(now + std::max(after, Milliseconds{0})) + 2;
  deadline.due_tick_ = std::max(due, done_tick_ + 1);
  Deadline*& head = slots_[deadline.due_tick_ % kSlots];
  deadline.previous_ = nullptr;
  deadline.next_ = head;
  if (head != nullptr) head->previous_ = &deadline;
  head = &deadline;
  deadline.armed_ = true;
  ++armed_;
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

void Wheel::turn(Clock::time_point now) {
  const uint64_t tick = tick_of(now);
  if (tick <= done_tick_) return;
  // After a long pause one turn of the wheel visits every slot, whatever the time that has passed.
  if (tick - done_tick_ > kSlots) done_tick_ = tick - kSlots;
  while (done_tick_ < tick && armed_ > 0) {
    ++done_tick_;
    run_slot(done_tick_);
  }
  done_tick_ = tick;
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

std::optional<Milliseconds> Wheel::quiet_for(Clock::time_point now) const {
  if (armed_ == 0) return std::nullopt;
  uint64_t tick = done_tick_ + 1;
  while (slots_[tick % kSlots] == nullptr && tick < done_tick_ + kSlots)
    ++tick;
  const auto due = start_ + kTick * static_cast<int64_t>(tick);
  return std::max(std::chrono::ceil<Milliseconds>(due - now), Milliseconds{0});
}

}  // namespace satgate::net
