// The parts of an open bank, in the order in which they are made.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string_view>

#include "store/approval_book.h"
#include "store/bank.h"
#include "store/bank_hooks.h"
#include "store/books.h"
#include "store/definition_book.h"
#include "store/invoice_book.h"
#include "store/journal.h"
#include "store/keeper.h"
#include "store/purchase_book.h"
#include "store/refund_book.h"
#include "store/shared_database.h"
#include "store/sqlite_directory.h"

namespace satgate::store {

class Bank::Impl {
 public:
  Impl(const BankOptions& bank_options, const Clock& bank_clock, DataDir data_dir,
       audit::SigningKey signing_key, sqlite::Database database)
      : options(bank_options),
        clock(bank_clock),
        dir(std::move(data_dir)),
        key(std::move(signing_key)),
        shared(std::move(database)),
        ledger(bank_options.timezone) {}

  const BankOptions options;
  const Clock& clock;
  const DataDir dir;
  const audit::SigningKey key;
  SharedDatabase shared;
  ledger::Ledger ledger;
  RecoveryReport report;
  uint64_t signed_seq = 0;  // last event under a checkpoint when the bank was opened
  std::unique_ptr<SqliteDirectory> directory;
  std::unique_ptr<ApprovalBook> approvals;
  std::unique_ptr<DefinitionBook> definitions;
  InvoiceBook invoices{shared};
  PurchaseBook purchases{shared};
  RefundBook refunds{shared};
  std::unique_ptr<Journal> journal;
  std::unique_ptr<Keeper> keeper;

  // Held shared from a change of the ledger to the moment its record is queued, and exclusively by
  // whoever takes a page: a page never has a change whose record is not behind it.
  std::shared_mutex order;

  // Brings ledger and journal to where the last run stopped (bank_recovery.cc).
  Result<void> recover(const BankHooks& hooks);

  // A record with its event. `cost` is what the record says was spent.
  struct Line {
    RecordType type = RecordType::event;
    std::string_view head;
    const AuditEvent* event = nullptr;
    std::optional<Money> cost;
  };
  // Queues the records and adds their events up. REQUIRES: `order` is held shared.
  bool queue(std::span<const Line> lines);
  // For holds and ends.
  bool write_now() { return options.group_writes || journal->flush(); }
  void take_page(Page& page);

  // Writes the end of a reservation with its event. `finish` does it in the ledger.
  template <class Finish>
  std::expected<Receipt, Unavailable> end(AuditEvent& event, const Finish& finish);
  // Writes ends that no call is waiting for, each with an event of `kind`.
  // REQUIRES: `order` is held shared, or nobody else is there yet.
  bool charge(const std::vector<ledger::EndRecord>& ends, EventKind kind, std::string_view why,
              Time now);
  Unavailable unavailable() const { return {journal->failure()}; }

 private:
  struct Run;
  Result<JournalReader> replay_journal(const Run& run);
  Result<void> move_windows();
  Result<void> write_off_leases(Time now);

  std::mutex rollups_mutex_;
  Rollups rollups_;  // since the last page
};

}  // namespace satgate::store
