#include "store/data_dir.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/text.h"

namespace satgate::store {
namespace {

constexpr size_t kKeyBytesMax = 16 * 1024;
constexpr mode_t kOthers = 077;

Result<void> make_directory(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return {};
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(fmt::format("cannot create {}: {}", path.string(), errno_text(errno)));
  }
  return {};
}

std::string pid_in(int fd) {
  std::array<char, 32> text{};
  const ssize_t got = ::pread(fd, text.data(), text.size(), 0);
  const auto pid = parse_uint(
      trim(std::string_view(text.data(), static_cast<size_t>(std::max<ssize_t>(got, 0)))));
  return pid ? fmt::format("process {}", *pid) : "another process";
}

}  // namespace

Result<DataDir> DataDir::open(const std::filesystem::path& path) {
  TRY(make_directory(path));
  TRY(make_directory(path / "journal"));
  TRY_ASSIGN(Fd lock, open_file(path / "LOCK", O_RDWR | O_CREAT));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(
        fmt::format("the data directory {} is in use by {}; stop that gateway, or choose another "
                    "directory with --data-dir",
                    path.string(), pid_in(lock.get())));
  }
  const std::string pid = fmt::format("{}", ::getpid());
  if (::ftruncate(lock.get(), 0) != 0 ||
      ::pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return fail(fmt::format("cannot write {}: {}", (path / "LOCK").string(), errno_text(errno)));
  }
  return DataDir(path, std::move(lock));
}

Result<audit::SigningKey> DataDir::signing_key() const {
  const auto key_path = path_ / "audit.key";
  const auto public_path = public_key_path(path_);
  struct stat status{};
  if (::stat(key_path.c_str(), &status) != 0) {
    std::error_code error;
    if (std::filesystem::exists(public_path, error)) {
      return fail(
          fmt::format("{} is missing but {} is there: restore it from a backup, or move "
                      "{} away to go on with a new key",
                      key_path.string(), public_path.string(), public_path.string()));
    }
    const audit::SigningKey key = audit::SigningKey::generate();
    TRY(write_new_file(key_path, key.to_pem(), 0600));
    TRY(write_new_file(public_path, key.public_key().to_pem(), 0644));
    return key;
  }
  if ((status.st_mode & kOthers) != 0) {
    return fail(fmt::format("{} can be read by others; run: chmod 600 {}", key_path.string(),
                            key_path.string()));
  }
  TRY_ASSIGN(const std::string pem, read_file(key_path, kKeyBytesMax));
  auto key = audit::SigningKey::from_pem(pem);
  if (!key) return fail(fmt::format("{}: {}", key_path.string(), key.error().message));
  const auto known = read_file(public_path, kKeyBytesMax);
  if (!known) {
    TRY(write_new_file(public_path, key->public_key().to_pem(), 0644));
  } else {
    const auto public_key = audit::PublicKey::from_pem(*known);
    if (!public_key || *public_key != key->public_key()) {
      return fail(fmt::format("{} does not belong to {}; restore the right pair from a backup",
                              public_path.string(), key_path.string()));
    }
  }
  return *key;
}

std::filesystem::path public_key_path(const std::filesystem::path& data_dir) {
  return data_dir / "audit.pub";
}

std::string machine_boot_id() {
  const auto text = read_file("/proc/sys/kernel/random/boot_id", 64);
  if (!text) return {};
  std::string_view id = *text;
  if (id.ends_with('\n')) id.remove_suffix(1);
  return std::string(id);
}

}  // namespace satgate::store
