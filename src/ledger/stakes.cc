#include "ledger/stakes.h"

#include <algorithm>

namespace satgate::ledger {
namespace {

const Account kNoHistory{};

// The longest first: of two windows that are full, the one that resets last says when to come back.
constexpr std::array kLongestFirst = {Window::lifetime, Window::month,  Window::day,
                                      Window::hour,     Window::minute, Window::second};

Refusal refusal_of(const Stake& stake, Window window, Money charge, Use use) {
  if (stake.is_rate()) return Refusal::rate_limited;
  const Money limit = stake.limits[window];
  if (charge > limit) return Refusal::request_exceeds_budget;
  use.held = Money();
  if (charge <= room(stake.balance(), window, limit, use, stake.covered)) {
    return Refusal::budget_in_flight;
  }
  return window == Window::lifetime ? Refusal::budget_exhausted : Refusal::budget_exceeded;
}

Time saturated(int64_t seconds) {
  return Time{(Money::nano(kNanoPerSecond) * seconds).nano()};
}

std::optional<Time> reset_of(const Account& account, Window window, Refusal refusal,
                             const WindowEnds& now) {
  // Waiting does not make a request smaller.
  if (window == Window::lifetime || refusal == Refusal::request_exceeds_budget) return {};
  const auto w = static_cast<size_t>(window);
  return saturated(std::max(account.windows[w].end, now[w]));
}

// Collects misfits and keeps the one that CONTRACT.md reports.
class Judge {
 public:
  explicit Judge(const WindowEnds& now) : now_(now) {}

  void blocked(const Stake& stake, Money charge) {
    if (!stake.balance().blocked || !beats(Refusal::account_blocked)) return;
    const Account& account = stake.balance();
    worst_ = Misfit{Refusal::account_blocked,
                    stake.entry,
                    Window::lifetime,
                    stake.limits[Window::lifetime],
                    account.spent,
                    account.held,
                    Money(),
                    charge,
                    std::nullopt};
  }

  // The lifetime is always checked: an account without limits still ends where the numbers do,
  // because a sum that saturates could not be taken back exactly.
  void limit(const Stake& stake, Window window, Money charge) {
    if (window != Window::lifetime && !stake.limits.limits(window)) return;
    const Account& account = stake.balance();
    const Use use = use_in(account, window, now_);
    const Money left = room(account, window, stake.limits[window], use, stake.covered);
    if (charge <= left) return;
    const Refusal refusal = refusal_of(stake, window, charge, use);
    if (!beats(refusal)) return;
    worst_ = Misfit{refusal,
                    stake.entry,
                    window,
                    stake.limits[window],
                    use.spent,
                    use.held,
                    left,
                    charge,
                    reset_of(account, window, refusal, now_)};
  }

  const std::optional<Misfit>& verdict() const { return worst_; }

 private:
  bool beats(Refusal refusal) const { return !worst_ || refusal < worst_->refusal; }

  const WindowEnds& now_;
  std::optional<Misfit> worst_;
};

}  // namespace

const Account& Stake::balance() const {
  return account != nullptr ? *account : kNoHistory;
}

Stakes::Stakes(const Path& path, AccountTable& accounts) {
  const std::span<const PathEntry> entries = path.entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    const PathEntry& entry = entries[i];
    const auto same = std::ranges::find(list(), entry.account, &Stake::id);
    if (same != list().end()) {
      for (const Window w : kAllWindows)
        same->limits[w] = min(same->limits[w], entry.limits[w]);
      continue;
    }
    Stake& stake = list_.push_back({});
    stake.id = entry.account;
    stake.account = accounts.find(entry.account);
    stake.limits = entry.limits;
    stake.entry = i;
    stake.kind = entry.kind;
  }
  cover();
}

void Stakes::add(const AccountId& id, Account& account, AccountKind kind) {
  Stake& stake = list_.push_back({});
  stake.id = id;
  stake.account = &account;
  stake.kind = kind;
}

void Stakes::cover() {
  for (Stake& stake : list()) {
    stake.covered = Money();
    stake.is_covered = false;
  }
  for (const Stake& child : list()) {
    const Carve* carve = child.balance().carve;
    if (carve == nullptr) continue;
    for (Stake& stake : list()) {
      if (std::ranges::find(carve->from, stake.account) == carve->from.end()) continue;
      stake.covered += carve->left();
      stake.is_covered = true;
    }
  }
}

std::optional<Misfit> find_misfit(const Stakes& stakes, Money amount, const WindowEnds& now) {
  Judge judge(now);
  for (const Stake& stake : stakes.list()) {
    const Money charge = stake.charge(amount);
    judge.blocked(stake, charge);
    for (const Window window : kLongestFirst)
      judge.limit(stake, window, charge);
  }
  return judge.verdict();
}

std::optional<Misfit> find_carve_misfit(const Stakes& stakes, Money amount) {
  // No window is in use in a window that never comes: only the size of the carve counts there.
  WindowEnds never;
  never.fill(INT64_MAX);
  Judge judge(never);
  for (const Stake& stake : stakes.list()) {
    judge.blocked(stake, amount);
    if (stake.is_rate()) continue;
    for (const Window window : kLongestFirst) {
      if (window == Window::lifetime && stake.is_covered) continue;
      judge.limit(stake, window, amount);
    }
  }
  return judge.verdict();
}

namespace {

void ask(std::optional<LeaseShortage>& shortage, const Stake& stake, Money ceiling, Money amount) {
  if (!shortage) shortage.emplace();
  LeaseShortage::Need& need = shortage->needs[shortage->size++];
  need.account = stake.id;
  need.kind = stake.kind;
  need.ceiling_min = ceiling;
  need.limit = stake.limits[Window::lifetime];
  need.call = amount;
}

}  // namespace

std::optional<LeaseShortage> find_shortage(const Stakes& stakes, Money amount) {
  std::optional<LeaseShortage> shortage;
  for (const Stake& stake : stakes.list()) {
    if (stake.is_rate() || !stake.limits.any()) continue;
    const Account& account = stake.balance();
    const Money needed = account.spent + account.held + amount;
    if (needed > account.ceiling) ask(shortage, stake, needed, amount);
  }
  return shortage;
}

std::optional<LeaseShortage> take_low(Stakes& stakes, Money amount) {
  std::optional<LeaseShortage> low;
  for (Stake& stake : stakes.list()) {
    if (stake.is_rate() || !stake.limits.any()) continue;
    Account& account = *stake.account;
    if (account.spent + account.held <= account.refill_at) continue;
    account.refill_at = Money::max();
    if (account.ceiling >= stake.limits[Window::lifetime]) continue;  // it can not be higher
    ask(low, stake, account.ceiling + Money::nano(1), amount);
  }
  return low;
}

namespace {

// Calls `visit(limit, room)` for every limit of a money account.
template <class Visit>
void each_room(const Stakes& stakes, const WindowEnds& now, const Visit& visit) {
  for (const Stake& stake : stakes.list()) {
    if (stake.is_rate()) continue;
    for (const Window window : kAllWindows) {
      const Money limit = stake.limits[window];
      if (!stake.limits.limits(window)) continue;
      const Account& account = stake.balance();
      visit(limit, room(account, window, limit, use_in(account, window, now), stake.covered));
    }
  }
}

}  // namespace

Money tightest(const Stakes& stakes, const WindowEnds& now) {
  Money least = Money::max();
  each_room(stakes, now, [&](Money, Money left) { least = min(least, left); });
  return least;
}

int percent_left(const Stakes& stakes, const WindowEnds& now) {
  int least = 100;
  each_room(stakes, now, [&](Money limit, Money left) {
    if (limit <= Money()) {
      least = 0;
      return;
    }
    const __int128 percent = static_cast<__int128>(left.nano()) * 100 / limit.nano();
    least = std::min(least, static_cast<int>(percent));
  });
  return least;
}

}  // namespace satgate::ledger
