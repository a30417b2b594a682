#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace satgate::net {

Endpoint::Endpoint(const sockaddr& address, socklen_t size) : size_(size) {
  if (size > sizeof storage_) size_ = 0;
  std::memcpy(&storage_, &address, size_);
}

std::optional<Endpoint> Endpoint::of_literal(const std::string& host, uint16_t port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    return Endpoint(reinterpret_cast<const sockaddr&>(v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    return Endpoint(reinterpret_cast<const sockaddr&>(v6), sizeof v6);
  }
  return std::nullopt;
}

std::string Endpoint::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* raw = nullptr;
  if (family() == AF_INET) raw = &reinterpret_cast<const sockaddr_in&>(storage_).sin_addr;
  if (family() == AF_INET6) raw = &reinterpret_cast<const sockaddr_in6&>(storage_).sin6_addr;
  if (raw == nullptr || ::inet_ntop(family(), raw, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

uint16_t Endpoint::port() const {
  if (family() == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(storage_).sin_port);
  if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(storage_).sin6_port);
  return 0;
}

bool is_address_literal(const std::string& host) {
  return Endpoint::of_literal(host, 0).has_value();
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Socket new_tcp_socket(int family) {
  return Socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void set_no_delay(int fd) {
  const int yes = 1;
  // A hint: without it a connection is slower, no more.
  static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes));
}

}  // namespace satgate::net
