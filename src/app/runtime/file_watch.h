// FileWatch: tells when files have changed, in whatever way: written in place, replaced by a
// rename, or reached through a symbolic link that points elsewhere now (Kubernetes swaps `..data`).
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/result.h"

namespace satgate::app {

class FileWatch {
 public:
  static Result<std::unique_ptr<FileWatch>> open();
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // Follows these files and no others; they need not be there. A file is followed from here on, so
  // follow it before it is read. Those that were followed before keep what is known about them.
  void follow(const std::vector<std::filesystem::path>& files);

  // True once for each change, when it has settled: nothing has happened since the call before.
  // Call it about once a second; it does not wait.
  bool changed();

 private:
  // What tells one state of a file from another.
  struct Stamp {
    uint64_t device = 0, inode = 0;
    int64_t size = -1;  // -1: it is not there
    int64_t modified_ns = 0, status_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  explicit FileWatch(int descriptor) : descriptor_(descriptor) {}
  static Stamp stamp_of(const std::filesystem::path& file);
  void watch_directories();
  bool take_events();

  const int descriptor_;
  std::map<std::filesystem::path, Stamp> files_;
  std::map<std::filesystem::path, int> directories_;  // with their watches
  int unsettled_ = 0;                                 // calls since the first event
};

}  // namespace satgate::app
