#include "store/bank.h"

#include <fmt/format.h>

#include <array>
#include <span>

#include "audit/event_json.h"
#include "store/bank_impl.h"
#include "store/carve_table.h"

namespace satgate::store {
namespace {

// Reused by each thread, so that a call allocates nothing once they have grown.
struct Buffers {
  std::string head;
  std::string json;
};

Buffers& buffers() {
  thread_local Buffers mine;
  mine.head.clear();
  mine.json.clear();
  return mine;
}

}  // namespace

Bank::Bank(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Bank::~Bank() {
  // What can not be closed cleanly is recovered at the next start; nobody is left to tell.
  if (impl_->journal->healthy()) static_cast<void>(impl_->keeper->close());
}

const RecoveryReport& Bank::recovery() const {
  return impl_->report;
}

Directory& Bank::directory() {
  return *impl_->directory;
}

bool Bank::healthy() const {
  return impl_->journal->healthy();
}

std::string Bank::failure() const {
  return impl_->journal->failure();
}

std::expected<Reservation, ReserveError> Bank::reserve(const Path& path, Money worst, Time now) {
  if (!healthy()) return std::unexpected(impl_->unavailable());
  ledger::HoldRecord record;
  auto held = impl_->ledger.reserve(path, worst, now, record);
  if (!held) {
    if (const auto* misfit = std::get_if<ledger::Misfit>(&held.error())) {
      return std::unexpected(*misfit);
    }
    return std::unexpected(std::get<ledger::LeaseShortage>(held.error()));
  }
  Buffers& scratch = buffers();
  encode_hold(scratch.head, record);
  if (!impl_->journal->append({RecordType::hold, scratch.head, {}})) {
    ledger::EndRecord end;
    impl_->ledger.release(std::move(*held), end);
    return std::unexpected(impl_->unavailable());
  }
  return std::move(*held);
}

void Bank::extend_leases(const ledger::LeaseShortage& shortage, std::function<void(bool)> done) {
  impl_->keeper->extend(shortage, std::move(done));
}

template <class Finish>
std::expected<Receipt, Unavailable> Bank::Impl::end(AuditEvent& event, const Finish& finish) {
  ledger::EndRecord record;
  const Receipt receipt = finish(record);
  // A reservation that had expired was charged then, with an event of its own.
  const bool had_expired = record.reservation == 0;
  event.cost = had_expired ? Money() : receipt.cost();
  Buffers& scratch = buffers();
  if (!had_expired) encode_end(scratch.head, record);
  audit::append_event_json(scratch.json, event);
  std::array<Journal::Entry, 2> entries;
  size_t count = 1;
  entries[0] = {had_expired ? RecordType::event : RecordType::end, scratch.head, scratch.json};
  std::string overrun_json;
  if (receipt.overrun()) {
    AuditEvent overrun = event;
    overrun.kind = EventKind::overrun;
    overrun.cost.reset();  // it is the call's
    overrun.detail =
        "the upstream reported more than was reserved; the account is blocked until a person "
        "clears it";
    audit::append_event_json(overrun_json, overrun);
    entries[count++] = {RecordType::event, {}, overrun_json};
  }
  if (!journal->append(std::span(entries).first(count))) return std::unexpected(unavailable());
  return receipt;
}

std::expected<Receipt, Unavailable> Bank::settle(Reservation reservation, Money actual,
                                                 AuditEvent& event) {
  return impl_->end(event, [&](ledger::EndRecord& record) {
    return impl_->ledger.settle(std::move(reservation), actual, record);
  });
}

std::expected<Receipt, Unavailable> Bank::release(Reservation reservation, AuditEvent& event) {
  return impl_->end(event, [&](ledger::EndRecord& record) {
    return impl_->ledger.release(std::move(reservation), record);
  });
}

std::expected<Receipt, Unavailable> Bank::forfeit(Reservation reservation, AuditEvent& event) {
  return impl_->end(event, [&](ledger::EndRecord& record) {
    return impl_->ledger.forfeit(std::move(reservation), record);
  });
}

std::expected<void, Unavailable> Bank::record(const AuditEvent& event) {
  Buffers& scratch = buffers();
  audit::append_event_json(scratch.json, event);
  if (!impl_->journal->append({RecordType::event, {}, scratch.json})) {
    return std::unexpected(impl_->unavailable());
  }
  return {};
}

void Bank::when_durable(std::function<void(bool)> done) {
  if (impl_->options.durability == Durability::strict) {
    impl_->journal->when_durable(std::move(done));
  } else {
    done(true);
  }
}

Money Bank::headroom(const Path& path, Time now) const {
  return impl_->ledger.headroom(path, now);
}

ledger::Balance Bank::balance(const AccountId& account, Time now) const {
  return impl_->ledger.balance(account, now);
}

size_t Bank::held_count() const {
  return impl_->ledger.held_count();
}

std::expected<void, std::variant<ledger::Misfit, Unavailable>> Bank::carve(const Path& parent_path,
                                                                           const AccountId& child,
                                                                           Money amount, Time now) {
  if (!healthy()) return std::unexpected(impl_->unavailable());
  ledger::CarveState state;
  if (const auto carved = impl_->ledger.carve(parent_path, child, amount, now, state); !carved) {
    return std::unexpected(carved.error());
  }
  const std::lock_guard lock(impl_->shared.mutex);
  if (const auto stored = store_carve(impl_->shared.database, state); !stored) {
    impl_->ledger.close_carve(child);
    impl_->journal->fail_closed(stored.error().message);
    return std::unexpected(impl_->unavailable());
  }
  return {};
}

bool Bank::close_carve(const AccountId& child) {
  if (!healthy() || !impl_->ledger.close_carve(child)) return false;
  const std::lock_guard lock(impl_->shared.mutex);
  if (const auto stored = store_carve_closed(impl_->shared.database, child); !stored) {
    impl_->journal->fail_closed(stored.error().message);
    return false;
  }
  return true;
}

bool Bank::unblock(const AccountId& account) {
  if (!healthy() || !impl_->ledger.unblock(account)) return false;
  Buffers& scratch = buffers();
  encode_account(scratch.head, account);
  return impl_->journal->append({RecordType::unblock, scratch.head, {}}).has_value();
}

Result<void> Bank::Impl::charge(const std::vector<ledger::EndRecord>& ends, EventKind kind,
                                std::string_view why, Time now) {
  for (const ledger::EndRecord& record : ends) {
    AuditEvent event;
    event.time = now;
    event.kind = kind;
    event.subject = "gateway";
    event.cost = record.cost;
    const std::string detail =
        fmt::format("reservation {} is charged in full: {}", record.reservation, why);
    event.detail = detail;
    Buffers& scratch = buffers();
    encode_end(scratch.head, record);
    audit::append_event_json(scratch.json, event);
    TRY(journal->append({RecordType::end, scratch.head, scratch.json}));
  }
  return {};
}

void Bank::expire(Time now) {
  const Time deadline{now.unix_ns - limits::reservation_seconds_max * kNanoPerSecond};
  const auto ends = impl_->ledger.expire(deadline);
  // A failed write shows in healthy(); the next start charges them again from the journal.
  static_cast<void>(impl_->charge(ends, EventKind::expire, "nobody said how the call ended", now));
}

void Bank::flush_projection() {
  impl_->keeper->flush();
}

std::filesystem::path Bank::database_path() const {
  return impl_->dir.database();
}

std::filesystem::path Bank::journal_dir() const {
  return impl_->dir.journal();
}

}  // namespace satgate::store
