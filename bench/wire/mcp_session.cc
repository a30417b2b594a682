#include "wire/mcp_session.h"

#include <fmt/format.h>
#include <poll.h>

#include <array>
#include <cerrno>

#include "wire/tcp.h"

namespace satgate::bench {
namespace {

constexpr int kAnswerMs = 20'000;
constexpr std::string_view kBlank = "\r\n\r\n";

constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"bench-load","version":"1"}}})";
constexpr std::string_view kInitialized =
    R"({"jsonrpc":"2.0","method":"notifications/initialized"})";

// The same head with another method and body. `without`: a line of the head.
std::string like(std::string_view request, std::string_view method, std::string_view body,
                 std::string_view without = {}) {
  const std::string_view head = request.substr(0, request.find(kBlank));
  std::string made = fmt::format("{}{}", method, head.substr(0, head.find("\r\n")).substr(4));
  for (size_t at = head.find("\r\n"); at != head.npos;) {
    const size_t next = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, next - at - 2);
    if (line != without && !line.starts_with("Content-Length:")) {
      made += fmt::format("\r\n{}", line);
    }
    at = next;
  }
  return made + fmt::format("\r\nContent-Length: {}{}{}", body.size(), kBlank, body);
}

std::string answer_to(Channel& channel, std::string_view request) {
  channel.send(request);
  std::string answer;
  std::array<char, 16 * 1024> bytes{};
  while (message_size(answer) == 0) {
    pollfd readable{.fd = channel.fd(), .events = POLLIN, .revents = 0};
    if (!channel.has_more() && ::poll(&readable, 1, kAnswerMs) != 1) {
      errno = ETIMEDOUT;
      fail("a session of MCP");
    }
    answer.append(bytes.data(), channel.receive(bytes));
  }
  return answer;
}

}  // namespace

std::string open_session(Channel& channel, std::string_view request) {
  const std::string joined = answer_to(channel, like(request, "POST", kInitialize, kSessionField));
  const std::string_view id = field(joined, "mcp-session-id");
  if (!joined.starts_with("HTTP/1.1 200") || id.empty()) {
    errno = EPROTO;
    fail(joined.substr(0, 600));
  }
  std::string made(request);
  made.replace(made.find("@session@"), std::string_view("@session@").size(), id);
  answer_to(channel, like(made, "POST", kInitialized));
  return made;
}

void close_session(Channel& channel, std::string_view request) {
  answer_to(channel, like(request, "DELETE", ""));
}

}  // namespace satgate::bench
