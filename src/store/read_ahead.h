// Reads a journal on a thread of its own, a few batches ahead of whoever takes the records:
// checksums and the hash chain on one core, what the records do on another. For recovery, where
// there may be millions.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/journal_reader.h"

namespace satgate::store {

// Used from one thread.
class ReadAhead {
 public:
  explicit ReadAhead(JournalReader reader);
  ~ReadAhead();  // stops wherever it is
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  // As of JournalReader: the records in their order, and the error where it is.
  Result<bool> next(RecordView& record);
  std::string place() const;

  // The reader at the end of the journal. REQUIRES: next() has answered false.
  JournalReader finish();

 private:
  struct Item {
    RecordView record;
    RecordPlace place;
  };
  struct Batch {
    std::vector<Item> items;
    std::string payloads;
    Result<bool> more = true;  // whether another batch follows
  };

  void run();
  Result<bool> fill(Batch& batch);
  bool put(std::unique_ptr<Batch> batch);  // false: nobody wants it
  std::unique_ptr<Batch> take();

  JournalReader reader_;  // the thread's, but for what never changes
  std::unique_ptr<Batch> batch_ = std::make_unique<Batch>();
  size_t taken_ = 0;  // items of it

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Batch>> ready_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses the others
};

}  // namespace satgate::store
