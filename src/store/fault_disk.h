// The machine under the bank's model test: every write of the journal (Files) and of SQLite (a VFS)
// goes through it, so that a process can die at any of them, also in the middle, and so that a
// power failure takes what was not synced. Only tests include it.
#pragma once

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "store/files.h"

namespace satgate::store {

// Thread-safe. While it lives it is SQLite's default VFS.
class FaultDisk final : public Files {
 public:
  FaultDisk() {
    vfs_ = *system_;
    vfs_.zName = "fault-disk";
    vfs_.szOsFile = static_cast<int>(sizeof(SqlFile)) + system_->szOsFile;
    vfs_.pAppData = this;
    vfs_.xOpen = open_sql_file;
    vfs_.xDelete = delete_sql_file;
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FaultDisk() override {
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(system_, 1);
  }

  // The process dies at the write or sync after `steps` more. Of a write that dies, `permille` of
  // its bytes arrive: 0 is none, 1000 all of them, though the writer is never told.
  void crash_after(uint64_t steps, uint64_t permille) {
    const std::lock_guard lock(mutex_);
    steps_left_ = steps;
    permille_ = permille;
  }
  bool armed() {
    const std::lock_guard lock(mutex_);
    return steps_left_ != UINT64_MAX;
  }
  void crash_now() { crashed_ = true; }
  // Once crashed, nothing reaches the disk any more, whoever still runs.
  bool crashed() const { return crashed_; }
  // A new process begins on what is there.
  void revive() {
    const std::lock_guard lock(mutex_);
    steps_left_ = UINT64_MAX;
    crashed_ = false;
  }

  // The machine loses power: what was written and not synced is there, gone, or there in parts.
  void lose_unsynced(std::mt19937_64& random) {
    const std::lock_guard lock(mutex_);
    for (auto& [path, writes] : unsynced_) {
      const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
      if (fd >= 0) forget(fd, writes, random);
      if (fd >= 0) ::close(fd);
      writes.clear();
    }
  }

  ssize_t write_at(int fd, const char* bytes, size_t size, uint64_t offset) override {
    const std::lock_guard lock(mutex_);
    const size_t arrive = admit(size);
    if (arrive > 0) {
      unsynced_[path_of(fd)].push_back(
          {offset, size_of(fd), read_at(fd, offset, arrive), std::string(bytes, arrive)});
    }
    if (arrive > 0 && !put(fd, {bytes, arrive}, offset)) return -1;
    if (!crashed_) return static_cast<ssize_t>(size);
    errno = EIO;
    return -1;
  }
  int sync_data(int fd) override { return sync_path(path_of(fd)) ? 0 : refuse(); }
  int allocate(int fd, uint64_t size) override {
    return crashed_ ? refuse() : system_files().allocate(fd, size);
  }

 private:
  struct Write {
    uint64_t offset;
    uint64_t size_before;  // of the file
    std::string before, after;
  };
  static constexpr size_t kSectorBytes = 512;

  static int refuse() {
    errno = EIO;
    return -1;
  }
  static std::string path_of(int fd) {
    std::array<char, 4096> path{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ssize_t size = ::readlink(link.c_str(), path.data(), path.size());
    return {path.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
  }
  static uint64_t size_of(int fd) {
    struct stat status{};
    return ::fstat(fd, &status) == 0 ? static_cast<uint64_t>(status.st_size) : 0;
  }
  static std::string read_at(int fd, uint64_t offset, size_t size) {
    std::string bytes(size, '\0');
    const ssize_t got = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
    bytes.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    return bytes;
  }
  static bool put(int fd, std::string_view bytes, uint64_t offset) {
    return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(bytes.size());
  }

  // How much of a write arrives. REQUIRES: the lock.
  size_t admit(size_t size) {
    if (crashed_) return 0;
    if (steps_left_ == UINT64_MAX) return size;
    if (steps_left_-- > 0) return size;
    crashed_ = true;
    return size * permille_ / 1000;
  }

  bool sync_path(const std::string& path) {
    const std::lock_guard lock(mutex_);
    admit(0);
    if (crashed_) return false;
    unsynced_[path].clear();
    return true;
  }

  static void forget(int fd, const std::vector<Write>& writes, std::mt19937_64& random) {
    enum Fate : uint8_t { all, none, first, any };
    const auto fate = static_cast<Fate>(random() % 4);
    if (fate == all) return;
    const uint64_t end = size_of(fd);  // the file may have been cut since
    for (auto it = writes.rbegin(); it != writes.rend(); ++it) {
      if (it->offset < end) put(fd, it->before.substr(0, end - it->offset), it->offset);
      if (it->size_before < size_of(fd)) ::ftruncate(fd, static_cast<off_t>(it->size_before));
    }
    size_t left = fate == none ? 0 : fate == any ? writes.size() : random() % (writes.size() + 1);
    for (const Write& write : writes) {
      if (left-- == 0) break;
      for (size_t at = 0; at < write.after.size();) {
        // Only whole sectors are written or not.
        const size_t rest = kSectorBytes - (write.offset + at) % kSectorBytes;
        const std::string_view sector = std::string_view(write.after).substr(at, rest);
        if (write.offset + at < end && (fate == first || random() % 2 == 0)) {
          put(fd, sector, write.offset + at);
        }
        at += rest;
      }
    }
  }

  // SQLite's side: a file of ours in front of the system's own.
  struct SqlFile {
    sqlite3_file head;
    FaultDisk* disk;
    const char* path;  // SQLite keeps it as long as the file is open
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  };
  static SqlFile& mine(sqlite3_file* file) { return *reinterpret_cast<SqlFile*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return mine(file).real(); }

  static int open_sql_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags,
                           int* flags_out) {
    auto* disk = static_cast<FaultDisk*>(vfs->pAppData);
    SqlFile& opened = mine(file);
    opened.disk = disk;
    opened.path = path == nullptr ? "" : path;
    opened.head.pMethods = nullptr;
    const int code = disk->system_->xOpen(disk->system_, path, opened.real(), flags, flags_out);
    if (opened.real()->pMethods != nullptr) opened.head.pMethods = &methods();
    return code;
  }
  static int delete_sql_file(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    auto* disk = static_cast<FaultDisk*>(vfs->pAppData);
    const std::lock_guard lock(disk->mutex_);
    disk->admit(0);
    if (disk->crashed_) return SQLITE_IOERR_DELETE;
    disk->unsynced_.erase(path);
    return disk->system_->xDelete(disk->system_, path, sync_directory);
  }
  static int write_sql(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
    SqlFile& to = mine(file);
    const std::lock_guard lock(to.disk->mutex_);
    const size_t arrive = to.disk->admit(static_cast<size_t>(size));
    int code = SQLITE_OK;
    if (arrive > 0) {
      const auto n = static_cast<int>(arrive);
      sqlite3_file* real = to.real();
      sqlite3_int64 end = 0;
      real->pMethods->xFileSize(real, &end);
      std::string before(static_cast<size_t>(std::clamp<sqlite3_int64>(end - offset, 0, n)), '\0');
      real->pMethods->xRead(real, before.data(), static_cast<int>(before.size()), offset);
      to.disk->unsynced_[to.path].push_back({static_cast<uint64_t>(offset),
                                             static_cast<uint64_t>(end),
                                             std::move(before),
                                             {static_cast<const char*>(bytes), arrive}});
      code = real->pMethods->xWrite(real, bytes, n, offset);
    }
    return to.disk->crashed_ ? SQLITE_IOERR_WRITE : code;
  }
  static int sync_sql(sqlite3_file* file, int) {
    SqlFile& of = mine(file);
    return of.disk->sync_path(of.path) ? SQLITE_OK : SQLITE_IOERR_FSYNC;
  }
  static int truncate_sql(sqlite3_file* file, sqlite3_int64 size) {
    SqlFile& of = mine(file);
    const std::lock_guard lock(of.disk->mutex_);
    of.disk->admit(0);
    if (of.disk->crashed_) return SQLITE_IOERR_TRUNCATE;
    return of.real()->pMethods->xTruncate(of.real(), size);
  }

  static const sqlite3_io_methods& methods() {
    using File = sqlite3_file;
    static const sqlite3_io_methods all = {
        3,
        [](File* f) { return real(f)->pMethods->xClose(real(f)); },
        [](File* f, void* to, int n, sqlite3_int64 at) {
          return real(f)->pMethods->xRead(real(f), to, n, at);
        },
        write_sql,
        truncate_sql,
        sync_sql,
        [](File* f, sqlite3_int64* size) { return real(f)->pMethods->xFileSize(real(f), size); },
        [](File* f, int level) { return real(f)->pMethods->xLock(real(f), level); },
        [](File* f, int level) { return real(f)->pMethods->xUnlock(real(f), level); },
        [](File* f, int* out) { return real(f)->pMethods->xCheckReservedLock(real(f), out); },
        [](File* f, int op, void* arg) {
          return real(f)->pMethods->xFileControl(real(f), op, arg);
        },
        [](File* f) { return real(f)->pMethods->xSectorSize(real(f)); },
        [](File* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); },
        [](File* f, int page, int size, int extend, void volatile** out) {
          return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
        },
        [](File* f, int offset, int n, int flags) {
          return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
        },
        [](File* f) { real(f)->pMethods->xShmBarrier(real(f)); },
        [](File* f, int remove) { return real(f)->pMethods->xShmUnmap(real(f), remove); },
        [](File* f, sqlite3_int64 at, int n, void** out) {
          return real(f)->pMethods->xFetch(real(f), at, n, out);
        },
        [](File* f, sqlite3_int64 at, void* page) {
          return real(f)->pMethods->xUnfetch(real(f), at, page);
        },
    };
    return all;
  }

  sqlite3_vfs* const system_ = sqlite3_vfs_find(nullptr);
  sqlite3_vfs vfs_{};
  std::mutex mutex_;  // guards what follows
  std::map<std::string, std::vector<Write>> unsynced_;
  uint64_t steps_left_ = UINT64_MAX;
  uint64_t permille_ = 0;
  std::atomic<bool> crashed_ = false;
};

}  // namespace satgate::store
