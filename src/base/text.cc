#include "base/text.h"

#include <algorithm>
#include <array>

#include "base/words.h"

namespace satgate {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

using words::kHighs;
using words::kOnes;

// The same of eight at once: 0x80 in each byte that is a capital letter, moved to where the case
// is.
uint64_t lower_all(uint64_t word) {
  const uint64_t low = word & ~kHighs;
  const uint64_t from_a = low + kOnes * (0x80 - 'A');
  const uint64_t beyond_z = low + kOnes * (0x7f - 'Z');
  return word | ((from_a & ~beyond_z & ~word & kHighs) >> 2);
}

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> make_base64_values() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < 64; ++i) {
    values[static_cast<uint8_t>(kStandard[i])] = static_cast<int8_t>(i);
    values[static_cast<uint8_t>(kUrlSafe[i])] = static_cast<int8_t>(i);
  }
  return values;
}
constexpr std::array<int8_t, 256> kBase64Values = make_base64_values();

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t n = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < n ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k <= n; ++k)
      out += alphabet[group >> (18 - 6 * k) & 63];
    if (padded) out.append(3 - n, '=');
  }
  return out;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string lowercase(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

bool same_letters(std::string_view a, std::string_view b) {
  size_t i = 0;
  for (; i + 8 <= a.size(); i += 8) {
    if (lower_all(words::at(a, i)) != lower_all(words::at(b, i))) return false;
  }
  return std::ranges::equal(
      a.substr(i), b.substr(i), {}, [](char c) { return lower(c); },
      [](char c) { return lower(c); });
}

size_t plain_length(std::string_view text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    const uint64_t word = words::at(text, i);
    const uint64_t special = (word & kHighs) | words::below(word, ' ') | words::equal(word, '"') |
                             words::equal(word, '\\') | words::equal(word, 0x7f);
    if (special != 0) break;
  }
  while (i < text.size() && is_plain(text[i]))
    ++i;
  return i;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(trim(text.substr(0, end)));
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<uint64_t> parse_uint(std::string_view text) {
  if (text.empty()) return std::nullopt;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value)) return std::nullopt;
    if (__builtin_add_overflow(value, static_cast<uint64_t>(c - '0'), &value)) return std::nullopt;
  }
  return value;
}

bool glob_match(std::string_view pattern, std::string_view text) {
  size_t p = 0, t = 0, star = pattern.npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != pattern.npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*')
    ++p;
  return p == pattern.size();
}

size_t glob_weight(std::string_view pattern) {
  const auto stars = static_cast<size_t>(std::ranges::count(pattern, '*'));
  return pattern.size() - stars + (stars == 0 ? 1 : 0);
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes)
    out.append(kHexPairs[static_cast<uint8_t>(c)].data(), 2);
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high << 4 | low);
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  return encode(bytes, kStandard, true);
}

std::string base64url_encode(std::string_view bytes) {
  return encode(bytes, kUrlSafe, false);
}

std::optional<size_t> base64_decode_into(std::string_view text, char* out) {
  const size_t length =
      text.find_last_not_of('=') == text.npos ? 0 : text.find_last_not_of('=') + 1;
  const size_t padding = text.size() - length;
  if (padding > 2 || (padding > 0 && text.size() % 4 != 0) || length % 4 == 1) return std::nullopt;
  size_t written = 0;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text.substr(0, length)) {
    const int8_t value = kBase64Values[static_cast<uint8_t>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out[written++] = static_cast<char>(bits >> count & 0xff);
    }
  }
  if ((bits & ((1U << count) - 1U)) != 0) return std::nullopt;
  return written;
}

std::optional<std::string> base64_decode(std::string_view text) {
  std::string out(text.size(), '\0');
  const std::optional<size_t> written = base64_decode_into(text, out.data());
  if (!written) return std::nullopt;
  out.resize(*written);
  return out;
}

}  // namespace satgate
