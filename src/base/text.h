// Small, strict text tools. No locale, no exceptions, no allocation unless a string is returned.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace satgate {

// Without the spaces and tabs at both ends.
inline std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  return text;
}
std::string lowercase(std::string_view text);  // ASCII only

bool same_letters(std::string_view a, std::string_view b);  // of one size, in any case
// ASCII only. Most texts that differ do so in size or in their first letter.
inline bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  return a.empty() || (((a.front() ^ b.front()) & ~0x20) == 0 && same_letters(a, b));
}

// Printable ASCII but for quote and backslash: what stands for itself in JSON.
constexpr bool is_plain(char c) {
  return c >= ' ' && c <= '~' && c != '"' && c != '\\';
}
size_t plain_length(std::string_view text);  // how many of them are at the front

// Parts between separators, each trimmed. "a, b" -> {"a","b"}; "" -> {""}.
std::vector<std::string_view> split(std::string_view text, char separator);

// A whole decimal number without sign, or nothing. No leading '+', no spaces, no overflow.
std::optional<uint64_t> parse_uint(std::string_view text);

// `*` matches any run of characters, everything else itself. Linear in text times stars.
bool glob_match(std::string_view pattern, std::string_view text);

// How specific a pattern is: its characters without stars. An exact name counts one more, so it
// beats every pattern that also matches.
size_t glob_weight(std::string_view pattern);

inline constexpr std::array<std::array<char, 2>, 256> kHexPairs = [] {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::array<char, 2>, 256> pairs{};
  for (size_t i = 0; i < pairs.size(); ++i)
    pairs[i] = {digits[i >> 4], digits[i & 15]};
  return pairs;
}();
std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view text);  // either case; even length

// Base64 (RFC 4648). `decode` accepts the standard and the url-safe alphabet, padded or not, and
// refuses anything else, including non-zero trailing bits.
std::string base64_encode(std::string_view bytes);     // standard, padded
std::string base64url_encode(std::string_view bytes);  // url-safe, unpadded
std::optional<std::string> base64_decode(std::string_view text);
// As above into a caller's buffer of at least text.size() bytes: bytes written, or nothing.
std::optional<size_t> base64_decode_into(std::string_view text, char* out);

}  // namespace satgate
