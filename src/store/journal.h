// The append-only journal: one `write` per append, one group `fdatasync` behind it.
//
// The bytes are in the kernel when `append` returns (safe against kill -9), and on disk at most
// `sync_ms` later (safe against power loss). After the first failed write or sync nothing can be
// appended any more (Law 4.1): what the disk holds is then uncertain until it is read again.
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
  bool strict = false;  // sync back to back instead of every `sync_ms`
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
  // Writes the entries with one write, all or nothing but for a torn tail. Returns the seq of the
  // last one.
  Result<uint64_t> append(std::span<const Entry> entries);
  Result<uint64_t> append(const Entry& entry) { return append(std::span(&entry, 1)); }

  uint64_t last_seq() const { return last_seq_.load(std::memory_order_acquire); }
  uint64_t durable_seq() const { return durable_seq_.load(std::memory_order_acquire); }
  // Writes a checkpoint of the chain as it stands: right behind the last event, as an export must
  // have it. Nothing is written when there is no event after number `signed_seq`. Returns the
  // number of the last event that is signed now.
  Result<uint64_t> append_checkpoint(const audit::SigningKey& key, uint64_t signed_seq, Time now);
  audit::ChainPoint chain() const;

  // Calls `done(true)` from the sync thread once everything appended so far is on disk, or
  // `done(false)` when it can not be.
  void when_durable(std::function<void(bool)> done);
  // Waits for the same.
  bool sync_now();

  bool healthy() const { return !failed_.load(std::memory_order_acquire); }
  std::string failure() const;
  // Makes it fail for good, for a reason found elsewhere.
  void fail_closed(std::string_view reason);

 private:
  struct Waiter {
    uint64_t seq;
    std::function<void(bool)> done;
  };

  explicit Journal(JournalOptions options) : options_(std::move(options)) {}
  Result<void> reopen(const JournalReader& end);
  Result<void> start_segment(uint32_t number);  // writes and syncs its header
  Result<uint64_t> append_locked(std::span<const Entry> entries);
  Result<void> write_all(int fd, std::string_view bytes, uint64_t offset);
  Result<void> sync(int fd);
  std::unexpected<Error> fail_locked(std::string_view reason);
  void sync_loop();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void call_waiters(std::unique_lock<std::mutex>& lock);

  const JournalOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::shared_ptr<Fd> file_;  // shared: a sync may outlast a rotation
  uint32_t segment_ = 0;
  uint64_t offset_ = 0;
  audit::Chain chain_;
  std::string buffer_;
  std::string reason_;
  std::vector<Waiter> waiters_;
  bool idle_ = false;   // the sync thread waits for a notification
  bool hurry_ = false;  // somebody waits: do not collect for sync_ms
  bool stopping_ = false;
  std::atomic<uint64_t> last_seq_ = 0;
  std::atomic<uint64_t> durable_seq_ = 0;
  std::atomic<bool> failed_ = false;
  std::thread thread_;
};

}  // namespace satgate::store
