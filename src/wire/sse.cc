#include "wire/sse.h"

#include "base/text.h"

namespace satgate::wire {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// A plain loop: find_first_of calls memchr for each byte, and two searches of the whole rest would
// be quadratic for a stream of nothing but CR.
size_t find_line_end(std::string_view text, size_t from) {
  for (size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\n' || text[i] == '\r') return i;
  }
  return text.npos;
}

}  // namespace

SseSplitter::SseSplitter(size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

bool SseSplitter::feed(std::string_view piece) {
  if (too_large_) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    line_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  buffer_ += piece;
  return true;
}

bool SseSplitter::next(SseEvent& event) {
  if (too_large_) return false;
  for (;;) {
    const size_t end = find_line_end(buffer_, scanned_);
    if (end == buffer_.npos) {
      scanned_ = buffer_.size();
      too_large_ = buffer_.size() - begin_ > event_bytes_max_;
      return false;
    }
    scanned_ = end + 1;
    // The LF of a CRLF whose CR has ended the line already.
    const bool completes_crlf = after_cr_ && end == line_ && buffer_[end] == '\n';
    after_cr_ = buffer_[end] == '\r';
    const bool is_empty_line = end == line_ && !completes_crlf;
    line_ = scanned_;
    if (!is_empty_line) continue;
    if (after_cr_ && scanned_ < buffer_.size() && buffer_[scanned_] == '\n') {
      line_ = ++scanned_;
      after_cr_ = false;
    }
    if (scanned_ - begin_ > event_bytes_max_) {
      too_large_ = true;
      return false;
    }
    parse(std::string_view(buffer_).substr(begin_, scanned_ - begin_), event);
    begin_ = scanned_;
    return true;
  }
}

SseEnd SseSplitter::end(SseEvent& tail) {
  const std::string_view rest = pending();
  parse(rest, tail);
  return rest.find_first_not_of("\r\n") == rest.npos ? SseEnd::clean : SseEnd::cut;
}

void SseSplitter::reset() {
  buffer_.clear();
  joined_.clear();
  begin_ = line_ = scanned_ = 0;
  after_cr_ = false;
  at_start_ = true;
  too_large_ = false;
}

void SseSplitter::parse(std::string_view block, SseEvent& event) {
  event = SseEvent{};
  event.raw = block;
  joined_.clear();
  if (at_start_ && block.starts_with(kByteOrderMark)) block.remove_prefix(kByteOrderMark.size());
  at_start_ = false;
  while (!block.empty()) {
    const size_t end = find_line_end(block, 0);
    parse_line(block.substr(0, end), event);
    block.remove_prefix(end == block.npos ? block.size() : end + 1);
  }
}

void SseSplitter::parse_line(std::string_view line, SseEvent& event) {
  // An empty line ends the block; between CR and LF of one line end there is none.
  if (line.empty()) return;
  const size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  std::string_view value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (name == "data") {
    if (!event.has_data) {
      event.data = value;
      event.has_data = true;
      return;
    }
    // The usual event has one line and is never copied.
    if (joined_.empty()) joined_ = event.data;
    joined_ += '\n';
    joined_ += value;
    event.data = joined_;
  } else if (name == "event") {
    event.type = value;
  } else if (name == "id") {
    if (value.find('\0') == value.npos) event.id = value;
  } else if (name == "retry") {
    if (const auto milliseconds = parse_uint(value)) event.retry_ms = milliseconds;
  }
}

}  // namespace satgate::wire
