// Keep-alive connections that do nothing: opens N, asks once on each and waits for the answer, so
// that each has been used. Prints "ready" and holds them until standard input ends.
//
//   bench-idle PORT CONNECTIONS REQUEST_FILE
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>

#include "wire/tcp.h"

namespace satgate::bench {
namespace {

void ask_once(uint16_t port, std::string_view request) {
  const int fd = connect_to_loopback(port);
  if (::write(fd, request.data(), request.size()) != static_cast<ssize_t>(request.size())) {
    fail("write");
  }
  std::string answer;
  std::array<char, 4096> read{};
  while (message_size(answer) == 0) {
    const ssize_t got = ::read(fd, read.data(), read.size());
    if (got <= 0) fail("the proxy closed a connection");
    answer.append(read.data(), static_cast<size_t>(got));
  }
  if (!answer.starts_with("HTTP/1.1 200")) {
    std::fprintf(stderr, "an answer that is not good:\n%.600s\n", answer.c_str());
    std::exit(2);
  }
}

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  using namespace satgate::bench;
  if (argc != 4) {
    std::fputs("usage: bench-idle PORT CONNECTIONS REQUEST_FILE\n", stderr);
    return 2;
  }
  raise_descriptor_limit();
  const std::string request = file_text(argv[3]);
  for (uint64_t left = whole_number(argv[2]); left > 0; --left)
    ask_once(port_number(argv[1]), request);
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
}
