// The exported record: newline-delimited JSON with two kinds of lines, each in one fixed spelling.
//
//   {"seq":7,"prev":"<64 hex>","hash":"<64 hex>","event":<the event's bytes>}
//   {"checkpoint":{"seq":7,"hash":"<64 hex>","time_ns":1775757600000000000,"key":"<16 hex>",
//    "signature":"<128 hex>"}}                                            (on one line)
//
// `event` is the last member, so the bytes that were hashed are everything between the fixed prefix
// and the final brace: no JSON parser is needed to find them, and none can change them. Hex is
// lower case, numbers have no leading zeros, there are no spaces. Events come in order and without
// gaps; a checkpoint follows the event it names. Checkpoints have rising numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "audit/event_json.h"

namespace satgate::audit {

// The longest line without its newline.
inline constexpr size_t export_line_bytes_max = event_bytes_max + 256;

struct EventLine {
  uint64_t seq = 0;
  Hash256 previous{};
  Hash256 hash{};
  std::string_view event;  // points into the line that was parsed
};

// Append one line with its newline.
void append_event_line(std::string& out, const EventLine& line);
void append_checkpoint_line(std::string& out, const Checkpoint& checkpoint);

// Read one line without its newline; nothing if it is not spelled exactly as it would be written.
// Hashes and signatures are not checked here.
std::optional<EventLine> parse_event_line(std::string_view line);
std::optional<Checkpoint> parse_checkpoint_line(std::string_view line);

}  // namespace satgate::audit
