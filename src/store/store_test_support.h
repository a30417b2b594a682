// Shared by the tests of the rooms that stand on files: directories that vanish, disks that fail.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "store/files.h"
#include "store/shared_database.h"
#include "store/sqlite/schema.h"

namespace satgate::store {

class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& base = testing::TempDir()) {
    static std::atomic<int> count = 0;
    path_ = base / ("satgate-test-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

  // What a process leaves that is killed now: the files as the kernel has them.
  void copy_to(const TempDir& other) const {
    std::filesystem::remove_all(other.path_);
    std::filesystem::copy(path_, other.path_, std::filesystem::copy_options::recursive);
  }

 private:
  std::filesystem::path path_;
};

// An empty database of the current schema.
inline std::unique_ptr<SharedDatabase> open_database(const TempDir& dir) {
  auto database = sqlite::Database::open(dir.path() / "satgate.db");
  EXPECT_TRUE(database) << database.error().message;
  EXPECT_TRUE(sqlite::migrate(*database));
  return std::make_unique<SharedDatabase>(std::move(*database));
}

inline std::string slurp(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const std::filesystem::path& file, std::string_view bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

// A disk that fails on demand. Thread-safe.
class FaultyFiles final : public Files {
 public:
  std::atomic<int> write_error = 0;             // errno of every write from now on
  std::atomic<int> sync_error = 0;              // errno of every sync from now on
  std::atomic<int> allocate_error = 0;          // errno of every allocation from now on
  std::atomic<int64_t> bytes_left = INT64_MAX;  // then writes are short, then ENOSPC
  std::atomic<size_t> write_bytes_max = SIZE_MAX;
  std::atomic<bool> lose_syncs = false;  // says yes without doing it
  std::atomic<uint64_t> writes = 0;

  ssize_t write_at(int fd, const char* bytes, size_t size, uint64_t offset) override {
    ++writes;
    if (write_error != 0) return refuse(write_error);
    if (bytes_left <= 0) return refuse(ENOSPC);
    size = std::min({size, write_bytes_max.load(), static_cast<size_t>(bytes_left.load())});
    if (bytes_left != INT64_MAX) bytes_left -= static_cast<int64_t>(size);
    return system_files().write_at(fd, bytes, size, offset);
  }
  int sync_data(int fd) override {
    if (sync_error != 0) return static_cast<int>(refuse(sync_error));
    return lose_syncs ? 0 : system_files().sync_data(fd);
  }
  int allocate(int fd, uint64_t size) override {
    if (allocate_error != 0) return static_cast<int>(refuse(allocate_error));
    return system_files().allocate(fd, size);
  }

 private:
  static ssize_t refuse(int error) {
    errno = error;
    return -1;
  }
};

template <class Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 500; ++i) {
    if (condition()) return true;
    ::usleep(2000);
  }
  return false;
}

}  // namespace satgate::store
