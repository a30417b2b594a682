// The books: what is at rest in SQLite. Balances, open holds and roll-ups, all as of one record of
// the journal. A restart loads them and replays the journal from there.
//
// They are written from the ledger of the call path itself: a page is what changed in it up to a
// record. Page and position are one transaction, so a crash neither loses a record nor counts one
// twice.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/result.h"
#include "ledger/ledger.h"
#include "store/journal_reader.h"
#include "store/rollup.h"
#include "store/sqlite/database.h"

namespace satgate::store {

// Replays one record into a ledger, whatever it is. Fails when it can not be: the journal is then
// damaged or contradicts the books.
Result<void> replay(ledger::Ledger& ledger, const RecordView& record);

// What the record says was spent, if anything: charged to accounts or, in observe, only recorded.
// REQUIRES: replay() has taken it.
std::optional<Money> spent(const RecordView& record);

// The number of the event that a checkpoint record signs.
Result<uint64_t> signed_event(const RecordView& checkpoint);

// Loads what was at rest at `meta.projected_seq`.
Result<void> load_books(sqlite::Database& database, ledger::Ledger& ledger);

// What happened since the page before, up to a record.
struct Page {
  ledger::Changes changes;
  Rollups rollups;
  uint64_t record_seq = 0;
  uint64_t event_seq = 0;   // number in the hash chain of the last event up to there
  uint64_t signed_seq = 0;  // last event under a checkpoint
};

// Writes pages. Used by the keeper thread alone.
class Books {
 public:
  // REQUIRES: everything up to `page.record_seq` is on disk in the journal, which the books must
  // never be ahead of.
  Result<void> write(sqlite::Database& database, const Page& page);

 private:
  Result<void> write_rollups(sqlite::Database& database, const Rollups& rollups);
  Result<int64_t> key_id(sqlite::Database& database, const RollupKey& key,
                         std::string_view dimensions);

  Result<void> write_index(sqlite::Database& database, const Page& page);

  std::unordered_map<std::string, int64_t> key_ids_;  // a bounded cache
  // Of table journal_index: its newest event, and the latest time of any event so far.
  uint64_t indexed_event_ = 0;
  int64_t latest_second_ = INT64_MIN;
};

}  // namespace satgate::store
