// Socket addresses and sockets, by RAII. Internal to net.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace satgate::net {

// An address and a port.
class Endpoint {
 public:
  // Of an IPv4 or IPv6 literal without brackets; nothing for a name.
  static std::optional<Endpoint> of_literal(const std::string& host, uint16_t port);
  explicit Endpoint(const sockaddr& address, socklen_t size);
  Endpoint() = default;

  int family() const { return storage_.ss_family; }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  sockaddr* address() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }
  socklen_t* room() { return &(size_ = sizeof storage_); }  // for calls that fill it in
  std::string host() const;                                 // "127.0.0.1"; "" when unknown
  uint16_t port() const;

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

bool is_address_literal(const std::string& host);

// An open socket that closes itself.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.release()) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// Non-blocking, closed on exec. Not open: errno says why.
Socket new_tcp_socket(int family);
void set_no_delay(int fd);

}  // namespace satgate::net
