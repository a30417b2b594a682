#include "wire/tcp.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/text.h"

namespace satgate::bench {
namespace {

sockaddr_in loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int new_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

}  // namespace

void fail(std::string_view what) {
  std::perror(std::string(what).c_str());
  std::exit(2);
}

void make_fast(int socket) {
  const int on = 1;
  if (::fcntl(socket, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  if (::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) fail("TCP_NODELAY");
}

int listen_on_loopback(uint16_t port) {
  const int fd = new_socket();
  const int on = 1;
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) fail("SO_REUSEADDR");
  const sockaddr_in address = loopback(port);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) fail("bind");
  if (::listen(fd, 4096) < 0) fail("listen");
  if (::fcntl(fd, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
  return fd;
}

int connect_to_loopback(uint16_t port) {
  const int fd = new_socket();
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
    fail("connect");
  }
  return fd;
}

std::string_view field(std::string_view head, std::string_view name) {
  for (size_t at = head.find("\r\n"); at != head.npos; at = head.find("\r\n", at)) {
    at += 2;
    const std::string_view line = head.substr(at, head.find("\r\n", at) - at);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!equals_ignore_case(line.substr(0, name.size()), name)) continue;
    return trim(line.substr(name.size() + 1));
  }
  return {};
}

size_t message_size(std::string_view bytes) {
  constexpr std::string_view blank = "\r\n\r\n";
  const size_t end = bytes.find(blank);
  if (end == bytes.npos) return 0;
  const std::string_view head = bytes.substr(0, end);
  const size_t body = end + blank.size();
  if (!field(head, "transfer-encoding").empty()) {
    constexpr std::string_view last_chunk = "0\r\n\r\n";
    const size_t last = bytes.find(last_chunk, body);
    return last == bytes.npos ? 0 : last + last_chunk.size();
  }
  const std::string_view length = field(head, "content-length");
  const size_t size = body + (length.empty() ? 0 : whole_number(length));
  return bytes.size() < size ? 0 : size;
}

size_t MessageSizer::size(std::string_view bytes) {
  if (head_.empty() || !bytes.starts_with(head_)) {
    const size_t found = message_size(bytes);
    if (found == 0) return 0;
    const std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n") + 4);
    // Where the body tells its own length, the head says nothing.
    head_ = field(head, "transfer-encoding").empty() ? head : std::string_view();
    size_ = found;
    return found;
  }
  return bytes.size() < size_ ? 0 : size_;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) fail("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (::setrlimit(RLIMIT_NOFILE, &limit) < 0) fail("setrlimit");
}

uint64_t whole_number(std::string_view text) {
  const auto number = parse_uint(text);
  if (!number) {
    std::fprintf(stderr, "not a number: %.*s\n", static_cast<int>(text.size()), text.data());
    std::exit(2);
  }
  return *number;
}

uint16_t port_number(std::string_view text) {
  const uint64_t number = whole_number(text);
  if (number == 0 || number > UINT16_MAX) fail("port");
  return static_cast<uint16_t>(number);
}

std::string file_text(const char* path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (text.empty()) fail(path);
  return text;
}

}  // namespace satgate::bench
