// The state behind Ledger, and the three steps that change balances.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ledger/account_table.h"
#include "ledger/hold_slab.h"
#include "ledger/ledger.h"

namespace satgate::ledger {

struct Ledger::Impl {
  explicit Impl(TimeZone zone) : calendar(std::move(zone)) {}

  mutable std::mutex mutex;  // guards everything below
  Calendar calendar;
  AccountTable accounts;
  std::unordered_map<AccountId, Carve> carves;  // open ones, by child
  HoldSlab holds;
  uint64_t next_id = 1;
  struct Changed {
    AccountId id;
    Account* account;
  };
  std::vector<Changed> changed;                     // since the last take_changes()
  std::unordered_map<uint64_t, uint32_t> replayed;  // id to slot, during recovery alone

  // So that a hold does not run out of memory half-way.
  void make_room_for_changes() {
    if (changed.capacity() - changed.size() >= limits::path_accounts_max) return;
    changed.reserve(2 * changed.capacity() + limits::path_accounts_max);
  }
  void touch(const AccountId& id, Account& account) {
    if (!std::exchange(account.changed, true)) changed.push_back({id, &account});
  }

  // Makes the hold in `slot` real. Its stakes are those of the record, in the same order.
  void place(uint32_t slot, const HoldRecord& record);

  uint32_t replay(const HoldRecord& record);  // the slot it takes

  // Turns what is held into what was spent. The caller gives the slot back.
  // REQUIRES: 0 <= cost <= the amount held.
  void charge(Hold& hold, Receipt::End how, Money cost, bool overrun);

  EndRecord end_without(uint32_t slot, Receipt::End how);
  // Ends what was held up to then, in the order of the reservations, each as `how` says of it.
  template <class How>
  std::vector<EndRecord> end_all(Time deadline, const How& how) {
    std::vector<uint32_t> slots;
    holds.for_each_until(deadline, [&](uint32_t slot) { slots.push_back(slot); });
    std::ranges::sort(slots, {}, [&](uint32_t slot) { return holds.at(slot).id; });
    std::vector<EndRecord> records;
    records.reserve(slots.size());
    for (const uint32_t slot : slots)
      records.push_back(end_without(slot, how(holds.at(slot))));
    return records;
  }

  Receipt end(Reservation reservation, Receipt::End how, Money actual, EndRecord& record);

  void open_carve(const AccountId& child, Money amount, std::vector<Account*> from);
};

// Moves `use` on to the window that ends at `end`; what was in an older window is history.
inline void roll(WindowUse& use, int64_t end) {
  if (use.end < end) use = WindowUse{end, Money(), Money()};
}

}  // namespace satgate::ledger
