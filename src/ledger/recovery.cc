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
    state.window_end[w] = account.windows[w].end;
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
  for (const Stake& stake : hold.stakes.list())
    record.entries[record.size++] = {stake.id, stake.kind, stake.windows};
  return record;
}

// Whether a buyer has paid for it. The crash was the seller's, who has the money already.
bool is_paid(const Hold& hold) {
  return std::ranges::any_of(hold.stakes.list(),
                             [](const Stake& stake) { return stake.kind == AccountKind::paid; });
}

// Moves the ends of windows to where windows of the calendar end. Accounts stand mostly in the same
// windows, so what was found for one is kept for the next.
class WindowMover {
 public:
  explicit WindowMover(const Calendar& calendar) : calendar_(calendar) {}

  // False when nothing had to be moved.
  bool move(Account& account) {
    bool any = false;
    for (size_t w = 0; w < kCalendarWindows; ++w) {
      WindowUse& use = account.windows[w];
      if (use.spent == Money()) continue;  // nothing to remember
      if (from_[w] != use.end) {
        from_[w] = use.end;
        to_[w] = calendar_.span(kAllWindows[w], use.end - 1).end;
      }
      any = any || to_[w] != use.end;
      use.end = to_[w];
    }
    return any;
  }

 private:
  const Calendar& calendar_;
  WindowEnds from_{}, to_{};
};

}  // namespace

void Ledger::load(const AccountState& state) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(state.account, state.kind);
  account.kind = state.kind;
  change_use(account, state.spent - account.spent, Money());
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    account.windows[w] = WindowUse{state.window_end[w], state.window_spent[w], Money()};
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
  const std::lock_guard lock(impl_->mutex);
  impl_->replayed.clear();
  impl_->next_id = std::max(impl_->next_id, next_reservation_min);
  return impl_->end_all(Time{INT64_MAX}, [](const Hold& hold) {
    return is_paid(hold) ? Receipt::End::voided : Receipt::End::forfeited;
  });
}

void Ledger::replay(const MovedWindows& record) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(record.account, AccountKind::token);
  impl_->touch(record.account, account);
  for (size_t w = 0; w < kCalendarWindows; ++w)
    account.windows[w].end = std::max(account.windows[w].end, record.windows[w]);
}

std::vector<MovedWindows> Ledger::move_windows() {
  RELEASE_ASSERT(held_count() == 0);
  std::vector<MovedWindows> moved;
  const std::lock_guard lock(impl_->mutex);
  WindowMover mover(impl_->calendar);
  for (auto& [id, account] : impl_->accounts) {
    // Those that are over, too: a clock that steps back must not open what they were.
    if (!mover.move(account)) continue;
    impl_->touch(id, account);
    MovedWindows& record = moved.emplace_back(id);
    for (size_t w = 0; w < kCalendarWindows; ++w)
      record.windows[w] = account.windows[w].end;
  }
  return moved;
}

bool Loss::any() const {
  return amount > Money() || std::ranges::any_of(in_window, [](Money m) { return m > Money(); });
}

Loss Ledger::loss_of(const AccountId& id, Money ceiling, Time now) const {
  const std::lock_guard lock(impl_->mutex);
  const Account* account = impl_->accounts.find(id);
  Loss loss{ceiling, impl_->calendar.at(now), {}};
  loss.in_window.fill(ceiling);
  if (account == nullptr) return loss;
  const Money unknown = max(Money(), ceiling - account->spent);
  loss.amount = max(Money(), unknown - account->held);
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    const WindowUse& use = account->windows[w];
    // One that still runs, be it one of another time zone, goes on.
    if (use.end > now.unix_seconds()) loss.windows[w] = use.end;
    const Money held = use.end == loss.windows[w] ? use.held : Money();
    loss.in_window[w] = max(Money(), unknown - held);
  }
  return loss;
}

void Ledger::write_off(const AccountId& id, const Loss& loss) {
  const std::lock_guard lock(impl_->mutex);
  Account& account = impl_->accounts.open(id, AccountKind::token);
  change_use(account, loss.amount, Money());
  impl_->touch(id, account);
  for (size_t w = 0; w < kCalendarWindows; ++w) {
    roll(account.windows[w], loss.windows[w]);
    account.windows[w].spent += loss.in_window[w];
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
