#include "store/keeper.h"

#include <algorithm>
#include <chrono>

#include "store/sqlite/schema.h"

namespace satgate::store {
namespace {

// Small enough that a lease or a change of a token waits only a few milliseconds for a batch.
constexpr size_t kBatchRecords = 512;
constexpr uint64_t kEventsPerCheckpoint = 10'000;
constexpr auto kCheckpointPeriod = std::chrono::seconds(60);

}  // namespace

Keeper::Keeper(const Parts& parts, std::unique_ptr<Projection> projection, JournalReader reader,
               uint64_t signed_seq, int64_t period_ms)
    : parts_(parts),
      projection_(std::move(projection)),
      reader_(std::move(reader)),
      signed_seq_(signed_seq),
      period_ms_(period_ms),
      signed_at_(std::chrono::steady_clock::now()),
      projected_seq_(projection_->position()) {
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
  if (!parts_.journal->sync_now()) return false;
  const uint64_t target = parts_.journal->last_seq();
  std::unique_lock lock(mutex_);
  wanted_seq_ = std::max(wanted_seq_, target);
  work_.notify_all();
  projected_.wait(
      lock, [&] { return projected_seq_ >= target || stopping_ || !parts_.journal->healthy(); });
  return projected_seq_ >= target;
}

bool Keeper::lease_waits() {
  const std::lock_guard lock(mutex_);
  return !requests_.empty();
}

void Keeper::loop() {
  const auto period = std::chrono::milliseconds(period_ms_);
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    work_.wait_for(lock, period, [this] {
      return stopping_ || !requests_.empty() || wanted_seq_ > projected_seq_;
    });
    lock.unlock();
    grant_leases();
    if (parts_.journal->healthy()) {
      auto done = parts_.directory->write_points();
      if (done) done = project();
      if (done) done = sign(false);
      if (!done) parts_.journal->fail_closed(done.error().message);
    }
    lock.lock();
    if (!parts_.journal->healthy()) wanted_seq_ = 0;
    projected_.notify_all();
  }
  lock.unlock();
  grant_leases();
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

Result<void> Keeper::project() {
  while (true) {
    const uint64_t durable = parts_.journal->durable_seq();
    if (projection_->position() >= durable) return {};
    {
      const std::lock_guard lock(parts_.shared->mutex);
      TRY(projection_->advance(parts_.shared->database, reader_, durable, kBatchRecords));
    }
    {
      const std::lock_guard lock(mutex_);
      projected_seq_ = projection_->position();
    }
    if (lease_waits()) grant_leases();
  }
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
  TRY(project());
  const std::lock_guard lock(parts_.shared->mutex);
  sqlite::Database& database = parts_.shared->database;
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(database));
  TRY(LeaseBook::return_all(database));
  TRY(sqlite::set_meta(database, "closed_seq", static_cast<int64_t>(parts_.journal->last_seq())));
  return transaction.commit();
}

}  // namespace satgate::store
