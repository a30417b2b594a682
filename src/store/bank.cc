#include "store/bank.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "audit/event_json.h"
#include "store/bank_impl.h"
#include "store/carve_table.h"

namespace satgate::store {
namespace {

constexpr size_t kLinesMax = 2;  // records that are written together: an end and its overrun

// Both are reused by each thread, so that a call allocates nothing once they have grown.
std::string& empty_head() {
  thread_local std::string head;
  head.clear();
  return head;
}

std::string& empty_json() {
  thread_local std::string json;
  json.clear();
  return json;
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

ApprovalBook& Bank::approvals() {
  return *impl_->approvals;
}

DefinitionBook& Bank::definitions() {
  return *impl_->definitions;
}

InvoiceBook& Bank::invoices() {
  return impl_->invoices;
}

PurchaseBook& Bank::purchases() {
  return impl_->purchases;
}

RefundBook& Bank::refunds() {
  return impl_->refunds;
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
  std::shared_lock order(impl_->order);
  std::optional<ledger::LeaseShortage> low;
  auto held = impl_->ledger.reserve(path, worst, now, record, &low);
  if (!held) {
    if (const auto* misfit = std::get_if<ledger::Misfit>(&held.error())) {
      return std::unexpected(*misfit);
    }
    return std::unexpected(std::get<ledger::LeaseShortage>(held.error()));
  }
  std::string& head = empty_head();
  encode_hold(head, record);
  const bool queued = impl_->journal->queue({RecordType::hold, head, {}}).has_value();
  order.unlock();
  if (low) impl_->keeper->extend(*low, [](bool) {});
  if (!queued || !impl_->write_now()) {
    ledger::EndRecord end;
    impl_->ledger.release(std::move(*held), end);
    return std::unexpected(impl_->unavailable());
  }
  return std::move(*held);
}

void Bank::extend_leases(const ledger::LeaseShortage& shortage, std::function<void(bool)> done) {
  impl_->keeper->extend(shortage, std::move(done));
}

bool Bank::Impl::queue(std::span<const Line> lines) {
  std::string& json = empty_json();
  std::array<size_t, kLinesMax + 1> starts{};
  for (size_t i = 0; i < lines.size(); ++i) {
    audit::append_event_json(json, *lines[i].event);
    starts[i + 1] = json.size();
  }
  std::array<Journal::Entry, kLinesMax> entries;
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto event = std::string_view(json).substr(starts[i], starts[i + 1] - starts[i]);
    entries[i] = {lines[i].type, lines[i].head, event};
  }
  if (!journal->queue(std::span(entries).first(lines.size()))) return false;
  const std::lock_guard lock(rollups_mutex_);
  for (size_t i = 0; i < lines.size(); ++i)
    rollups_.add(*lines[i].event, entries[i].event, lines[i].cost);
  return true;
}

void Bank::Impl::take_page(Page& page) {
  page.rollups.clear();
  const std::lock_guard all(order);
  ledger.take_changes(page.changes);
  {
    const std::lock_guard lock(rollups_mutex_);
    std::swap(page.rollups, rollups_);
  }
  page.record_seq = journal->last_seq();
  page.event_seq = journal->chain().seq;
}

template <class Finish>
std::expected<Receipt, Unavailable> Bank::Impl::end(AuditEvent& event, const Finish& finish) {
  ledger::EndRecord record;
  std::shared_lock lock(order);
  const Receipt receipt = finish(record);
  // A reservation that had expired was charged then, with an event of its own.
  const bool had_expired = record.reservation == 0;
  event.cost = had_expired ? Money() : receipt.cost();
  std::string& head = empty_head();
  std::array<Line, 2> lines;
  size_t count = 1;
  if (had_expired) {
    lines[0] = {RecordType::event, {}, &event, {}};
  } else {
    encode_end(head, record);
    lines[0] = {RecordType::end, head, &event, record.cost};
  }
  std::optional<AuditEvent> overrun;
  if (receipt.overrun()) {
    overrun.emplace(event);
    overrun->kind = EventKind::overrun;
    overrun->cost.reset();  // it is the call's
    overrun->detail =
        "the upstream reported more than was reserved; the account is blocked until a person "
        "clears it";
    lines[count++] = {RecordType::event, {}, &*overrun, {}};
  }
  const bool queued = queue(std::span(lines).first(count));
  lock.unlock();
  if (!queued || !write_now()) return std::unexpected(unavailable());
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
  std::shared_lock lock(impl_->order);
  const Impl::Line line{RecordType::event, {}, &event, event.cost};
  const bool queued = impl_->queue(std::span(&line, 1));
  lock.unlock();
  if (!queued || !flush()) return std::unexpected(impl_->unavailable());
  return {};
}

uint64_t Bank::queued() const {
  return impl_->journal->last_seq();
}

uint64_t Bank::written() const {
  return impl_->journal->written_seq();
}

uint64_t Bank::durable() const {
  return impl_->journal->durable_seq();
}

bool Bank::flush() {
  return impl_->journal->flush();
}

void Bank::hurry() {
  impl_->journal->hurry();
}

void Bank::on_sync(std::function<void()> listener) {
  impl_->journal->on_sync(std::move(listener));
}

int Bank::percent_left(const Path& path, Time now) const {
  return impl_->ledger.percent_left(path, now);
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
  if (!healthy()) return false;
  {
    const std::shared_lock lock(impl_->order);
    if (!impl_->ledger.unblock(account)) return false;
    std::string& head = empty_head();
    encode_account(head, account);
    if (!impl_->journal->queue({RecordType::unblock, head, {}})) return false;
  }
  return impl_->journal->flush();
}

bool Bank::Impl::charge(const std::vector<ledger::EndRecord>& ends, EventKind kind,
                        std::string_view why, Time now) {
  for (const ledger::EndRecord& record : ends) {
    AuditEvent event;
    event.time = now;
    event.kind = kind;
    event.subject = "gateway";
    event.cost = record.cost;
    const std::string detail = fmt::format(
        "reservation {} {}: {}", record.reservation,
        record.end == Receipt::End::voided ? "of a buyer is given back" : "is charged in full",
        why);
    event.detail = detail;
    std::string& head = empty_head();
    encode_end(head, record);
    const Line line{RecordType::end, head, &event, record.cost};
    if (!queue(std::span(&line, 1))) return false;
  }
  return true;
}

void Bank::expire(Time now) {
  const Time deadline = later(now, -limits::reservation_seconds_max);
  {
    const std::shared_lock lock(impl_->order);
    const auto ends = impl_->ledger.expire(deadline);
    if (ends.empty()) return;
    // A failed write shows in healthy(); the next start charges them again from the journal.
    static_cast<void>(
        impl_->charge(ends, EventKind::expire, "nobody said how the call ended", now));
  }
  impl_->journal->flush();
}

void Bank::flush_books() {
  impl_->keeper->flush();
}

std::filesystem::path Bank::database_path() const {
  return impl_->dir.database();
}

std::filesystem::path Bank::journal_dir() const {
  return impl_->dir.journal();
}

}  // namespace satgate::store
