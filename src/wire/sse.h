// Splits a stream of server-sent events (WHATWG HTML, section 9.2) that arrives in pieces. Each
// event comes with its raw bytes, so that a proxy can forward it untouched, and parsed. The raw
// bytes of all events and of the tail, joined, are exactly the input.
//
//   splitter.feed(piece);                       // false: an event is too large
//   while (splitter.next(event)) { ... }        // views hold until the next call
//   at the end of the body: splitter.end(event)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"

namespace satgate::wire {

struct SseEvent {
  std::string_view raw;   // with the empty line that ends it
  std::string_view data;  // lines joined by LF
  std::string_view type;  // field `event`; empty means "message"
  std::optional<std::string_view> id;
  std::optional<uint64_t> retry_ms;
  // A block without a data field (comments, keep-alives, a lone id) dispatches nothing, but is
  // handed out all the same so that it can be forwarded.
  bool has_data = false;
};

enum class SseEnd : uint8_t {
  clean,  // the stream ended after a whole event
  cut,    // bytes of an unfinished event were left; a browser would ignore them
};

class SseSplitter {
 public:
  explicit SseSplitter(size_t event_bytes_max = limits::sse_event_bytes_max);

  // Takes the next bytes. Call next() until it is false before feeding again: then at most one
  // piece and one event are held. False once an event has grown past the bound.
  [[nodiscard]] bool feed(std::string_view piece);
  // False when there is no whole event yet, or ever again because one is too large.
  [[nodiscard]] bool next(SseEvent& event);
  // An event, whole or not, is larger than the bound; treat the stream as cut.
  bool is_too_large() const { return too_large_; }

  // The stream has ended. When cut, `tail` is what was left, parsed as if an empty line followed
  // (some servers forget the last one; usage found there still counts).
  SseEnd end(SseEvent& tail);
  // Bytes of the unfinished event.
  std::string_view pending() const { return std::string_view(buffer_).substr(begin_); }
  // Back to the start of a stream; keeps its memory.
  void reset();

 private:
  void parse(std::string_view block, SseEvent& event);
  void parse_line(std::string_view line, SseEvent& event);

  size_t event_bytes_max_;
  std::string buffer_;
  std::string joined_;     // data of more than one line
  size_t begin_ = 0;       // first byte of the current event
  size_t line_ = 0;        // first byte of the current line
  size_t scanned_ = 0;     // bytes before this hold no line end that was not seen
  bool after_cr_ = false;  // the last line ended in CR: an LF now belongs to it
  bool at_start_ = true;   // a byte order mark may come
  bool too_large_ = false;
};

}  // namespace satgate::wire
