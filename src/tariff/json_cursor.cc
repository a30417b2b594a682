#include "tariff/json_cursor.h"

#include <algorithm>

#include "base/text.h"

namespace satgate::tariff {
namespace {

constexpr std::string_view kEscapes = "\"\\/bfnrt";
constexpr std::string_view kEscaped = "\"\\/\b\f\n\r\t";

bool is_scalar_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
         c == 'E';
}

void append_utf8(std::string& out, unsigned code) {
  const auto tail = [&](int shift) { out += static_cast<char>(0x80 | ((code >> shift) & 0x3f)); };
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    tail(6);
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    tail(12);
    tail(6);
  }
  tail(0);
}

}  // namespace

char JsonCursor::peek() {
  rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  return rest_.empty() ? '\0' : rest_.front();
}

bool JsonCursor::take(char c) {
  if (peek() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view JsonCursor::scalar() {
  peek();
  const auto end = std::ranges::find_if_not(rest_, is_scalar_char);
  const auto size = static_cast<size_t>(end - rest_.begin());
  const std::string_view found = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return found;
}

// The four digits of \uXXXX.
std::optional<unsigned> JsonCursor::unit() {
  const auto bytes = from_hex(rest_.substr(0, 4));
  if (!bytes || bytes->size() != 2) return std::nullopt;
  rest_.remove_prefix(4);
  const auto byte = [&](size_t i) { return static_cast<unsigned char>((*bytes)[i]); };
  return byte(0) * 256u + byte(1);
}

// Behind a backslash. Half of a surrogate pair is no character.
bool JsonCursor::escape(std::string& out) {
  if (rest_.empty()) return false;
  const char c = rest_.front();
  rest_.remove_prefix(1);
  if (c != 'u') {
    const size_t which = kEscapes.find(c);
    if (which == kEscapes.npos) return false;
    out += kEscaped[which];
    return true;
  }
  const auto high = unit();
  if (!high || (*high >= 0xdc00 && *high < 0xe000)) return false;
  if (*high < 0xd800 || *high >= 0xe000) {
    append_utf8(out, *high);
    return true;
  }
  if (!rest_.starts_with("\\u")) return false;
  rest_.remove_prefix(2);
  const auto low = unit();
  if (!low || *low < 0xdc00 || *low >= 0xe000) return false;
  append_utf8(out, 0x10000 + ((*high - 0xd800) << 10) + (*low - 0xdc00));
  return true;
}

std::optional<std::string> JsonCursor::string() {
  if (!take('"')) return std::nullopt;
  std::string out;
  while (true) {
    const auto end = std::ranges::find_if(
        rest_, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < ' '; });
    if (end == rest_.end()) return std::nullopt;
    const auto size = static_cast<size_t>(end - rest_.begin());
    const char c = *end;
    out.append(rest_.substr(0, size));
    rest_.remove_prefix(size + 1);
    if (c == '"') return out;
    if (c != '\\' || !escape(out)) return std::nullopt;
  }
}

}  // namespace satgate::tariff
