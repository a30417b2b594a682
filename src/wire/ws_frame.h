// Frames of the WebSocket protocol, as a client writes and reads them (RFC 6455, section 5).
// Extensions are never agreed upon, so their bits are refused.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/body.h"

namespace satgate::wire {

enum class FrameKind : uint8_t {
  continuation = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10,
};

struct Frame {
  FrameKind kind = FrameKind::text;
  bool is_final = true;      // of its message
  std::string_view payload;  // in the buffer that it was read from
};

struct FrameResult {
  Progress progress = Progress::need_more;
  size_t consumed = 0;  // when done
  Frame frame;          // when done
};

// A whole message, or a control frame. `mask` is fresh random bytes for each.
void append_client_frame(std::string& out, FrameKind kind, std::string_view payload,
                         const std::array<uint8_t, 4>& mask);

// The frame at the front of `buffer`. Refused: masked ones (servers do not), reserved bits and
// kinds, lengths that are not written in the shortest way, control frames that are long or in
// pieces, and payloads of more than `payload_max` bytes, before they have come.
FrameResult read_server_frame(std::string_view buffer, size_t payload_max);

}  // namespace satgate::wire
