#include "store/keeper.h"

#include <algorithm>
#include <chrono>

#include "base/thread_name.h"
#include "store/sqlite/schema.h"

namespace satgate::store {
namespace {

constexpr uint64_t kEventsPerCheckpoint = 10'000;
constexpr auto kCheckpointPeriod = std::chrono::seconds(60);

}  // namespace

Keeper::Keeper(Parts parts, uint64_t booked_seq, uint64_t signed_seq, int64_t period_ms)
    : parts_(std::move(parts)),
      signed_seq_(signed_seq),
      period_ms_(period_ms),
      signed_at_(std::chrono::steady_clock::now()),
      book_at_(signed_at_ + std::chrono::milliseconds(period_ms)),
      booked_seq_(booked_seq) {
  thread_ = std::thread([this] { loop(); });
}

Keeper::~Keeper() {
  stop();
}

void Keeper::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

void Keeper::extend(const ledger::LeaseShortage& shortage, std::function<void(bool)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      requests_.push_back({shortage, std::move(done)});
      work_.notify_all();
      return;
    }
  }
  done(false);
}

bool Keeper::flush() {
  const uint64_t target = parts_.journal->last_seq();
  std::unique_lock lock(mutex_);
  wanted_seq_ = std::max(wanted_seq_, target);
  work_.notify_all();
  booked_.wait(lock,
               [&] { return booked_seq_ >= target || stopping_ || !parts_.journal->healthy(); });
  return booked_seq_ >= target;
}

void Keeper::loop() {
  name_this_thread("keeper");
  const auto period = std::chrono::milliseconds(period_ms_);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    work_.wait_for(lock, period,
                   [this] { return stopping_ || !requests_.empty() || wanted_seq_ > booked_seq_; });
    lock.unlock();
    grant_leases();
    if (parts_.journal->healthy() && is_time_to_book(std::chrono::steady_clock::now())) {
      auto done = parts_.directory->write_points();
      if (done) done = book();
      if (done) done = sign(false);
      if (!done) parts_.journal->fail_closed(done.error().message);
    }
    lock.lock();
    if (!parts_.journal->healthy()) wanted_seq_ = 0;
    booked_.notify_all();
  }
  lock.unlock();
  grant_leases();
}

// Leases may be asked for at any time; the books wait for their period, or for who wants them.
bool Keeper::is_time_to_book(std::chrono::steady_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (wanted_seq_ <= booked_seq_ && now < book_at_) return false;
  book_at_ = now + std::chrono::milliseconds(period_ms_);
  return true;
}

void Keeper::grant_leases() {
  std::vector<LeaseRequest> requests;
  {
    const std::lock_guard lock(mutex_);
    requests.swap(requests_);
  }
  if (requests.empty()) return;
  bool ok = parts_.journal->healthy();
  if (ok) {
    const auto granted = grant(requests);
    ok = granted.has_value();
    // Whether the commit reached the disk is unknown now: nothing may be spent under it.
    if (!ok) parts_.journal->fail_closed(granted.error().message);
  }
  for (const LeaseRequest& request : requests)
    request.done(ok);
}

Result<void> Keeper::grant(const std::vector<LeaseRequest>& requests) {
  std::vector<ledger::LeaseShortage> shortages;
  for (const LeaseRequest& request : requests)
    shortages.push_back(request.shortage);
  const std::lock_guard lock(parts_.shared->mutex);
  TRY_ASSIGN(const std::vector<Lease> leases, leases_.extend(parts_.shared->database, shortages,
                                                             *parts_.ledger, parts_.clock->now()));
  for (const Lease& lease : leases)
    parts_.ledger->raise_ceiling(lease.account, lease.kind, lease.ceiling);
  return {};
}

Result<void> Keeper::book() {
  if (parts_.journal->last_seq() <= booked_seq_) return {};
  parts_.take_page(page_);
  page_.signed_seq = signed_seq_;
  // The books must never be ahead of the journal on disk.
  if (!parts_.journal->sync_now()) return fail(parts_.journal->failure());
  {
    const std::lock_guard lock(parts_.shared->mutex);
    TRY(books_.write(parts_.shared->database, page_));
  }
  const std::lock_guard lock(mutex_);
  booked_seq_ = page_.record_seq;
  return {};
}

Result<void> Keeper::sign(bool now) {
  const auto time = std::chrono::steady_clock::now();
  const uint64_t unsigned_events = parts_.journal->chain().seq - signed_seq_;
  const bool due = now || unsigned_events >= kEventsPerCheckpoint ||
                   (unsigned_events > 0 && time - signed_at_ >= kCheckpointPeriod);
  if (!due) return {};
  TRY_ASSIGN(signed_seq_,
             parts_.journal->append_checkpoint(*parts_.key, signed_seq_, parts_.clock->now()));
  signed_at_ = time;
  return {};
}

Result<void> Keeper::close() {
  stop();
  TRY(parts_.directory->write_points());
  // The checkpoint says of everything before it that it is on disk, so that comes first.
  if (!parts_.journal->sync_now()) return fail(parts_.journal->failure());
  TRY(sign(true));
  if (!parts_.journal->sync_now()) return fail(parts_.journal->failure());
  TRY(book());
  const std::lock_guard lock(parts_.shared->mutex);
  sqlite::Database& database = parts_.shared->database;
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
  TRY(LeaseBook::return_all(database));
  TRY(sqlite::set_meta(database, "closed_seq", static_cast<int64_t>(parts_.journal->last_seq())));
  return transaction.commit();
}

}  // namespace satgate::store
