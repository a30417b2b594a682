// A reused buffer of raw bytes: filled at the end, consumed at the front. Kept for the life of a
// connection, so that steady traffic allocates nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace satgate::net {

class Buffer {
 public:
  // Readable bytes behind the capacity, so that a JSON parser may read past the end of a body.
  static constexpr size_t kSlack = 64;

  explicit Buffer(size_t capacity = 0) {
    if (capacity > 0) reserve(capacity);
  }

  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  size_t capacity() const { return capacity_; }
  size_t begin() const { return begin_; }

  // Free space at the end, to be read into; then commit() what was read.
  std::span<char> space() { return {bytes_.get() + end_, capacity_ - end_}; }
  void commit(size_t n) { end_ += n; }
  void consume(size_t n) { begin_ += n; }
  void clear() { begin_ = end_ = 0; }

  // An empty buffer goes back to `offset`: bytes before it stay where they are.
  void rewind(size_t offset) { begin_ = end_ = offset; }
  // Moves the content to the front. Views into it end.
  void compact() {
    if (begin_ > 0 && size() > 0) std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ = size();
    begin_ = 0;
  }
  // Makes room for at least `capacity` bytes in all. Views end if it grows.
  void reserve(size_t capacity) {
    if (capacity <= capacity_) return;
    auto bytes = std::make_unique_for_overwrite<char[]>(capacity + kSlack);
    std::memset(bytes.get() + capacity, 0, kSlack);
    if (end_ > 0) std::memcpy(bytes.get(), bytes_.get(), end_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  // Appends, growing by doubling.
  void append(std::string_view data) {
    if (data.empty()) return;
    if (capacity_ - end_ < data.size()) {
      reserve(std::max({end_ + data.size(), capacity_ * 2, size_t{4096}}));
    }
    std::memcpy(bytes_.get() + end_, data.data(), data.size());
    end_ += data.size();
  }
  // Gives memory back if a large message has made the buffer larger than `capacity`.
  void shrink(size_t capacity) {
    if (capacity_ <= capacity) return;
    bytes_.reset();
    capacity_ = begin_ = end_ = 0;
    reserve(capacity);
  }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Empty buffers of one size, for connections that have something to read just now. Not thread-safe.
class BufferPool {
 public:
  static constexpr size_t kBytes = 32 * 1024;

  Buffer take() {
    if (free_.empty()) return Buffer(kBytes);
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  // REQUIRES: nothing points into it any more. One that has grown is let go.
  void give(Buffer buffer) {
    if (buffer.capacity() != kBytes || free_.size() == kKept) return;
    buffer.clear();
    free_.push_back(std::move(buffer));
  }

 private:
  static constexpr size_t kKept = 256;
  std::vector<Buffer> free_;
};

}  // namespace satgate::net
