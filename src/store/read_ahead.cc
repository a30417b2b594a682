#include "store/read_ahead.h"

#include <utility>

#include "base/thread_name.h"

namespace satgate::store {
namespace {

constexpr size_t kBatchBytes = 1024 * 1024;
constexpr size_t kBatchesMax = 4;

}  // namespace

ReadAhead::ReadAhead(JournalReader reader)
    : reader_(std::move(reader)), thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Result<bool> ReadAhead::next(RecordView& record) {
  while (taken_ == batch_->items.size()) {
    if (!batch_->more || !*batch_->more) return batch_->more;
    batch_ = take();
    taken_ = 0;
  }
  record = batch_->items[taken_++].record;
  return true;
}

std::string ReadAhead::place() const {
  return reader_.describe(batch_->items[taken_ - 1].place);
}

JournalReader ReadAhead::finish() {
  thread_.join();
  return std::move(reader_);
}

void ReadAhead::run() {
  name_this_thread("read-ahead");
  for (bool more = true; more;) {
    auto batch = std::make_unique<Batch>();
    batch->more = fill(*batch);
    more = batch->more && *batch->more;
    if (!put(std::move(batch))) return;
  }
}

Result<bool> ReadAhead::fill(Batch& batch) {
  batch.payloads.reserve(kBatchBytes);
  Result<bool> more = true;
  RecordView record;
  while (more && *more && batch.payloads.size() < kBatchBytes) {
    more = reader_.next(record);
    if (!more || !*more) break;
    batch.payloads += record.payload;
    batch.items.push_back({record, reader_.last()});
  }
  // Only now do the payloads stay where they are.
  size_t at = 0;
  for (Item& item : batch.items) {
    const size_t size = item.record.payload.size();
    item.record.payload = std::string_view(batch.payloads).substr(at, size);
    at += size;
  }
  return more;
}

bool ReadAhead::put(std::unique_ptr<Batch> batch) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return stopping_ || ready_.size() < kBatchesMax; });
  if (stopping_) return false;
  ready_.push_back(std::move(batch));
  changed_.notify_all();
  return true;
}

std::unique_ptr<ReadAhead::Batch> ReadAhead::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty(); });
  auto batch = std::move(ready_.front());
  ready_.pop_front();
  changed_.notify_all();
  return batch;
}

}  // namespace satgate::store
