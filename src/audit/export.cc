#include "audit/export.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"

namespace satgate::audit {
namespace {

template <size_t Size>
std::string_view view(const std::array<uint8_t, Size>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads a line from the left. Any mismatch makes every later step fail as well.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}

  Cursor& word(std::string_view expected) {
    good_ = good_ && rest_.starts_with(expected);
    if (good_) rest_.remove_prefix(expected.size());
    return *this;
  }

  template <size_t Size>
  Cursor& hex(std::array<uint8_t, Size>& out) {
    const std::string_view text = rest_.substr(0, 2 * Size);
    const auto bytes = from_hex(text);
    good_ = good_ && bytes && bytes->size() == Size;
    if (good_) {
      std::ranges::copy(*bytes, out.begin());
      rest_.remove_prefix(2 * Size);
    }
    return *this;
  }

  Cursor& number(uint64_t& out) {
    const std::string_view digits = rest_.substr(0, rest_.find_first_not_of("0123456789"));
    const auto value = parse_uint(digits);
    good_ = good_ && value;
    if (good_) {
      out = *value;
      rest_.remove_prefix(digits.size());
    }
    return *this;
  }

  bool good() const { return good_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool good_ = true;
};

// One spelling for one meaning: what was read must be written back as the very same bytes. So
// leading zeros and upper-case hex are refused without a rule for each.
template <class Line>
bool is_canonical(std::string_view text, const Line& line,
                  void (*append)(std::string&, const Line&)) {
  std::string again;
  again.reserve(text.size() + 1);
  append(again, line);
  again.pop_back();  // the newline
  return again == text;
}

}  // namespace

void append_event_line(std::string& out, const EventLine& line) {
  fmt::format_to(std::back_inserter(out), R"({{"seq":{},"prev":"{}","hash":"{}","event":)",
                 line.seq, to_hex(view(line.previous)), to_hex(view(line.hash)));
  out += line.event;
  out += "}\n";
}

void append_checkpoint_line(std::string& out, const Checkpoint& checkpoint) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"checkpoint":{{"seq":{},"hash":"{}","time_ns":{},"key":"{}","signature":"{}"}}}})",
      checkpoint.point.seq, to_hex(view(checkpoint.point.hash)), checkpoint.time.unix_ns,
      to_hex(view(checkpoint.key)), to_hex(view(checkpoint.signature)));
  out += '\n';
}

std::optional<EventLine> parse_event_line(std::string_view line) {
  EventLine event;
  Cursor cursor(line);
  cursor.word(R"({"seq":)").number(event.seq).word(R"(,"prev":")").hex(event.previous);
  cursor.word(R"(","hash":")").hex(event.hash).word(R"(","event":)");
  if (!cursor.good() || !cursor.rest().ends_with('}')) return std::nullopt;
  event.event = cursor.rest().substr(0, cursor.rest().size() - 1);
  if (!is_canonical(line, event, append_event_line)) return std::nullopt;
  return event;
}

std::optional<Checkpoint> parse_checkpoint_line(std::string_view line) {
  Checkpoint checkpoint;
  uint64_t time = 0;
  Cursor cursor(line);
  cursor.word(R"({"checkpoint":{"seq":)").number(checkpoint.point.seq).word(R"(,"hash":")");
  cursor.hex(checkpoint.point.hash).word(R"(","time_ns":)").number(time).word(R"(,"key":")");
  cursor.hex(checkpoint.key).word(R"(","signature":")").hex(checkpoint.signature).word(R"("}})");
  if (!cursor.good() || time > INT64_MAX) return std::nullopt;
  checkpoint.time = Time{static_cast<int64_t>(time)};
  if (!is_canonical(line, checkpoint, append_checkpoint_line)) return std::nullopt;
  return checkpoint;
}

}  // namespace satgate::audit
