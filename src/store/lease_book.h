// Leases: how much each account may have spent and held without asking the store again, committed
// before it is used (docs/decisions/0004-leases.md). Used by the keeper thread alone.
#pragma once

#include <span>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "ledger/account_table.h"
#include "ledger/ledger.h"
#include "store/sqlite/database.h"

namespace satgate::store {

struct Lease {
  AccountId account;
  AccountKind kind = AccountKind::token;
  Money ceiling;
};

class LeaseBook {
 public:
  // Grants what these calls need and a little more, in one commit. The ceilings may be raised in
  // the ledger once this has returned. What was granted meanwhile is not granted again.
  Result<std::vector<Lease>> extend(sqlite::Database& database,
                                    std::span<const ledger::LeaseShortage> shortages,
                                    const ledger::Ledger& ledger, Time now);

  static Result<std::vector<Lease>> read(sqlite::Database& database);
  // Gives all of them back. REQUIRES: what was spent under them is on disk in the journal.
  static Result<void> return_all(sqlite::Database& database);

 private:
  struct Granted {
    Money ceiling;
    Money slice;
    Time at;
  };
  Lease decide(const ledger::LeaseShortage::Need& need, Money used, Time now);

  std::unordered_map<AccountId, Granted, ledger::SeededHash> granted_;
};

}  // namespace satgate::store
