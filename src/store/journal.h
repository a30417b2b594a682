// The append-only journal: records are queued in order, written in groups with one `write`, and
// synced in groups behind it.
//
//   queue()   the record has its number and its place in the hash chain; it is in memory only
//   flush()   everything queued is in the kernel (safe against kill -9)
//   durable   on disk (safe against power loss), at most `sync_ms` after it was queued
//
// Nothing may be acted upon before it is flushed, or durable where that was promised. After the
// first failed write or sync nothing can be queued any more (Law 4.1): what the disk holds is then
// uncertain until it is read again.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "base/limits.h"
#include "base/result.h"
#include "base/time.h"
#include "store/files.h"
#include "store/journal_reader.h"
#include "store/record.h"

namespace satgate::store {

struct JournalOptions {
  std::filesystem::path directory;
  int64_t sync_ms = limits::journal_sync_ms_max;
  uint64_t segment_bytes = limits::journal_segment_bytes;
  Files* files = &system_files();
};

class Journal {
 public:
  // Goes on where `end` stopped reading: it must have answered false. Drops a torn tail, and syncs,
  // so that everything that was read is on disk.
  static Result<std::unique_ptr<Journal>> open(const JournalOptions& options,
                                               const JournalReader& end);
  ~Journal();  // syncs what is written

  struct Entry {
    RecordType type = RecordType::event;
    std::string_view head;   // what the ledger replays, encoded
    std::string_view event;  // JSON, or empty
  };
  // Numbers the entries and queues them, all or none. Returns the number of the last one.
  Result<uint64_t> queue(std::span<const Entry> entries);
  Result<uint64_t> queue(const Entry& entry) { return queue(std::span(&entry, 1)); }
  // Writes everything queued, with one write. False after a failure, see failure().
  bool flush();
  // Queues and flushes: for those who write alone.
  Result<uint64_t> append(std::span<const Entry> entries);
  Result<uint64_t> append(const Entry& entry) { return append(std::span(&entry, 1)); }

  uint64_t last_seq() const { return last_seq_.load(std::memory_order_acquire); }
  uint64_t written_seq() const { return written_seq_.load(std::memory_order_acquire); }
  uint64_t durable_seq() const { return durable_seq_.load(std::memory_order_acquire); }
  // Writes a checkpoint of the chain as it stands: right behind the last event, as an export must
  // have it. Nothing is written when there is no event after number `signed_seq`. Returns the
  // number of the last event that is signed now.
  Result<uint64_t> append_checkpoint(const audit::SigningKey& key, uint64_t signed_seq, Time now);
  audit::ChainPoint chain() const;

  // Asks the sync thread to write and sync now rather than within `sync_ms`.
  void hurry();
  // Called from the sync thread after each sync, and after a failure. One listener; null: none.
  void on_sync(std::function<void()> listener);
  // Writes, and waits until everything queued so far is on disk. False when it can not be.
  bool sync_now();

  bool healthy() const { return !failed_.load(std::memory_order_acquire); }
  std::string failure() const;
  // Makes it fail for good, for a reason found elsewhere.
  void fail_closed(std::string_view reason);

 private:
  static constexpr size_t kZeroBytes = 256 * 1024;

  explicit Journal(JournalOptions options) : options_(std::move(options)) {}
  Result<void> reopen(const JournalReader& end);
  Result<uint64_t> queue_locked(std::span<const Entry> entries);
  Result<void> write_batch(uint64_t before, const audit::ChainPoint& chain_before);
  Result<void> write_zeros();
  // Writes and syncs the header of segment `number`, whose first record follows `before`.
  Result<void> forget_segment(uint32_t number);
  Result<void> start_segment(uint32_t number, uint64_t before, const audit::ChainPoint& chain);
  Result<void> write_all(int fd, std::string_view bytes, uint64_t offset);
  Result<void> sync(int fd);
  std::unexpected<Error> fail_locked(std::string_view reason);
  void sync_loop();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void sync_written();

  const JournalOptions options_;

  mutable std::mutex mutex_;  // the queue, the chain and what follows; taken after io_
  std::condition_variable work_;
  std::condition_variable synced_;
  audit::Chain chain_;
  std::string queue_;
  std::string reason_;
  std::function<void()> listener_;
  bool idle_ = false;   // the sync thread waits for a notification
  bool hurry_ = false;  // somebody waits: do not collect for sync_ms
  bool stopping_ = false;

  std::mutex io_;             // the file: one flush at a time
  std::shared_ptr<Fd> file_;  // shared: a sync may outlast a rotation
  uint32_t segment_ = 0;
  uint64_t offset_ = 0;
  uint64_t zeroed_ = 0;  // up to here the file was written before
  const std::string zeros_ = std::string(kZeroBytes, '\0');
  std::string batch_;
  audit::ChainPoint written_chain_;  // after the last record written

  std::atomic<uint64_t> last_seq_ = 0;
  std::atomic<uint64_t> written_seq_ = 0;
  std::atomic<uint64_t> durable_seq_ = 0;
  std::atomic<bool> failed_ = false;
  std::thread thread_;
};

}  // namespace satgate::store
