// The upstream of the wire benchmark: answers every request on loopback at once (answers.h) and
// keeps the connection open. A chat that asks for a stream gets all of it at once or, with an
// interval, one event in each; the streams are spread evenly over the interval. One thread.
//
//   bench-upstream PORT [INTERVAL_MS EVENTS]        runs until it is killed
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "wire/answers.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

// So many slots has an interval: each is due at a moment of its own.
constexpr size_t kSlots = 200;

class Upstream {
 public:
  Upstream(uint16_t port, uint64_t interval_ms, uint64_t events)
      : listener_(listen_on_loopback(port)), paced_(interval_ms > 0), events_(events) {
    watch(listener_);
    itimerspec every{};
    every.it_interval.tv_nsec = static_cast<int64_t>(interval_ms * 1'000'000 / kSlots);
    every.it_value = every.it_interval;
    if (::timerfd_settime(timer_, 0, &every, nullptr) < 0) fail("timerfd_settime");
  }

  void run() {
    std::array<epoll_event, 256> ready{};
    for (;;) {
      const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < count; ++i) {
        const int fd = ready[static_cast<size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_all();
        } else if (fd == timer_) {
          turn_wheel();
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
  struct Stream {
    uint64_t serial;  // a descriptor is used again by the next connection
    uint64_t events_left;
  };

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
  }

  void accept_all() {
    for (;;) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      make_fast(fd);
      watch(fd);
    }
  }

  void serve(int fd) {
    const ssize_t got = ::recv(fd, read_.data(), read_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return drop(fd);
    std::string_view bytes(read_.data(), static_cast<size_t>(got));
    // Nearly always one read is one request; what is not waits here for its rest.
    const auto rest = rest_.find(fd);
    if (rest != rest_.end()) bytes = rest->second.append(bytes);
    std::string kept;
    while (const size_t size = sizer_.size(bytes)) {
      const std::string_view answer = answers_.to(bytes.substr(0, size));
      bytes.remove_prefix(size);
      if (answer.empty()) {
        if (!begin_stream(fd)) return drop(fd);
      } else if (!send_all(fd, answer)) {
        return drop(fd);
      }
    }
    if (!bytes.empty()) kept = bytes;
    if (rest != rest_.end()) rest_.erase(rest);
    if (!kept.empty()) rest_.emplace(fd, std::move(kept));
  }

  bool begin_stream(int fd) {
    if (!paced_) return send_all(fd, Answers::whole_stream());
    if (streams_.empty()) watch_timer(true);
    streams_[fd] = {++serial_, events_};
    wheel_[serial_ % kSlots].emplace_back(fd, serial_);
    return send_all(fd, Answers::stream_head());
  }

  void turn_wheel() {
    uint64_t ticks = 0;
    if (::read(timer_, &ticks, sizeof ticks) != sizeof ticks) return;
    for (; ticks > 0; --ticks) {
      std::vector<std::pair<int, uint64_t>>& slot = wheel_[hand_++ % kSlots];
      std::erase_if(slot, [this](const auto& entry) { return !go_on(entry.first, entry.second); });
    }
    if (streams_.empty()) watch_timer(false);
  }

  // False when the stream has ended.
  bool go_on(int fd, uint64_t serial) {
    const auto stream = streams_.find(fd);
    if (stream == streams_.end() || stream->second.serial != serial) return false;
    const int64_t now = std::chrono::steady_clock::now().time_since_epoch().count();
    const bool last = stream->second.events_left-- == 0;
    if (!send_all(fd, last ? Answers::stream_end() : answers_.stream_event(now))) {
      drop(fd);
      return false;
    }
    if (last) streams_.erase(stream);
    return !last;
  }

  // An idle upstream does not wake up, and does not make up for what it slept through.
  void watch_timer(bool on) {
    uint64_t missed = 0;
    static_cast<void>(!::read(timer_, &missed, sizeof missed));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = timer_;
    ::epoll_ctl(epoll_, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, timer_, &event);
  }

  static bool send_all(int fd, std::string_view bytes) {
    for (;;) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent == static_cast<ssize_t>(bytes.size())) return true;
      if (sent < 0 && errno != EAGAIN) return false;
      // A long answer that does not fit: whoever reads is on another core.
      bytes.remove_prefix(static_cast<size_t>(std::max<ssize_t>(0, sent)));
      pollfd writable{.fd = fd, .events = POLLOUT, .revents = 0};
      if (::poll(&writable, 1, 1000) != 1) return false;
    }
  }

  void drop(int fd) {
    rest_.erase(fd);
    streams_.erase(fd);
    ::close(fd);
  }

  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  const int timer_ = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const int listener_;
  const bool paced_;
  const uint64_t events_;
  Answers answers_;
  MessageSizer sizer_;
  std::array<char, 64 * 1024> read_{};
  std::unordered_map<int, std::string> rest_;
  std::unordered_map<int, Stream> streams_;
  std::array<std::vector<std::pair<int, uint64_t>>, kSlots> wheel_;
  uint64_t serial_ = 0;
  size_t hand_ = 0;
};

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  using satgate::bench::whole_number;
  if (argc != 2 && argc != 4) {
    std::fputs("usage: bench-upstream PORT [INTERVAL_MS EVENTS]\n", stderr);
    return 2;
  }
  const uint64_t interval_ms = argc == 4 ? whole_number(argv[2]) : 0;
  const uint64_t events = argc == 4 ? whole_number(argv[3]) : 0;
  satgate::bench::raise_descriptor_limit();
  satgate::bench::Upstream(satgate::bench::port_number(argv[1]), interval_ms, events).run();
}
