#include "ledger/ledger.h"

#include <algorithm>

#include "base/assert.h"
#include "ledger/ledger_impl.h"
#include "ledger/stakes.h"

namespace satgate::ledger {
namespace {

// Counts a hold in the windows that its record names.
void hold_in_windows(Stake& stake, Money charge, const WindowEnds& windows) {
  stake.windows = windows;
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    WindowUse& use = stake.account->windows[w];
    roll(use, stake.windows[w]);
    if (use.end == stake.windows[w]) use.held += charge;
  }
}

void end_in_windows(const Stake& stake, Money charge, Money cost) {
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    WindowUse& use = stake.account->windows[w];
    if (use.end != stake.windows[w]) continue;
    use.held -= charge;
    use.spent += cost;
  }
}

// See HoldRecord::Entry::windows.
WindowEnds later(const Account& account, WindowEnds windows) {
  for (size_t w = 0; w < kCalendarWindows; ++w)
    windows[w] = std::max(windows[w], account.windows[w].end);
  return windows;
}

void write_record(const Stakes& stakes, const WindowEnds& now, HoldRecord& record) {
  record.size = 0;
  for (const Stake& stake : stakes.list()) {
    record.entries[record.size++] = {stake.id, stake.kind, later(stake.balance(), now)};
  }
}

}  // namespace

Ledger::Ledger(TimeZone zone) : impl_(std::make_unique<Impl>(std::move(zone))) {}
Ledger::~Ledger() = default;

std::expected<Reservation, ReserveError> Ledger::reserve(const Path& path, Money worst, Time now,
                                                         HoldRecord& record,
                                                         std::optional<LeaseShortage>* low) {
  RELEASE_ASSERT(!worst.is_negative());
  const std::lock_guard lock(impl_->mutex);
  const WindowEnds& windows = impl_->calendar.at(now);
  Stakes stakes(path, impl_->accounts);
  if (const auto misfit = find_misfit(stakes, worst, windows)) return std::unexpected(*misfit);
  if (const auto shortage = find_shortage(stakes, worst)) return std::unexpected(*shortage);
  // What may run out of memory comes first; an account without any use says nothing.
  for (Stake& stake : stakes.list()) {
    if (stake.account == nullptr) stake.account = &impl_->accounts.open(stake.id, stake.kind);
  }
  impl_->make_room_for_changes();
  const uint32_t slot = impl_->holds.take();

  // After this point the reservation must succeed.
  record.reservation = impl_->next_id++;
  record.at = now;
  record.amount = worst;
  write_record(stakes, windows, record);
  impl_->holds.at(slot).stakes = stakes;
  impl_->place(slot, record);
  Stakes& held = impl_->holds.at(slot).stakes;
  held.cover();
  if (low != nullptr) *low = take_low(held, worst);
  return Reservation(record.reservation, slot, worst, tightest(held, windows));
}

void Ledger::Impl::place(uint32_t slot, const HoldRecord& record) {
  Hold& hold = holds.at(slot);
  hold.amount = record.amount;
  size_t i = 0;
  for (Stake& stake : hold.stakes.list()) {
    const Money charge = stake.charge(record.amount);
    stake.account->kind = stake.kind;  // it may have been opened by somebody who did not know
    touch(stake.id, *stake.account);
    change_use(*stake.account, Money(), charge);
    hold_in_windows(stake, charge, record.entries[i++].windows);
  }
  holds.mark(slot, record.reservation, record.at);
}

void Ledger::Impl::charge(Hold& hold, Receipt::End how, Money cost, bool overrun) {
  const std::span<Stake> stakes = hold.stakes.list();
  for (const Stake& stake : stakes) {
    const Money held = stake.charge(hold.amount);
    const Money calls = how == Receipt::End::voided ? Money() : held;
    const Money spent = stake.is_rate() ? calls : cost;
    touch(stake.id, *stake.account);
    change_use(*stake.account, spent, Money() - held);
    end_in_windows(stake, held, spent);
  }
  if (overrun && !stakes.empty()) stakes.front().account->blocked = true;
}

// The end of a hold that nobody ends.
EndRecord Ledger::Impl::end_without(uint32_t slot, Receipt::End how) {
  Hold& hold = holds.at(slot);
  const Money cost = how == Receipt::End::voided ? Money() : hold.amount;
  const EndRecord record{hold.id, how, cost, false};
  charge(hold, how, cost, false);
  holds.give_back(slot);
  return record;
}

Receipt Ledger::Impl::end(Reservation reservation, Receipt::End how, Money actual,
                          EndRecord& record) {
  RELEASE_ASSERT(reservation.id_ != 0);
  const std::lock_guard lock(mutex);
  Hold* hold = holds.find(reservation.slot_, reservation.id_);
  const bool overrun = actual > reservation.amount_;
  if (hold == nullptr) {
    record = EndRecord{};
    return Receipt(Receipt::End::forfeited, reservation.amount_, reservation.remaining_, overrun);
  }
  const Money cost = overrun ? hold->amount : actual;
  record = EndRecord{reservation.id_, how, cost, overrun};
  charge(*hold, how, cost, overrun);
  hold->stakes.cover();
  // Without a `now` the windows that the accounts stand in are the ones to report.
  const Money remaining = tightest(hold->stakes, WindowEnds{});
  holds.give_back(reservation.slot_);
  return Receipt(how, cost, remaining, overrun);
}

Receipt Ledger::settle(Reservation reservation, Money actual, EndRecord& record) {
  // A cost below zero is nonsense from outside; the whole hold is the only safe reading.
  const Money cost = actual.is_negative() ? reservation.amount() : actual;
  return impl_->end(std::move(reservation), Receipt::End::settled, cost, record);
}

Receipt Ledger::release(Reservation reservation, EndRecord& record) {
  return impl_->end(std::move(reservation), Receipt::End::voided, Money(), record);
}

Receipt Ledger::forfeit(Reservation reservation, EndRecord& record) {
  const Money amount = reservation.amount();
  return impl_->end(std::move(reservation), Receipt::End::forfeited, amount, record);
}

std::vector<EndRecord> Ledger::expire(Time deadline) {
  const std::lock_guard lock(impl_->mutex);
  return impl_->end_all(deadline, [](const Hold&) { return Receipt::End::forfeited; });
}

Money Ledger::headroom(const Path& path, Time now) const {
  const std::lock_guard lock(impl_->mutex);
  const Stakes stakes(path, impl_->accounts);
  for (const Stake& stake : stakes.list()) {
    if (stake.balance().blocked) return Money();
  }
  return tightest(stakes, impl_->calendar.at(now));
}

int Ledger::percent_left(const Path& path, Time now) const {
  const std::lock_guard lock(impl_->mutex);
  return ledger::percent_left(Stakes(path, impl_->accounts), impl_->calendar.at(now));
}

void Ledger::raise_ceiling(const AccountId& id, AccountKind kind, Money ceiling) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(id, kind);
  account.ceiling = max(account.ceiling, ceiling);
  const Money used = account.spent + account.held;
  account.refill_at = used + Money::nano((account.ceiling - used).nano() / 2);
}

void Ledger::block(const AccountId& id) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(id, AccountKind::token);
  account.blocked = true;
  impl_->touch(id, account);
}

bool Ledger::unblock(const AccountId& id) {
  const std::lock_guard lock(impl_->mutex);
  Account* account = impl_->accounts.find(id);
  if (account == nullptr || !account->blocked) return false;
  account->blocked = false;
  impl_->touch(id, *account);
  return true;
}

Balance Ledger::balance(const AccountId& id, Time now) const {
  const std::lock_guard lock(impl_->mutex);
  const WindowEnds& windows = impl_->calendar.at(now);
  Balance balance;
  const Account* account = impl_->accounts.find(id);
  if (account == nullptr) return balance;
  balance.spent = account->spent;
  balance.held = account->held;
  balance.carved = account->carved;
  balance.blocked = account->blocked;
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    const Use use = use_in(*account, kAllWindows[w], windows);
    balance.window_spent[w] = use.spent;
    balance.window_held[w] = use.held;
  }
  return balance;
}

size_t Ledger::held_count() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->holds.live();
}

}  // namespace satgate::ledger
