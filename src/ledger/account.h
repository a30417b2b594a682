// One account in memory, and the arithmetic of Law 1 on it. No locks, no lookups.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/money.h"
#include "base/time.h"
#include "contract/path.h"
#include "contract/spend_limits.h"
#include "ledger/calendar.h"

namespace satgate::ledger {

struct WindowUse {
  int64_t end = 0;  // names the window; only ever rises: a clock that steps back opens none again
  Money spent, held;
};

struct Carve;

struct Account {
  Money spent, held;  // over the lifetime
  Money carved;       // the sum of `left()` over the open carves that name this account
  Money ceiling;
  Money refill_at;  // using more than this asks for a higher ceiling, ahead of need
  std::array<WindowUse, kCalendarWindows> windows{};
  Carve* carve = nullptr;  // the open carve whose child this account is
  AccountKind kind = AccountKind::token;
  bool blocked = false;
  bool changed = false;  // since the last take_changes()

  bool has_history() const {
    return carve != nullptr || spent != Money() || held != Money() || carved != Money();
  }
};

// An open carve. What is left of it follows from the child's balance, so it can not drift.
struct Carve {
  Money amount;
  Account* child = nullptr;
  std::vector<Account*> from;

  // What the child may still take out of the accounts that gave the carve. Never negative: a
  // child whose own limit was raised beyond the carve needs headroom of its parents for the rest.
  Money left() const { return max(Money(), amount - child->spent - child->held); }
};

// The only way to change `spent` and `held`: a carve this account is the child of follows along.
void change_use(Account& account, Money spent_delta, Money held_delta);

// What counts against a limit in one window.
struct Use {
  Money spent, held;
};
Use use_in(const Account& account, Window window, const WindowEnds& now);

// How much more fits under `limit`. `covered` is what open carves on the path have set aside on
// this account for exactly this path.
Money room(const Account& account, Window window, Money limit, const Use& use, Money covered);

}  // namespace satgate::ledger
