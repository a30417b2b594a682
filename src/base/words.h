// Looking at eight bytes of text at once. Each function has 0x80 in the bytes of which something is
// true; a borrow may set it in a byte behind such a one, never in a word without any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace satgate::words {

inline constexpr uint64_t kOnes = 0x0101010101010101ULL;
inline constexpr uint64_t kHighs = 0x8080808080808080ULL;

// REQUIRES: i + 8 <= text.size().
inline uint64_t at(std::string_view text, size_t i) {
  uint64_t word = 0;
  std::memcpy(&word, text.data() + i, sizeof word);
  return word;
}
inline constexpr uint64_t below(uint64_t word, uint8_t bound) {  // bound <= 0x80
  return (word - kOnes * bound) & ~word & kHighs;
}
inline constexpr uint64_t equal(uint64_t word, uint8_t byte) {
  return below(word ^ (kOnes * byte), 1);
}

}  // namespace satgate::words
