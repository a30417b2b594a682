// Recovery: what was at rest, then the journal from there.
#include <algorithm>
#include <span>
#include <utility>

#include "base/assert.h"
#include "ledger/ledger_impl.h"
#include "ledger/stakes.h"

namespace satgate::ledger {
namespace {

AccountState at_rest(const AccountId& id, const Account& account) {
  AccountState state{id, account.kind, account.spent, {}, {}, account.ceiling, account.blocked};
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    state.window_index[w] = account.windows[w].index;
    state.window_spent[w] = account.windows[w].spent;
  }
  return state;
}

// The record that made this hold, as reserve() wrote it.
HoldRecord record_of(const Hold& hold, Time made_at) {
  HoldRecord record;
  record.reservation = hold.id;
  record.at = made_at;
  record.amount = hold.amount;
  const WindowIndexes at = window_indexes(made_at);
  for (const Stake& stake : hold.stakes.list()) {
    const Time counts_at = stake.windows == at ? Time() : instant_in(stake.windows);
    record.entries[record.size++] = {stake.id, stake.kind, counts_at};
  }
  return record;
}

}  // namespace

void Ledger::load(const AccountState& state) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(state.account, state.kind);
  account.kind = state.kind;
  change_use(account, state.spent - account.spent, Money());
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    account.windows[w] = WindowUse{state.window_index[w], state.window_spent[w], Money()};
  }
  account.ceiling = state.ceiling;
  account.blocked = state.blocked;
}

void Ledger::load(const CarveState& state) {
  const std::lock_guard lock(impl_->mutex);
  if (!state.open || impl_->carves.contains(state.child)) return;
  std::vector<Account*> from;
  for (const AccountId& id : state.from) {
    from.push_back(&impl_->accounts.open(id, AccountKind::token));
  }
  impl_->open_carve(state.child, state.amount, std::move(from));
}

uint32_t Ledger::Impl::replay(const HoldRecord& record) {
  RELEASE_ASSERT(record.size <= record.entries.size() && !record.amount.is_negative());
  const uint32_t slot = holds.take();
  Stakes& stakes = holds.at(slot).stakes;
  for (const HoldRecord::Entry& entry : std::span(record.entries).first(record.size)) {
    stakes.add(entry.account, accounts.open(entry.account, entry.kind), entry.kind);
  }
  place(slot, record);
  replayed[record.reservation] = slot;
  next_id = std::max(next_id, record.reservation + 1);
  return slot;
}

void Ledger::replay(const HoldRecord& record) {
  const std::lock_guard lock(impl_->mutex);
  impl_->replay(record);
}

void Ledger::load(const HoldRecord& record) {
  const std::lock_guard lock(impl_->mutex);
  impl_->holds.mark_known(impl_->replay(record));
}

bool Ledger::replay(const EndRecord& record) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->replayed.find(record.reservation);
  if (found == impl_->replayed.end()) return false;
  const uint32_t slot = found->second;
  impl_->replayed.erase(found);
  Hold* hold = impl_->holds.find(slot, record.reservation);
  if (hold == nullptr || record.cost.is_negative() || record.cost > hold->amount) return false;
  impl_->charge(*hold, record.end, record.cost, record.overrun);
  impl_->holds.give_back(slot);
  return true;
}

std::vector<EndRecord> Ledger::finish_recovery(uint64_t next_reservation_min) {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->replayed.clear();
    impl_->next_id = std::max(impl_->next_id, next_reservation_min);
  }
  return expire(Time{INT64_MAX});
}

void Ledger::write_off(const AccountId& id, Money amount, Time now) {
  const WindowIndexes indexes = window_indexes(now);
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(id, AccountKind::token);
  change_use(account, amount, Money());
  impl_->touch(id, account);
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    roll(account.windows[w], indexes[w]);
    account.windows[w].spent += amount;
  }
}

void Ledger::take_changes(Changes& into) {
  into.accounts.clear();
  into.held.clear();
  const std::lock_guard lock(impl_->mutex);
  for (const Impl::Changed& one : impl_->changed) {
    one.account->changed = false;
    into.accounts.push_back(at_rest(one.id, *one.account));
  }
  impl_->changed.clear();
  impl_->holds.take_changes(into.ended, [&](uint32_t slot, const Hold& hold) {
    into.held.push_back(record_of(hold, impl_->holds.made_at(slot)));
  });
  into.next_reservation = impl_->next_id;
}

std::vector<AccountState> Ledger::snapshot() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<AccountState> states;
  states.reserve(impl_->accounts.size());
  for (const auto& [id, account] : impl_->accounts)
    states.push_back(at_rest(id, account));
  return states;
}

std::optional<AccountState> Ledger::state(const AccountId& id) const {
  const std::lock_guard lock(impl_->mutex);
  const Account* account = impl_->accounts.find(id);
  if (account == nullptr) return std::nullopt;
  return at_rest(id, *account);
}

}  // namespace satgate::ledger
