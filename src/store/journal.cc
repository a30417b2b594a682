#include "store/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "audit/export.h"
#include "base/assert.h"
#include "base/thread_name.h"

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
  written_chain_ = chain_.at();
  written_seq_ = last_seq_ = end.next_seq() - 1;
  if (end.segment() == 0) {
    TRY(start_segment(1, last_seq_, written_chain_));
  } else {
    segment_ = end.segment();
    TRY(forget_segment(segment_ + 1));
    offset_ = zeroed_ = end.offset();
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

// The reader took what is left of it for no segment; it must not stand there once more is written
// before the place where it would have begun.
Result<void> Journal::forget_segment(uint32_t number) {
  const auto path = options_.directory / segment_name(number);
  std::error_code error;
  if (std::filesystem::remove(path, error)) return sync_directory(options_.directory);
  if (!error) return {};
  return fail(fmt::format("cannot remove {}: {}", path.string(), error.message()));
}

Result<void> Journal::start_segment(uint32_t number, uint64_t before,
                                    const audit::ChainPoint& chain) {
  const auto path = options_.directory / segment_name(number);
  TRY_ASSIGN(Fd file, open_file(path, O_RDWR | O_CREAT | O_TRUNC));
  if (options_.files->allocate(file.get(), options_.segment_bytes) != 0 && errno != EOPNOTSUPP) {
    return fail(fmt::format("cannot reserve {} bytes for {}: {}", options_.segment_bytes,
                            path.string(), errno_text(errno)));
  }
  SegmentHeader header;
  header.number = number;
  header.first_seq = before + 1;
  header.chain = chain;
  TRY(write_all(file.get(), encode_segment_header(header), 0));
  TRY(sync(file.get()));
  TRY(sync_directory(options_.directory));
  file_ = std::make_shared<Fd>(std::move(file));
  segment_ = number;
  offset_ = zeroed_ = kSegmentHeaderBytes;
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

Result<uint64_t> Journal::queue(std::span<const Entry> entries) {
  {
    const std::lock_guard lock(mutex_);
    TRY_ASSIGN(const uint64_t seq, queue_locked(entries));
    if (queue_.size() < limits::journal_batch_bytes) return seq;
  }
  // A batch is bounded, so that a reader knows how large a segment can be.
  flush();
  return last_seq();
}

Result<uint64_t> Journal::queue_locked(std::span<const Entry> entries) {
  if (failed_) return fail(reason_);
  uint64_t seq = last_seq_.load(std::memory_order_relaxed);
  const uint64_t durable = durable_seq();
  for (const Entry& entry : entries) {
    append_record(queue_, entry.type, ++seq, durable, entry.head, entry.event);
    if (!entry.event.empty()) chain_.append(entry.event);
  }
  last_seq_.store(seq, std::memory_order_release);
  if (idle_) {
    idle_ = false;
    work_.notify_all();
  }
  return seq;
}

Result<uint64_t> Journal::append(std::span<const Entry> entries) {
  TRY_ASSIGN(const uint64_t seq, queue(entries));
  if (!flush()) return fail(failure());
  return seq;
}

Result<uint64_t> Journal::append_checkpoint(const audit::SigningKey& key, uint64_t signed_seq,
                                            Time now) {
  audit::ChainPoint point;
  {
    const std::lock_guard lock(mutex_);
    point = chain_.at();
    if (point.seq <= signed_seq) return signed_seq;
    std::string line;
    audit::append_checkpoint_line(line, key.sign(point, now));
    line.pop_back();  // the newline
    const Entry entry{RecordType::checkpoint, line, {}};
    TRY(queue_locked(std::span(&entry, 1)));
  }
  if (!flush()) return fail(failure());
  return point.seq;
}

bool Journal::flush() {
  const std::lock_guard io(io_);
  audit::ChainPoint chain_after;
  uint64_t seq_after = 0;
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return false;
    if (queue_.empty()) return true;
    batch_.swap(queue_);
    seq_after = last_seq_.load(std::memory_order_relaxed);
    chain_after = chain_.at();
  }
  const auto written = write_batch(written_seq(), written_chain_);
  batch_.clear();
  if (!written) {
    const std::lock_guard lock(mutex_);
    static_cast<void>(fail_locked(written.error().message));
    return false;
  }
  written_chain_ = chain_after;
  written_seq_.store(seq_after, std::memory_order_release);
  return true;
}

Result<void> Journal::write_batch(uint64_t before, const audit::ChainPoint& chain_before) {
  if (offset_ + batch_.size() > options_.segment_bytes && offset_ > kSegmentHeaderBytes) {
    // Only the last segment may ever be torn: this one is complete on disk before the next exists.
    TRY(sync(file_->get()));
    durable_seq_.store(before, std::memory_order_release);
    TRY(start_segment(segment_ + 1, before, chain_before));
  }
  TRY(write_all(file_->get(), batch_, offset_));
  offset_ += batch_.size();
  return offset_ > zeroed_ ? write_zeros() : Result<void>();
}

// Zeros where the next records come. Room that was only reserved becomes part of the file when it
// is first written, and a sync has to record that; of what was written before it syncs bytes alone,
// in two thirds of the time.
Result<void> Journal::write_zeros() {
  const uint64_t until = std::min((offset_ / kZeroBytes + 1) * kZeroBytes, options_.segment_bytes);
  if (until > offset_) {
    TRY(write_all(file_->get(), std::string_view(zeros_).substr(0, until - offset_), offset_));
  }
  zeroed_ = std::max(until, offset_);
  return {};
}

audit::ChainPoint Journal::chain() const {
  const std::lock_guard lock(mutex_);
  return chain_.at();
}

std::unexpected<Error> Journal::fail_locked(std::string_view reason) {
  if (!failed_) {
    reason_ = reason;
    failed_.store(true, std::memory_order_release);
    hurry_ = true;  // so that those who wait are told
    idle_ = false;
    work_.notify_all();
    synced_.notify_all();
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

void Journal::hurry() {
  {
    const std::lock_guard lock(mutex_);
    hurry_ = true;
    idle_ = false;
  }
  work_.notify_all();
}

void Journal::on_sync(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  listener_ = std::move(listener);
}

bool Journal::sync_now() {
  std::unique_lock lock(mutex_);
  const uint64_t target = last_seq();
  while (!failed_ && durable_seq() < target) {
    hurry_ = true;
    idle_ = false;
    work_.notify_all();
    synced_.wait(lock);
  }
  return !failed_;
}

// Returns when there is something to sync, or to stop for.
void Journal::wait_for_work(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && !hurry_ && (failed_ || durable_seq() >= last_seq())) {
    idle_ = true;
    work_.wait(lock);
  }
  idle_ = false;
  // Collect what others queue meanwhile: a sync costs more than the records in it.
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(options_.sync_ms);
  work_.wait_until(lock, until, [this] { return stopping_ || hurry_; });
}

// Writes what is queued and brings it to the disk.
void Journal::sync_written() {
  if (!flush()) return;
  std::shared_ptr<Fd> file;
  uint64_t target = 0;
  {
    const std::lock_guard io(io_);
    file = file_;
    target = written_seq();
  }
  if (durable_seq() >= target) return;
  const auto synced = sync(file->get());
  const std::lock_guard lock(mutex_);
  if (!synced) {
    static_cast<void>(fail_locked(synced.error().message));
  } else if (durable_seq() < target) {
    durable_seq_.store(target, std::memory_order_release);
  }
}

void Journal::sync_loop() {
  name_this_thread("journal");
  std::unique_lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    const bool last = stopping_;
    hurry_ = false;
    lock.unlock();
    sync_written();
    lock.lock();
    synced_.notify_all();
    if (listener_) listener_();
    if (last && (failed_ || durable_seq() >= last_seq())) return;
  }
}

}  // namespace satgate::store
