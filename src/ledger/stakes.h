// The accounts of one path with what the call asks of each: the common view of checks and holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/fixed_vector.h"
#include "base/limits.h"
#include "contract/path.h"
#include "ledger/account_table.h"
#include "ledger/ledger.h"

namespace satgate::ledger {

struct Stake {
  AccountId id;
  Account* account = nullptr;  // null: the account has no history yet
  SpendLimits limits;
  WindowEnds windows{};  // of a hold: the windows it counts in
  Money covered;         // set aside on this account by open carves of this path
  size_t entry = 0;      // the first entry of the path with this account
  AccountKind kind = AccountKind::token;
  bool is_covered = false;  // such a carve exists, even if nothing is left of it

  bool is_rate() const { return kind == AccountKind::rate; }
  Money charge(Money amount) const { return is_rate() ? Money::credits(1) : amount; }
  const Account& balance() const;
};

class Stakes {
 public:
  Stakes() = default;
  // Each account once; one that stands on the path twice has the tighter of both limits.
  Stakes(const Path& path, AccountTable& accounts);

  std::span<Stake> list() { return list_.view(); }
  std::span<const Stake> list() const { return list_.view(); }
  void clear() { list_.clear(); }
  void add(const AccountId& id, Account& account, AccountKind kind);

  // Looks up again what open carves have set aside for this path.
  void cover();

 private:
  FixedVector<Stake, limits::path_accounts_max> list_;
};

// Why `amount` does not fit, in the order of ledger.h; nothing if it does.
std::optional<Misfit> find_misfit(const Stakes& stakes, Money amount, const WindowEnds& now);

// As find_misfit for a carve: what was set aside already needs no headroom, windows are not
// charged.
std::optional<Misfit> find_carve_misfit(const Stakes& stakes, Money amount);

// The accounts whose ceiling is too low for `amount`; nothing when there is none.
std::optional<LeaseShortage> find_shortage(const Stakes& stakes, Money amount);

// The accounts whose lease is running out, `amount` being held on them. Each is told once.
std::optional<LeaseShortage> take_low(Stakes& stakes, Money amount);

// The least that a limit of a money account leaves; Money::max() without limits.
Money tightest(const Stakes& stakes, const WindowEnds& now);

// The least share of a limit of a money account that is left, in whole percent, rounded down; 100
// without limits.
int percent_left(const Stakes& stakes, const WindowEnds& now);

}  // namespace satgate::ledger
