// The upstream of the wire benchmark: answers every request on loopback with the same 231 bytes of
// JSON and keeps the connection open. One thread, as little work as an HTTP server can do, so that
// the core it shares with the load generator has room.
//
//   bench-upstream PORT        runs until it is killed
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <string>
#include <unordered_map>

#include "wire/tcp.h"

namespace satgate::bench {
namespace {

std::string fixed_answer() {
  constexpr size_t size = 231;
  constexpr std::string_view tail = "\"}\n";
  std::string body = R"({"id":"call-0001","object":"answer","model":"fixed","text":")";
  body.append(size - body.size() - tail.size(), 'x');
  body += tail;
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Upstream {
 public:
  explicit Upstream(uint16_t port) : listener_(listen_on_loopback(port)) { watch(listener_); }

  void run() {
    std::array<epoll_event, 256> events{};
    for (;;) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
      if (ready < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < ready; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        if (fd == listener_) {
          accept_all();
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
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
    while (const size_t size = message_size(bytes)) {
      bytes.remove_prefix(size);
      const ssize_t sent = ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
      if (sent != static_cast<ssize_t>(answer_.size())) return drop(fd);
    }
    if (!bytes.empty()) kept = bytes;
    if (rest != rest_.end()) rest_.erase(rest);
    if (!kept.empty()) rest_.emplace(fd, std::move(kept));
  }

  void drop(int fd) {
    rest_.erase(fd);
    ::close(fd);
  }

  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  const int listener_;
  const std::string answer_ = fixed_answer();
  std::array<char, 64 * 1024> read_{};
  std::unordered_map<int, std::string> rest_;
};

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bench-upstream PORT\n", stderr);
    return 2;
  }
  satgate::bench::Upstream(satgate::bench::port_number(argv[1])).run();
}
