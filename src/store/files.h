// The few file operations that decide about money, behind an interface so that tests can make them
// fail: a full disk, a sync error, a short write.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate::store {

// Each answers as the system call does: -1 (or a short count) with errno set. EINTR is the
// caller's to retry.
class Files {
 public:
  virtual ~Files() = default;
  virtual ssize_t write_at(int fd, const char* bytes, size_t size, uint64_t offset) = 0;
  virtual int sync_data(int fd) = 0;
  // Reserves room so that later writes need no new blocks. -1 with EOPNOTSUPP is harmless.
  virtual int allocate(int fd, uint64_t size) = 0;
};

// The real ones; lives for the whole program.
Files& system_files();

// A file descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();
  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

// Opens with O_CLOEXEC; the error names the path and the reason.
Result<Fd> open_file(const std::filesystem::path& path, int flags, mode_t mode = 0600);
// A name is durable only once its directory is synced.
Result<void> sync_directory(const std::filesystem::path& directory);
Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max);
// Writes a whole file durably: after a crash it is there completely or not at all.
Result<void> write_new_file(const std::filesystem::path& path, std::string_view bytes, mode_t mode);

std::string errno_text(int error);

}  // namespace satgate::store
