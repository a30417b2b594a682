// Reservation and Receipt: the passports of room ledger/.
#pragma once

#include <cstdint>
#include <utility>

#include "base/money.h"

namespace satgate {

namespace ledger {
class Ledger;
}

// A quote held on every account of the path. Move-only. It ends exactly once: settled, voided or
// forfeited. One that is dropped without an end stays held in the ledger and is charged in full
// when it expires (Law 1.4): losing the object can cost the spender, never the cap.
class Reservation {
 public:
  Reservation(Reservation&& other) noexcept
      : id_(std::exchange(other.id_, 0)),
        slot_(other.slot_),
        amount_(other.amount_),
        remaining_(other.remaining_) {}
  Reservation& operator=(Reservation&& other) noexcept {
    id_ = std::exchange(other.id_, 0);
    slot_ = other.slot_;
    amount_ = other.amount_;
    remaining_ = other.remaining_;
    return *this;
  }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;

  uint64_t id() const { return id_; }  // unique within a data directory; 0: moved from
  Money amount() const { return amount_; }
  // What the tightest money account of the path has left with this reservation held; Money::max()
  // where nothing limits the path.
  Money remaining() const { return remaining_; }

 private:
  friend class ledger::Ledger;
  Reservation(uint64_t id, uint32_t slot, Money amount, Money remaining)
      : id_(id), slot_(slot), amount_(amount), remaining_(remaining) {}
  uint64_t id_;
  uint32_t slot_;  // where the ledger keeps it; valid while the id there is this one
  Money amount_;
  Money remaining_;
};

// How a reservation ended, and what is left.
class Receipt {
 public:
  enum class End : uint8_t { settled, voided, forfeited };
  End end() const { return end_; }
  Money cost() const { return cost_; }
  Money remaining() const { return remaining_; }  // as Reservation::remaining, after the end
  bool overrun() const { return overrun_; }       // the upstream reported more than was reserved

 private:
  friend class ledger::Ledger;
  Receipt(End end, Money cost, Money remaining, bool overrun)
      : end_(end), cost_(cost), remaining_(remaining), overrun_(overrun) {}
  End end_;
  Money cost_;
  Money remaining_;
  bool overrun_;
};

}  // namespace satgate
