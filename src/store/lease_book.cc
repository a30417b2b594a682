#include "store/lease_book.h"

#include "store/record.h"

namespace satgate::store {
namespace {

using sqlite::Statement;

// A lease is what a power failure may cost the spender, so it is a small part of the limit. Where
// only windows limit, there is no total to take a part of: the slice starts at a few calls and
// doubles while the account is busy, so that a hot account commits a few leases a second.
constexpr int64_t kPartsOfLimit = 64;
constexpr int64_t kCallsMin = 8;
constexpr int64_t kCallsMax = 16'384;
constexpr int64_t kBusySeconds = 2;

}  // namespace

Lease LeaseBook::decide(const ledger::LeaseShortage::Need& need, Money used, Time now) {
  Granted& granted = granted_[need.account];
  const Money call = max(need.call, Money::nano(1));
  Money slice = call * kCallsMin;
  if (need.limit != Money::max()) {
    slice = max(slice, Money::nano(need.limit.nano() / kPartsOfLimit));
  } else if (now < later(granted.at, kBusySeconds)) {
    slice = max(slice, min(granted.slice * 2, call * kCallsMax));
  }
  const Money wanted = max(need.ceiling_min + call * kCallsMin, used + slice);
  granted = {max(need.ceiling_min, min(need.limit, wanted)), slice, now};
  return {need.account, need.kind, granted.ceiling};
}

Result<std::vector<Lease>> LeaseBook::extend(sqlite::Database& database,
                                             std::span<const ledger::LeaseShortage> shortages,
                                             const ledger::Ledger& ledger, Time now) {
  std::vector<Lease> leases;
  for (const ledger::LeaseShortage& shortage : shortages) {
    for (const auto& need : std::span(shortage.needs).first(shortage.size)) {
      const auto found = granted_.find(need.account);
      if (found != granted_.end() && found->second.ceiling >= need.ceiling_min) continue;
      const ledger::Balance balance = ledger.balance(need.account, now);
      leases.push_back(decide(need, balance.spent + balance.held, now));
    }
  }
  if (leases.empty()) return leases;
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
  TRY_ASSIGN(Statement put, database.prepare("REPLACE INTO leases VALUES (?, ?, ?)"));
  for (const Lease& lease : leases) {
    put.bind_blob(1, lease.account.view()).bind(2, static_cast<int64_t>(lease.kind));
    TRY(put.bind(3, lease.ceiling.nano()).run());
  }
  TRY(transaction.commit());
  return leases;
}

Result<std::vector<Lease>> LeaseBook::read(sqlite::Database& database) {
  std::vector<Lease> leases;
  TRY_ASSIGN(Statement rows, database.prepare("SELECT account, kind, ceiling FROM leases"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return leases;
    const auto account = decode_account(rows.text(0));
    const int64_t kind = rows.integer(1);
    if (!account || kind < 0 || kind > static_cast<int64_t>(kLastAccountKind)) {
      return fail("database: a stored lease can not be read");
    }
    leases.push_back({*account, static_cast<AccountKind>(kind), Money::nano(rows.integer(2))});
  }
}

Result<void> LeaseBook::return_all(sqlite::Database& database) {
  return database.execute("DELETE FROM leases");
}

}  // namespace satgate::store
