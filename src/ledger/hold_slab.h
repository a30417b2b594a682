// Reservations without an end. A slot is reused after its hold ended, so after warm-up nothing is
// allocated; the id tells a live hold from a stale slot number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "base/money.h"
#include "base/time.h"
#include "ledger/stakes.h"

namespace satgate::ledger {

struct Hold {
  uint64_t id = 0;  // 0: the slot is free
  Money amount;
  Stakes stakes;
  bool is_known = false;   // told by an earlier take_changes(), or loaded
  bool is_listed = false;  // the slot is in `fresh`
};

class HoldSlab {
 public:
  // An empty hold in a free slot. May throw std::bad_alloc, and then has changed nothing.
  uint32_t take() {
    if (!free_.empty()) {
      const uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    // Room for every slot on the free list first, so that `give_back` never allocates.
    if (free_.capacity() == holds_.size()) free_.reserve(2 * holds_.size() + 64);
    if (made_at_.capacity() == holds_.size()) made_at_.reserve(2 * holds_.size() + 64);
    if (fresh_.capacity() == holds_.size()) fresh_.reserve(2 * holds_.size() + 64);
    if (ended_.capacity() <= holds_.size()) ended_.reserve(2 * holds_.size() + 64);
    holds_.emplace_back();
    made_at_.push_back(kFree);
    return static_cast<uint32_t>(holds_.size() - 1);
  }

  void mark(uint32_t slot, uint64_t id, Time at) {
    holds_[slot].id = id;
    // The end of time itself stands for a free slot.
    made_at_[slot] = Time{at.unix_ns == INT64_MAX ? INT64_MAX - 1 : at.unix_ns};
    ++live_;
    if (!std::exchange(holds_[slot].is_listed, true)) fresh_.push_back(slot);
  }
  // The checkpoint that was loaded has this hold already.
  void mark_known(uint32_t slot) { holds_[slot].is_known = true; }

  // The hold with this id, or null when it has ended.
  Hold* find(uint32_t slot, uint64_t id) {
    return slot < holds_.size() && holds_[slot].id == id ? &holds_[slot] : nullptr;
  }

  void give_back(uint32_t slot) {
    ASSERT(holds_[slot].id != 0);
    if (std::exchange(holds_[slot].is_known, false)) ended_.push_back(holds_[slot].id);
    holds_[slot].id = 0;
    holds_[slot].stakes.clear();
    made_at_[slot] = kFree;
    free_.push_back(slot);
    --live_;
  }

  size_t live() const { return live_; }
  Time made_at(uint32_t slot) const { return made_at_[slot]; }

  // Calls `visit(slot, hold)` for each live hold it has not been called for before, and moves the
  // ids of those that have ended since into `ended`.
  template <class Visit>
  void take_changes(std::vector<uint64_t>& ended, Visit&& visit) {
    for (const uint32_t slot : fresh_) {
      Hold& hold = holds_[slot];
      hold.is_listed = false;
      if (hold.id != 0 && !std::exchange(hold.is_known, true)) visit(slot, hold);
    }
    fresh_.clear();
    ended.clear();
    ended.swap(ended_);
    ended_.reserve(holds_.size() + 1);
  }
  Hold& at(uint32_t slot) { return holds_[slot]; }

  // Calls `visit(slot)` for each live hold made at or before `deadline`. Times stand apart from the
  // holds, so that the sweep over thousands of them stays within a few cache lines.
  template <class Visit>
  void for_each_until(Time deadline, Visit&& visit) const {
    for (size_t slot = 0; slot < made_at_.size(); ++slot) {
      if (made_at_[slot] == kFree || made_at_[slot] > deadline) continue;
      visit(static_cast<uint32_t>(slot));
    }
  }

 private:
  static constexpr Time kFree{INT64_MAX};
  std::deque<Hold> holds_;  // a deque: holds do not move when it grows
  std::vector<Time> made_at_;
  std::vector<uint32_t> free_;
  std::vector<uint32_t> fresh_;  // slots marked since the last take_changes()
  std::vector<uint64_t> ended_;  // known holds that ended since
  size_t live_ = 0;
};

}  // namespace satgate::ledger
