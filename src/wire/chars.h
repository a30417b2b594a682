// Character classes of RFC 9110 5.6.2 and RFC 3986, as one table, and the search that a head
// spends most of its bytes in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/words.h"

namespace satgate::wire {

namespace chars {
inline constexpr uint8_t kToken = 1;       // tchar
inline constexpr uint8_t kTarget = 2;      // visible ASCII except '#'
inline constexpr uint8_t kUnreserved = 4;  // ALPHA DIGIT - . _ ~
inline constexpr uint8_t kControl = 8;     // below space except tab, and DEL

constexpr bool is_alphanumeric(unsigned c) {
  return (c >= '0' && c <= '9') || ((c | 0x20U) >= 'a' && (c | 0x20U) <= 'z');
}

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (unsigned c = 0; c < 256; ++c) {
    uint8_t bits = 0;
    if (c < 128 && is_alphanumeric(c)) bits |= kToken | kUnreserved;
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;
    if ((c < 0x20 && c != '\t') || c == 0x7f) bits |= kControl;
    classes[c] = bits;
  }
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    classes[static_cast<unsigned char>(c)] |= kToken;
  for (const char c : std::string_view("-._~"))
    classes[static_cast<unsigned char>(c)] |= kUnreserved;
  return classes;
}
inline constexpr std::array<uint8_t, 256> kClasses = make_classes();

inline bool all(std::string_view text, uint8_t wanted) {
  for (const char c : text) {
    if ((kClasses[static_cast<unsigned char>(c)] & wanted) == 0) return false;
  }
  return true;
}
}  // namespace chars

inline bool is_token_byte(char c) {
  return (chars::kClasses[static_cast<unsigned char>(c)] & chars::kToken) != 0;
}
inline bool is_unreserved(char c) {
  return (chars::kClasses[static_cast<unsigned char>(c)] & chars::kUnreserved) != 0;
}
inline bool is_control(char c) {
  return (chars::kClasses[static_cast<unsigned char>(c)] & chars::kControl) != 0;
}
inline bool is_token(std::string_view text) {
  return !text.empty() && chars::all(text, chars::kToken);
}
inline int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// Offset of the first control byte (tab is none), or text.size(). Eight bytes at a time: the
// common value has no byte below space and no DEL.
inline size_t find_control(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    const uint64_t word = words::at(text, i);
    if ((words::below(word, ' ') | words::equal(word, 0x7f)) == 0) continue;
    for (size_t k = i; k < i + 8; ++k) {
      if (is_control(text[k])) return k;
    }
  }
  for (; i < text.size(); ++i) {
    if (is_control(text[i])) return i;
  }
  return text.size();
}

// What may stand in a field value or a reason phrase.
inline bool is_value(std::string_view text) {
  return find_control(text) == text.size();
}
// An origin-form target: '/' and visible ASCII without '#'.
inline bool is_origin_form(std::string_view text) {
  return !text.empty() && text.front() == '/' && chars::all(text, chars::kTarget);
}

}  // namespace satgate::wire
