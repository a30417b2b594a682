#include "wire/ws_frame.h"

namespace satgate::wire {
namespace {

constexpr size_t kControlMax = 125;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;
constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kReserved = 0x70;
constexpr uint8_t kMasked = 0x80;

void append_number(std::string& out, uint64_t number, size_t bytes) {
  while (bytes-- > 0)
    out += static_cast<char>(number >> (8 * bytes) & 0xff);
}

uint64_t number_of(std::string_view bytes) {
  uint64_t number = 0;
  for (const char c : bytes)
    number = number << 8 | static_cast<uint8_t>(c);
  return number;
}

bool is_control(uint8_t kind) {
  return kind >= 8;
}

bool is_known(uint8_t kind) {
  return kind <= 2 || (kind >= 8 && kind <= 10);
}

FrameResult refused() {
  FrameResult result;
  result.progress = Progress::refused;
  return result;
}

}  // namespace

void append_client_frame(std::string& out, FrameKind kind, std::string_view payload,
                         const std::array<uint8_t, 4>& mask) {
  out += static_cast<char>(kFinal | static_cast<uint8_t>(kind));
  if (payload.size() <= kControlMax) {
    append_number(out, kMasked | payload.size(), 1);
  } else if (payload.size() <= UINT16_MAX) {
    append_number(out, kMasked | kLength16, 1);
    append_number(out, payload.size(), 2);
  } else {
    append_number(out, kMasked | kLength64, 1);
    append_number(out, payload.size(), 8);
  }
  for (const uint8_t byte : mask)
    out += static_cast<char>(byte);
  for (size_t i = 0; i < payload.size(); ++i)
    out += static_cast<char>(static_cast<uint8_t>(payload[i]) ^ mask[i % mask.size()]);
}

FrameResult read_server_frame(std::string_view buffer, size_t payload_max) {
  if (buffer.size() < 2) return {};
  const auto first = static_cast<uint8_t>(buffer[0]);
  const auto second = static_cast<uint8_t>(buffer[1]);
  const uint8_t kind = first & 0x0f;
  const bool is_final = (first & kFinal) != 0;
  if ((first & kReserved) != 0 || (second & kMasked) != 0 || !is_known(kind)) return refused();
  uint64_t length = second;
  if (is_control(kind) && (length > kControlMax || !is_final)) return refused();
  size_t head = 2;
  if (length > kControlMax) {
    const size_t bytes = length == kLength16 ? 2 : 8;
    if (buffer.size() < head + bytes) return {};
    length = number_of(buffer.substr(head, bytes));
    if (length <= (bytes == 2 ? kControlMax : UINT16_MAX)) return refused();
    head += bytes;
  }
  if (length > payload_max) return refused();
  if (buffer.size() - head < length) return {};
  FrameResult result;
  result.progress = Progress::done;
  result.consumed = head + static_cast<size_t>(length);
  result.frame.kind = static_cast<FrameKind>(kind);
  result.frame.is_final = is_final;
  result.frame.payload = buffer.substr(head, static_cast<size_t>(length));
  return result;
}

}  // namespace satgate::wire
