// Opening a bank: what the last run left, made whole.
#include <fmt/format.h>

#include "store/bank_impl.h"
#include "store/carve_table.h"
#include "store/read_ahead.h"
#include "store/sqlite/schema.h"

namespace satgate::store {

// How the last run ended.
struct Bank::Impl::Run {
  uint64_t projected_seq = 0;
  uint64_t closed_seq = 0;  // 0: it did not close
  uint64_t signed_seq = 0;
  bool power_failed = false;
};

Result<std::unique_ptr<Bank>> Bank::open(const BankOptions& options, const Clock& clock) {
  return open(options, clock, BankHooks());
}

Result<std::unique_ptr<Bank>> Bank::open(const BankOptions& options, const Clock& clock,
                                         const BankHooks& hooks) {
  TRY_ASSIGN(DataDir dir, DataDir::open(options.data_dir));
  TRY_ASSIGN(audit::SigningKey key, dir.signing_key());
  TRY_ASSIGN(sqlite::Database database, sqlite::Database::open(dir.database()));
  TRY(sqlite::migrate(database));
  auto impl =
      std::make_unique<Impl>(options, clock, std::move(dir), std::move(key), std::move(database));
  TRY(impl->recover(hooks));
  return std::unique_ptr<Bank>(new Bank(std::move(impl)));
}

Result<void> Bank::Impl::recover(const BankHooks& hooks) {
  sqlite::Database& database = shared.database;
  const Time now = clock.now();
  Run run;
  TRY_ASSIGN(const int64_t projected, sqlite::meta_integer(database, "projected_seq"));
  TRY_ASSIGN(const int64_t closed, sqlite::meta_integer(database, "closed_seq"));
  TRY_ASSIGN(const std::string boot_id, sqlite::meta_text(database, "boot_id"));
  TRY_ASSIGN(const int64_t next_reservation, sqlite::meta_integer(database, "next_reservation"));
  run.projected_seq = static_cast<uint64_t>(projected);
  run.closed_seq = static_cast<uint64_t>(closed);
  // Within one run of the machine the page cache keeps what a killed process wrote.
  run.power_failed = closed == 0 && (hooks.boot_id.empty() || boot_id != hooks.boot_id);

  TRY(load_books(database, ledger));
  TRY(load_carves(database, ledger));
  TRY_ASSIGN(const JournalReader end, replay_journal(run));
  if (end.segment() == 0 && !boot_id.empty()) {
    return fail(
        fmt::format("the journal is missing in {}: what was spent is unknown. Restore the data "
                    "directory from a backup",
                    dir.journal().string()));
  }
  JournalOptions journal_options;
  journal_options.directory = dir.journal();
  journal_options.sync_ms = options.sync_ms;
  journal_options.segment_bytes = hooks.segment_bytes;
  journal_options.files = hooks.files;
  TRY_ASSIGN(journal, Journal::open(journal_options, end));

  // Before what is open is charged: what that left free may have been spent again.
  if (run.power_failed) TRY(write_off_leases(now));
  const auto ends = ledger.finish_recovery(static_cast<uint64_t>(next_reservation));
  report.holds_charged = ends.size();
  if (!charge(ends, EventKind::recovery, "the gateway stopped while the call was under way", now)) {
    return fail(journal->failure());
  }
  TRY(move_windows());
  // What the leases covered is charged now, or known not to be spent: they start anew. Only after
  // the journal is on disk, because it alone says what was spent.
  if (!journal->sync_now()) return fail(journal->failure());
  {
    TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
    TRY(LeaseBook::return_all(database));
    TRY(sqlite::set_meta(database, "boot_id", hooks.boot_id));
    TRY(sqlite::set_meta(database, "closed_seq", int64_t{0}));
    TRY(transaction.commit());
  }
  TRY_ASSIGN(sqlite::Database reader, sqlite::Database::open_read_only(dir.database()));
  TRY_ASSIGN(directory, SqliteDirectory::open(shared, std::move(reader)));
  TRY_ASSIGN(approvals, ApprovalBook::open(shared, now));
  TRY_ASSIGN(definitions, DefinitionBook::open(shared));
  Keeper::Parts parts{&ledger, journal.get(), &shared, directory.get(), &key, &clock, {}};
  parts.take_page = [this](Page& page) { take_page(page); };
  keeper =
      std::make_unique<Keeper>(std::move(parts), run.projected_seq, signed_seq, hooks.keeper_ms);
  return {};
}

Result<JournalReader> Bank::Impl::replay_journal(const Run& run) {
  ReadOptions read;
  read.from_seq = run.projected_seq + 1;
  read.power_failed = run.power_failed;
  read.durable_seq = std::max(run.projected_seq, run.closed_seq);
  TRY_ASSIGN(auto opened, JournalReader::open(dir.journal(), read));
  TRY_ASSIGN(const int64_t signed_before, sqlite::meta_integer(shared.database, "signed_seq"));
  signed_seq = static_cast<uint64_t>(signed_before);
  ReadAhead reader(std::move(opened));
  RecordView record;
  while (true) {
    TRY_ASSIGN(const bool found, reader.next(record));
    if (!found) break;
    if (auto replayed = replay(ledger, record); !replayed) {
      return fail(
          fmt::format("the journal is damaged: {}: {}", reader.place(), replayed.error().message));
    }
    if (record.type == RecordType::checkpoint) {
      TRY_ASSIGN(signed_seq, signed_event(record));
    }
    if (!record.carries_event()) continue;
    ++report.events_replayed;
    if (auto added = rollups_.add(record.event_json(), spent(record)); !added) {
      return fail(
          fmt::format("the journal is damaged: {}: {}", reader.place(), added.error().message));
    }
  }
  JournalReader end = reader.finish();
  report.bytes_dropped = end.torn_bytes();
  return end;
}

// Written before anybody is served: what a window holds now must be found in it by a later replay.
Result<void> Bank::Impl::move_windows() {
  std::string head;
  for (const ledger::MovedWindows& moved : ledger.move_windows()) {
    head.clear();
    encode_windows(head, moved);
    if (!journal->queue({RecordType::windows, head, {}})) return fail(journal->failure());
  }
  return {};
}

// The unsynced end of the journal may be lost, and with it up to a lease of spending per account.
// It is charged: the cap holds at the spender's expense.
Result<void> Bank::Impl::write_off_leases(Time now) {
  TRY_ASSIGN(const std::vector<Lease> leases, LeaseBook::read(shared.database));
  std::string head;
  for (const Lease& lease : leases) {
    const ledger::Loss loss = ledger.loss_of(lease.account, lease.ceiling, now);
    if (!loss.any()) continue;
    AuditEvent event;
    event.time = now;
    event.kind = EventKind::recovery;
    event.subject = "gateway";
    event.cost = loss.amount;
    const std::string detail =
        fmt::format("power failed: the rest of the lease of {} account {} is charged",
                    to_string(lease.kind), to_string(lease.account));
    event.detail = detail;
    head.clear();
    encode_write_off(head, {lease.account, lease.kind, now, loss});
    const Line line{RecordType::write_off, head, &event, loss.amount};
    if (!queue(std::span(&line, 1))) return fail(journal->failure());
    ledger.raise_ceiling(lease.account, lease.kind, Money());
    ledger.write_off(lease.account, loss);
    ++report.leases_written_off;
  }
  return {};
}

}  // namespace satgate::store
