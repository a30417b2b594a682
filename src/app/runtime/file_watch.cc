#include "app/runtime/file_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <set>

#include "base/time.h"

namespace satgate::app {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                             IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr int kLinksMax = 40;
// A directory in which something else is written all the time must not hold a change up for ever.
constexpr int kUnsettledMax = 5;

// The directories in which an entry decides what this path leads to: its own, and that of each
// symbolic link on the way. Of one that is not there, the nearest above it that is.
void collect(const fs::path& path, std::set<fs::path>& into, int links_left = kLinksMax) {
  fs::path walked;
  for (auto part = path.begin(); part != path.end(); ++part) {
    const fs::path above = walked;
    walked /= *part;
    std::error_code error;
    if (fs::is_symlink(walked, error) && links_left > 0) {
      into.insert(above);
      fs::path target = above / fs::read_symlink(walked, error);
      while (++part != path.end())
        target /= *part;
      return collect(target, into, links_left - 1);
    }
    if (!fs::exists(walked, error)) {
      into.insert(above);
      return;
    }
  }
  into.insert(path.parent_path());
}

int64_t ns(const timespec& t) {
  return t.tv_sec * kNanoPerSecond + t.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<FileWatch>> FileWatch::open() {
  const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (descriptor < 0) return fail(std::strerror(errno));
  return std::unique_ptr<FileWatch>(new FileWatch(descriptor));
}

FileWatch::~FileWatch() {
  ::close(descriptor_);
}

FileWatch::Stamp FileWatch::stamp_of(const fs::path& file) {
  struct stat info{};
  if (::stat(file.c_str(), &info) != 0) return {};
  return {info.st_dev, info.st_ino, info.st_size, ns(info.st_mtim), ns(info.st_ctim)};
}

void FileWatch::follow(const std::vector<fs::path>& files) {
  std::map<fs::path, Stamp> followed;
  for (const fs::path& given : files) {
    const fs::path file = fs::absolute(given);
    const auto known = files_.find(file);
    followed[file] = known != files_.end() ? known->second : stamp_of(file);
  }
  files_ = std::move(followed);
  watch_directories();
}

void FileWatch::watch_directories() {
  std::set<fs::path> wanted;
  for (const auto& [file, stamp] : files_)
    collect(file, wanted);
  std::map<fs::path, int> watched;
  std::set<int> kept;
  for (const fs::path& directory : wanted) {
    // Again also where there is a watch: another directory may be at this path now.
    const int watch = ::inotify_add_watch(descriptor_, directory.c_str(), kEvents);
    if (watch < 0) continue;
    watched[directory] = watch;
    kept.insert(watch);
  }
  for (const auto& [directory, watch] : directories_) {
    if (!kept.contains(watch)) ::inotify_rm_watch(descriptor_, watch);
  }
  directories_ = std::move(watched);
}

bool FileWatch::take_events() {
  bool any = false;
  alignas(inotify_event) std::array<char, 4096> events;
  while (::read(descriptor_, events.data(), events.size()) > 0)
    any = true;
  return any;
}

bool FileWatch::changed() {
  const bool noisy = take_events();
  if (noisy || unsettled_ > 0) ++unsettled_;
  if (unsettled_ == 0 || (noisy && unsettled_ < kUnsettledMax)) return false;
  unsettled_ = 0;
  watch_directories();
  bool any = false;
  for (auto& [file, known] : files_) {
    const Stamp stamp = stamp_of(file);
    any = any || stamp != known;
    known = stamp;
  }
  return any;
}

}  // namespace satgate::app
