// An MCP server over stdio that answers at once: behind the bridges that bench/run compares.
//
//   bench-stdio        runs until its input ends
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "wire/answers.h"
#include "wire/tcp.h"

namespace {

void write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0) satgate::bench::fail("write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

}  // namespace

int main() {
  satgate::bench::Answers answers;
  std::array<char, 64 * 1024> buffer{};
  std::string read, said;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got <= 0) return 0;
    read.append(buffer.data(), static_cast<size_t>(got));
    size_t from = 0;
    said.clear();
    for (size_t end = read.find('\n'); end != read.npos; end = read.find('\n', from)) {
      const std::string_view line = std::string_view(read).substr(from, end - from);
      from = end + 1;
      const std::string_view answer = answers.to_message(line);
      if (!answer.empty()) said.append(answer).append("\n");
    }
    read.erase(0, from);
    write_all(said);
  }
}
