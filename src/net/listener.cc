#include "net/listener.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "base/text.h"

namespace satgate::net {

namespace {

constexpr int kBacklog = 4096;
constexpr Milliseconds kNoDescriptorPause{50};

Result<ListenAddress> bad_address(std::string_view text) {
  return fail("bad listen address \"" + std::string(text) +
              "\": expected ADDRESS:PORT, such as 127.0.0.1:8000 or [::1]:8000");
}

Error cannot_listen(const ListenAddress& address, int error) {
  std::string why = std::strerror(error);
  if (error == EADDRINUSE) why = "the address is already in use";
  if (error == EACCES) why = "no permission for this port";
  return Error{"cannot listen on " + to_string(address) + ": " + why};
}

bool set(int fd, int level, int option) {
  const int yes = 1;
  return ::setsockopt(fd, level, option, &yes, sizeof yes) == 0;
}

// A listening socket. Not open: errno says why.
Socket listen_on(const Endpoint& endpoint, bool share, int backlog) {
  Socket socket = new_tcp_socket(endpoint.family());
  if (!socket.is_open()) return socket;
  const int fd = socket.fd();
  bool ok = set(fd, SOL_SOCKET, SO_REUSEADDR);
  ok = ok && (!share || set(fd, SOL_SOCKET, SO_REUSEPORT));
  ok = ok && (endpoint.family() != AF_INET6 || set(fd, IPPROTO_IPV6, IPV6_V6ONLY));
  ok = ok && ::bind(fd, endpoint.address(), endpoint.size()) == 0;
  ok = ok && ::listen(fd, backlog) == 0;
  if (ok) return socket;
  const int why = errno;
  socket = Socket();
  errno = why;
  return socket;
}

bool is_out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  std::string_view host;
  std::string_view port = text;
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    host = text.substr(0, colon);
    port = text.substr(colon + 1);
  }
  const auto number = parse_uint(port);
  if (!number || *number > 65535) return bad_address(text);
  ListenAddress address;
  address.port = static_cast<uint16_t>(*number);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  if (colon == std::string_view::npos || host == "localhost") {
    address.host = "127.0.0.1";
    return address;
  }
  address.host = host.empty() || host == "*" ? "0.0.0.0" : std::string(host);
  const auto parsed = Endpoint::of_literal(address.host, address.port);
  if (!parsed || (parsed->family() == AF_INET6) != is_bracketed) return bad_address(text);
  return address;
}

std::string to_string(const ListenAddress& address) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const ListenAddress& address,
                                                 Share share) {
  const auto endpoint = Endpoint::of_literal(address.host, address.port);
  if (!endpoint) return std::unexpected(cannot_listen(address, EADDRNOTAVAIL));
  if (share == Share::first && address.port != 0) {
    // SO_REUSEPORT would let a second gateway of the same user take half of the connections. A
    // socket without it finds out whether anybody listens.
    if (!listen_on(*endpoint, false, 1).is_open()) {
      return std::unexpected(cannot_listen(address, errno));
    }
  }
  Socket socket = listen_on(*endpoint, true, kBacklog);
  if (!socket.is_open()) return std::unexpected(cannot_listen(address, errno));
  Endpoint bound;
  ListenAddress real = address;
  if (::getsockname(socket.fd(), bound.address(), bound.room()) != 0) {
    return std::unexpected(cannot_listen(address, errno));
  }
  real.port = bound.port();
  std::unique_ptr<Listener> listener(new Listener(loop, std::move(real)));
  if (!listener->descriptor_.open(socket.release())) {
    return std::unexpected(cannot_listen(address, errno));
  }
  return listener;
}

// Waits for one connection.
class Listener::Accept final : public Operation {
 public:
  explicit Accept(Descriptor& descriptor) : descriptor_(descriptor) {}
  bool await_ready() { return attempt(); }
  void await_suspend(std::coroutine_handle<> waiter) { wait_at(descriptor_, waiter); }
  // Not open: `error()` says why, 0 that the listener is closed.
  Socket await_resume() { return std::move(socket_); }
  int error() const { return error_; }

 private:
  bool attempt() override {
    while (descriptor_.is_open()) {
      socket_ = Socket(::accept4(descriptor_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (socket_.is_open()) return true;
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      // A connection that has died in the queue is no reason to stop; a lack of memory is.
      error_ = errno;
      if (is_out_of_descriptors(error_)) return true;
    }
    error_ = 0;
    return true;
  }
  Descriptor& descriptor_;
  Socket socket_;
  int error_ = 0;
};

Task<Result<Socket>> Listener::accept() {
  for (;;) {
    Accept accepting(descriptor_);
    Socket socket = co_await accepting;
    if (socket.is_open()) {
      set_no_delay(socket.fd());
      co_return Result<Socket>(std::move(socket));
    }
    if (accepting.error() == 0) co_return fail("the listener is closed");
    co_await sleep(loop_, kNoDescriptorPause);
  }
}

void Listener::close() {
  descriptor_.close();
}

}  // namespace satgate::net
