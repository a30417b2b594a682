// The projection: what the journal says, as SQL tables that reports read and that a restart starts
// from. Each batch of records is one transaction together with its position, so a crash between
// batches neither loses a record nor counts one twice.
//
// The balances at that position are computed by a second ledger that replays the journal: the same
// code as the ledger of the call path, so the two can not disagree.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "ledger/account_table.h"
#include "ledger/ledger.h"
#include "store/journal_reader.h"
#include "store/sqlite/database.h"

namespace satgate::store {

// Replays one record into a ledger, whatever it is. Fails when it can not be: the journal is then
// damaged or contradicts the snapshot.
Result<void> replay(ledger::Ledger& ledger, const RecordView& record);

// The number of the event that a checkpoint record signs.
Result<uint64_t> signed_event(const RecordView& checkpoint);

// Loads what the tables say was at rest at `meta.projected_seq`.
Result<void> load_at_rest(sqlite::Database& database, ledger::Ledger& ledger);

class Projection {
 public:
  static Result<std::unique_ptr<Projection>> load(sqlite::Database& database);

  // The last record that is in the tables.
  uint64_t position() const { return position_; }

  uint64_t signed_seq() const { return signed_seq_; }

  // Takes in at most `count_max` records up to `up_to`, which must be on disk already: the tables
  // must never be ahead of the journal. Returns how many. After an error the object is of no use.
  Result<size_t> advance(sqlite::Database& database, JournalReader& reader, uint64_t up_to,
                         size_t count_max);

 private:
  Projection() = default;
  // Notes which accounts and holds the record changes. Returns what it charged, if anything.
  std::optional<Money> note(const RecordView& record);
  Result<void> write_accounts(sqlite::Database& database);
  Result<void> write_holds(sqlite::Database& database);

  ledger::Ledger shadow_;
  std::unordered_map<uint64_t, ledger::HoldRecord> open_;  // holds without an end
  std::unordered_set<uint64_t> stored_;                    // those of them that are in the tables
  std::unordered_set<AccountId, ledger::SeededHash> touched_;  // by this batch
  uint64_t position_ = 0;
  uint64_t next_reservation_ = 1;
  uint64_t signed_seq_ = 0;  // last event that a checkpoint covers
};

}  // namespace satgate::store
