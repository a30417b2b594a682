#include "net/descriptor.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace satgate::net {
namespace {
constexpr size_t kShareBytes = 64 * 1024;
}  // namespace

Operation::~Operation() {
  if (descriptor_ == nullptr) return;
  for (Operation** at = &descriptor_->waiting_; *at != nullptr; at = &(*at)->next_) {
    if (*at != this) continue;
    *at = next_;
    return;
  }
}

void Operation::wait_at(Descriptor& descriptor, std::coroutine_handle<> waiter) {
  descriptor_ = &descriptor;
  waiter_ = waiter;
  next_ = descriptor.waiting_;
  descriptor.waiting_ = this;
}

bool Descriptor::open(int fd) {
  fd_ = fd;
  readable_ = writable_ = true;
  hung_up_ = looks_again_ = false;
  if (loop_.watch(fd, *this)) return true;
  const int why = errno;
  close();
  errno = why;
  return false;
}

void Descriptor::close() {
  if (fd_ < 0) return;
  loop_.forget(*this);
  ::close(std::exchange(fd_, -1));
  attempt_all();
  // What still waits belongs to a coroutine that is being destroyed with this.
  for (Operation* one = std::exchange(waiting_, nullptr); one != nullptr; one = one->next_)
    one->descriptor_ = nullptr;
}

bool Descriptor::may_take() {
  if (!readable_) return false;
  if (turn_ != loop_.turns()) taken_ = 0;
  turn_ = loop_.turns();
  if (taken_ < kShareBytes) return true;
  if (!std::exchange(looks_again_, true)) loop_.look_again(*this);
  return false;
}

void Descriptor::renew_share() {
  looks_again_ = false;
  attempt_all();
}

ssize_t Descriptor::after_read(ssize_t got, size_t size, bool short_is_empty) {
  if (got > 0) taken_ += static_cast<size_t>(got);
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    readable_ = hung_up_;
    return got;
  }
  // A hang-up is told once: then reading goes on until the end is read.
  if (short_is_empty && got > 0 && static_cast<size_t>(got) < size && !hung_up_) readable_ = false;
  return got;
}

ssize_t Descriptor::after_write(ssize_t put) {
  if (put < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) writable_ = false;
  return put;
}

ssize_t Descriptor::receive(void* into, size_t size) {
  if (!may_take()) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t got = 0;
  do {
    got = ::recv(fd_, into, size, 0);
  } while (got < 0 && errno == EINTR);
  return after_read(got, size, true);
}

ssize_t Descriptor::read(void* into, size_t size) {
  if (!may_take()) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t got = 0;
  do {
    got = ::read(fd_, into, size);
  } while (got < 0 && errno == EINTR);
  return after_read(got, size, false);
}

ssize_t Descriptor::send(std::span<const iovec> pieces) {
  if (!writable_) {
    errno = EAGAIN;
    return -1;
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  ssize_t sent = 0;
  do {
    sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return after_write(sent);
}

ssize_t Descriptor::send(std::string_view bytes) {
  if (!writable_) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t sent = 0;
  do {
    sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return after_write(sent);
}

ssize_t Descriptor::write(const void* from, size_t size) {
  if (!writable_) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t put = 0;
  do {
    put = ::write(fd_, from, size);
  } while (put < 0 && errno == EINTR);
  return after_write(put);
}

void Descriptor::attempt_all() {
  for (Operation** at = &waiting_; *at != nullptr;) {
    Operation& one = **at;
    if (!one.attempt()) {
      at = &one.next_;
      continue;
    }
    *at = one.next_;
    one.descriptor_ = nullptr;
    loop_.make_ready(one.waiter_);
  }
}

void Descriptor::on_events(uint32_t events) {
  if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) hung_up_ = true;
  if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) readable_ = true;
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) writable_ = true;
  attempt_all();
  if (callback_ != nullptr) callback_(subject_);
}

}  // namespace satgate::net
