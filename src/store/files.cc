#include "store/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace satgate::store {
namespace {

class SystemFiles final : public Files {
 public:
  ssize_t write_at(int fd, const char* bytes, size_t size, uint64_t offset) override {
    return ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
  }
  int sync_data(int fd) override { return ::fdatasync(fd); }
  int allocate(int fd, uint64_t size) override {
    return ::fallocate(fd, 0, 0, static_cast<off_t>(size));
  }
};

}  // namespace

Files& system_files() {
  static SystemFiles files;
  return files;
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() {
  return std::exchange(fd_, -1);
}

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

Result<Fd> open_file(const std::filesystem::path& path, int flags, mode_t mode) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  if (fd < 0) return fail(fmt::format("cannot open {}: {}", path.string(), errno_text(errno)));
  return Fd(fd);
}

Result<void> sync_directory(const std::filesystem::path& directory) {
  TRY_ASSIGN(const Fd fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) {
    return fail(fmt::format("cannot sync {}: {}", directory.string(), errno_text(errno)));
  }
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path, size_t bytes_max) {
  TRY_ASSIGN(const Fd fd, open_file(path, O_RDONLY));
  std::string bytes(bytes_max + 1, '\0');
  size_t size = 0;
  while (size < bytes.size()) {
    const ssize_t got = ::read(fd.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(fmt::format("cannot read {}: {}", path.string(), errno_text(errno)));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > bytes_max) {
    return fail(fmt::format("{} is larger than {} bytes", path.string(), bytes_max));
  }
  bytes.resize(size);
  return bytes;
}

Result<void> write_new_file(const std::filesystem::path& path, std::string_view bytes,
                            mode_t mode) {
  const std::filesystem::path draft = path.string() + ".new";
  TRY_ASSIGN(const Fd fd, open_file(draft, O_WRONLY | O_CREAT | O_TRUNC, mode));
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fail(fmt::format("cannot write {}: {}", draft.string(), errno_text(errno)));
    done += static_cast<size_t>(put);
  }
  // The mode of open() passes through the umask; what is asked here is meant exactly.
  if (::fchmod(fd.get(), mode) != 0 || ::fsync(fd.get()) != 0 ||
      ::rename(draft.c_str(), path.c_str()) != 0) {
    return fail(fmt::format("cannot write {}: {}", path.string(), errno_text(errno)));
  }
  return sync_directory(path.parent_path());
}

}  // namespace satgate::store
