// What the store keeps about tokens and named budgets. Balances are not here: they are the
// ledger's.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "contract/spend_limits.h"
#include "contract/verified_token.h"

namespace satgate {

using Windows = std::array<bool, kWindowCount>;

// Other limits for some windows. What was used stays used.
struct LimitChange {
  SpendLimits limits;  // Money::max() in a window: as it is, unless
  Windows lifted{};    // the limit there is taken away
  bool any() const;
  SpendLimits applied_to(SpendLimits before) const;
  bool operator==(const LimitChange&) const = default;
};

// A temporary change of limits; it ends by itself at `until`.
struct LimitOverride {
  LimitChange change;
  Time until;
  bool operator==(const LimitOverride&) const = default;
};

// What of a token can be changed later.
struct TokenTerms {
  SpendLimits limits;
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<Money> alert_threshold;
};

// A minted token: a root, or a child carved by `mint`. The credential itself is never stored.
struct TokenRecord {
  TokenId id;
  AccountId account;  // token_account(id); the directory fills it in
  std::string name;   // unique
  std::string key_id;
  Time created;
  std::optional<Time> expires;  // for lists; the caveat in the token is what is enforced
  SpendLimits limits;           // hourly, daily, monthly, lifetime; changed by `token update`
  std::optional<LimitOverride> override_limits;
  std::string budget;  // named budget it spends from, or empty
  std::vector<std::pair<std::string, std::string>> labels;
  std::optional<Money> alert_threshold;  // 0.8 as Money::nano(800'000'000)
  std::vector<std::string> caveats;      // as minted: with id and key they are the token's text
  std::optional<TokenTerms> minted;      // as minted; none: nothing was changed since
  std::optional<TokenId> parent;         // carved from this token
  std::optional<AccountId>
      carved_account;             // the lineage account that holds a carved child's budget
  Money carved;                   // what was moved out of the parent
  std::optional<Sale> sale = {};  // of a paid token
  bool revoked = false;
  std::optional<Time> revoked_at;
};

// The limits in force at `now`: the record's own, with a live override on top.
SpendLimits effective_limits(const TokenRecord& record, Time now);

// A named envelope: team, department.
struct BudgetRecord {
  std::string name;    // unique
  std::string parent;  // or empty
  SpendLimits limits;
  bool from_config = false;  // declared under `budgets` in the config, which then owns its limits
  AccountId account = {};    // budget_account(name); the directory fills it in
};

// Accounts of records and of config rules, by kind of name.
AccountId token_account(const TokenId& token);
AccountId budget_account(std::string_view name);

}  // namespace satgate
