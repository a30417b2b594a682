// The bank: the ledger made durable, and the record of every decision.
//
// Balances live in memory (ledger::Ledger). Two things make them survive:
//  - leases: before an account may spend past its ceiling, a higher ceiling is committed to SQLite.
//    So after a power failure the books can be wrong by at most the lease, on the safe side.
//  - the journal: each hold is written before the call is forwarded and each end, with its audit
//    event, before the answer is complete. `write` makes it safe against kill -9; a group
//    `fdatasync` at most 5 ms behind makes it safe against power loss. A caller that must not go on
//    before (`audit.durability: strict`) waits until durable() has come to queued(), see hurry().
//    With `group_writes` holds and ends of many calls leave in one write: then a caller goes on
//    only after flush().
// A failed or uncertain write makes the bank refuse everything until it is opened again (Law 4.1).
//
// Thread-safe. Nothing on the call path touches SQLite: that is the keeper thread's work.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "contract/audit_event.h"
#include "contract/path.h"
#include "contract/reservation.h"
#include "ledger/ledger.h"

namespace satgate::store {

class ApprovalBook;
class DefinitionBook;
class InvoiceBook;
class PurchaseBook;
class RefundBook;
class Directory;
struct BankHooks;  // bank_hooks.h: what tests replace

struct BankOptions {
  std::filesystem::path data_dir;
  int64_t sync_ms = limits::journal_sync_ms_max;
  TimeZone timezone = {};     // of the windows
  bool group_writes = false;  // false: holds and ends are written when a method returns
};

// What recovery found, for the log and for `satgate doctor`.
struct RecoveryReport {
  uint64_t events_replayed = 0;
  uint64_t holds_charged = 0;       // calls cut by the crash: charged in full
  uint64_t leases_written_off = 0;  // accounts charged for what a power failure may have lost
  uint64_t bytes_dropped = 0;       // a torn last record, never more
};

// The bank cannot answer: a write failed, or it is draining. Refuse with ledger_unavailable.
struct Unavailable {
  std::string reason;
};

using ReserveError = std::variant<ledger::Misfit, ledger::LeaseShortage, Unavailable>;

class Bank {
 public:
  // Locks the data directory (a second gateway on it is refused by name), recovers, and starts the
  // keeper. A damaged journal is an error that names file, record and offset; nothing is guessed.
  static Result<std::unique_ptr<Bank>> open(const BankOptions& options, const Clock& clock);
  static Result<std::unique_ptr<Bank>> open(const BankOptions& options, const Clock& clock,
                                            const BankHooks& hooks);
  ~Bank();  // closes cleanly: leases returned, journal synced, checkpoint written

  const RecoveryReport& recovery() const;
  Directory& directory();         // tokens, budgets, revocations
  ApprovalBook& approvals();      // calls that wait for a person
  DefinitionBook& definitions();  // of tools, as they were accepted
  InvoiceBook& invoices();        // that were made for buyers
  PurchaseBook& purchases();      // what was bought of upstreams
  RefundBook& refunds();          // that went back to them
  bool healthy() const;           // false after a failed write
  std::string failure() const;    // why, for /readyz and `status`

  // Holds the quote on the path and writes the hold to the journal. On LeaseShortage call
  // `extend_leases` and try again when it calls back.
  std::expected<Reservation, ReserveError> reserve(const Path& path, Money worst, Time now);

  // Commits higher ceilings on the keeper thread and calls `done` from there: true when it is worth
  // trying again, false when the store failed.
  void extend_leases(const ledger::LeaseShortage& shortage, std::function<void(bool)> done);

  // Ends a reservation and writes the end together with the event of the call. The event's cost is
  // filled in here. After this returns without error the answer may be completed.
  std::expected<Receipt, Unavailable> settle(Reservation reservation, Money actual,
                                             AuditEvent& event);
  std::expected<Receipt, Unavailable> release(Reservation reservation, AuditEvent& event);
  std::expected<Receipt, Unavailable> forfeit(Reservation reservation, AuditEvent& event);

  // Writes an event that ends no reservation: denials, and what people do.
  std::expected<void, Unavailable> record(const AuditEvent& event);

  // Group writes. Records have numbers, given in order.
  uint64_t queued() const;   // the newest record
  uint64_t written() const;  // everything up to this one is in the kernel
  uint64_t durable() const;  // everything up to this one is on disk
  bool flush();              // writes everything queued; false: the bank has failed
  void hurry();              // asks the sync thread to write and sync at once
  // Called from the sync thread whenever durable() may have risen or the bank has failed. It must
  // not call the bank. One listener; null: none, and none is running any more.
  void on_sync(std::function<void()> listener);

  Money headroom(const Path& path, Time now) const;
  int percent_left(const Path& path, Time now) const;
  ledger::Balance balance(const AccountId& account, Time now) const;
  size_t held_count() const;

  // Moves a child's budget out of its parent's path; committed to SQLite before it returns.
  std::expected<void, std::variant<ledger::Misfit, Unavailable>> carve(const Path& parent_path,
                                                                       const AccountId& child,
                                                                       Money amount, Time now);
  bool close_carve(const AccountId& child);
  bool unblock(const AccountId& account);

  // Charges holds older than limits::reservation_seconds_max, with an `expire` event each. Called
  // about once a second by app/.
  void expire(Time now);

  // Waits until every event so far is in the books, where reports read.
  void flush_books();

  std::filesystem::path database_path() const;  // for read-only connections of room report/
  std::filesystem::path journal_dir() const;

 private:
  class Impl;
  explicit Bank(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace satgate::store
