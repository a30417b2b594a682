#include "net/pipe.h"

#include <fcntl.h>

namespace satgate::net {

Pipe::Pipe(Loop& loop, int fd) : descriptor_(loop) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) static_cast<void>(::fcntl(fd, F_SETFL, flags | O_NONBLOCK));
  static_cast<void>(descriptor_.open(fd));
}

bool Pipe::Read::attempt() {
  if (!descriptor_.is_open()) {
    result_ = std::unexpected(EBADF);
    return true;
  }
  const ssize_t got = descriptor_.read(into_.data(), into_.size());
  if (got < 0 && errno == EAGAIN) return false;
  if (got < 0) {
    result_ = std::unexpected(errno);
  } else {
    result_ = static_cast<size_t>(got);
  }
  return true;
}

bool Pipe::Write::attempt() {
  while (!rest_.empty()) {
    if (!descriptor_.is_open()) {
      result_ = std::unexpected(EBADF);
      return true;
    }
    const ssize_t put = descriptor_.write(rest_.data(), rest_.size());
    if (put < 0 && errno == EAGAIN) return false;
    if (put < 0) {
      result_ = std::unexpected(errno);
      return true;
    }
    rest_.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace satgate::net
