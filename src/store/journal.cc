#include "store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <future>
#include <iterator>

#include "audit/export.h"
#include "base/assert.h"

namespace satgate::store {

Result<std::unique_ptr<Journal>> Journal::open(const JournalOptions& options,
                                               const JournalReader& end) {
  std::unique_ptr<Journal> journal(new Journal(options));
  TRY(journal->reopen(end));
  journal->thread_ = std::thread([raw = journal.get()] { raw->sync_loop(); });
  return journal;
}

Result<void> Journal::reopen(const JournalReader& end) {
  chain_ = end.chain();
  last_seq_ = end.next_seq() - 1;
  if (end.segment() == 0) {
    TRY(start_segment(1));
  } else {
    segment_ = end.segment();
    offset_ = end.offset();
    const auto path = options_.directory / segment_name(segment_);
    TRY_ASSIGN(Fd file, open_file(path, O_RDWR));
    file_ = std::make_shared<Fd>(std::move(file));
    // Cuts off a torn record and what was reserved, so that zeros follow the last record again.
    if (::ftruncate(file_->get(), static_cast<off_t>(offset_)) != 0 || ::fsync(file_->get()) != 0) {
      return fail(fmt::format("cannot write {}: {}", path.string(), errno_text(errno)));
    }
    TRY(sync(file_->get()));
    // Here only a convenience: a disk too full to reserve refuses at the first write.
    static_cast<void>(options_.files->allocate(file_->get(), options_.segment_bytes));
  }
  durable_seq_ = last_seq_.load();
  return {};
}

Journal::~Journal() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

Result<void> Journal::start_segment(uint32_t number) {
  const auto path = options_.directory / segment_name(number);
  TRY_ASSIGN(Fd file, open_file(path, O_RDWR | O_CREAT | O_TRUNC));
  if (options_.files->allocate(file.get(), options_.segment_bytes) != 0 && errno != EOPNOTSUPP) {
    return fail(fmt::format("cannot reserve {} bytes for {}: {}", options_.segment_bytes,
                            path.string(), errno_text(errno)));
  }
  SegmentHeader header;
  header.number = number;
  header.first_seq = last_seq_ + 1;
  header.chain = chain_.at();
  TRY(write_all(file.get(), encode_segment_header(header), 0));
  TRY(sync(file.get()));
  TRY(sync_directory(options_.directory));
  file_ = std::make_shared<Fd>(std::move(file));
  segment_ = number;
  offset_ = kSegmentHeaderBytes;
  return {};
}

Result<void> Journal::write_all(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t put = options_.files->write_at(fd, bytes.data(), bytes.size(), offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      return fail(fmt::format("cannot write to the journal in {}: {}", options_.directory.string(),
                              errno_text(put == 0 ? ENOSPC : errno)));
    }
    bytes.remove_prefix(static_cast<size_t>(put));
    offset += static_cast<uint64_t>(put);
  }
  return {};
}

Result<void> Journal::sync(int fd) {
  int result = 0;
  do {
    result = options_.files->sync_data(fd);
  } while (result != 0 && errno == EINTR);
  if (result == 0) return {};
  return fail(fmt::format("cannot sync the journal in {}: {}", options_.directory.string(),
                          errno_text(errno)));
}

Result<uint64_t> Journal::append(std::span<const Entry> entries) {
  const std::lock_guard lock(mutex_);
  return append_locked(entries);
}

Result<uint64_t> Journal::append_checkpoint(const audit::SigningKey& key, uint64_t signed_seq,
                                            Time now) {
  const std::lock_guard lock(mutex_);
  const audit::ChainPoint point = chain_.at();
  if (point.seq <= signed_seq) return signed_seq;
  std::string line;
  audit::append_checkpoint_line(line, key.sign(point, now));
  line.pop_back();  // the newline
  const Entry entry{RecordType::checkpoint, line, {}};
  TRY(append_locked(std::span(&entry, 1)));
  return point.seq;
}

Result<uint64_t> Journal::append_locked(std::span<const Entry> entries) {
  if (failed_) return fail(reason_);
  audit::Chain chain = chain_;
  uint64_t seq = last_seq_.load(std::memory_order_relaxed);
  buffer_.clear();
  for (const Entry& entry : entries) {
    append_record(buffer_, entry.type, ++seq, durable_seq(), entry.head, entry.event);
    if (!entry.event.empty()) chain.append(entry.event);
  }
  if (offset_ + buffer_.size() > options_.segment_bytes && offset_ > kSegmentHeaderBytes) {
    // Only the last segment may ever be torn: this one is complete on disk before the next exists.
    if (auto synced = sync(file_->get()); !synced) return fail_locked(synced.error().message);
    durable_seq_.store(last_seq_.load(std::memory_order_relaxed), std::memory_order_release);
    if (auto next = start_segment(segment_ + 1); !next) return fail_locked(next.error().message);
  }
  if (auto written = write_all(file_->get(), buffer_, offset_); !written) {
    return fail_locked(written.error().message);
  }
  offset_ += buffer_.size();
  chain_ = chain;
  last_seq_.store(seq, std::memory_order_release);
  if (idle_) {
    idle_ = false;
    work_.notify_all();
  }
  return seq;
}

audit::ChainPoint Journal::chain() const {
  const std::lock_guard lock(mutex_);
  return chain_.at();
}

std::unexpected<Error> Journal::fail_locked(std::string_view reason) {
  if (!failed_) {
    reason_ = reason;
    failed_.store(true, std::memory_order_release);
    hurry_ = true;
    work_.notify_all();
  }
  return fail(reason_);
}

void Journal::fail_closed(std::string_view reason) {
  const std::lock_guard lock(mutex_);
  static_cast<void>(fail_locked(reason));
}

std::string Journal::failure() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void Journal::when_durable(std::function<void(bool)> done) {
  {
    const std::lock_guard lock(mutex_);
    const bool now = stopping_ || (!failed_ && durable_seq() >= last_seq());
    if (!now) {
      waiters_.push_back({last_seq(), std::move(done)});
      hurry_ = true;
      idle_ = false;
      work_.notify_all();
      return;
    }
  }
  done(healthy());
}

bool Journal::sync_now() {
  std::promise<bool> promise;
  auto result = promise.get_future();
  when_durable([&promise](bool ok) { promise.set_value(ok); });
  return result.get();
}

// Calls, without the lock, every waiter whose records are on disk; after a failure, all of them.
void Journal::call_waiters(std::unique_lock<std::mutex>& lock) {
  const uint64_t durable = durable_seq();
  const bool failed = failed_;
  // They stand in the order of their records.
  const auto rest = std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter& waiter) {
    return !failed && waiter.seq > durable;
  });
  std::vector<Waiter> calls(std::make_move_iterator(waiters_.begin()),
                            std::make_move_iterator(rest));
  waiters_.erase(waiters_.begin(), rest);
  hurry_ = !waiters_.empty();
  lock.unlock();
  for (Waiter& waiter : calls) {
    waiter.done(!failed);
  }
  lock.lock();
}

// Returns when there is something to sync, to answer, or to stop for.
void Journal::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto is_behind = [this] { return !failed_ && durable_seq() < last_seq(); };
  while (!stopping_ && !is_behind() && waiters_.empty()) {
    idle_ = true;
    work_.wait(lock);
  }
  idle_ = false;
  if (options_.strict) return;
  // Collect what others append meanwhile: a sync costs more than the records in it.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.sync_ms);
  work_.wait_until(lock, until, [this] { return stopping_ || hurry_; });
}

void Journal::sync_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    const uint64_t target = last_seq();
    if (!failed_ && durable_seq() < target) {
      const std::shared_ptr<Fd> file = file_;
      lock.unlock();
      const auto synced = sync(file->get());
      lock.lock();
      if (!synced) {
        static_cast<void>(fail_locked(synced.error().message));
      } else if (durable_seq() < target) {
        durable_seq_.store(target, std::memory_order_release);
      }
    }
    call_waiters(lock);
    if (stopping_ && waiters_.empty() && (failed_ || durable_seq() >= last_seq())) return;
  }
}

}  // namespace satgate::store
