#include "payment/bech32.h"

#include <algorithm>
#include <array>

#include "base/limits.h"
#include "base/text.h"

namespace satgate::payment {
namespace {

constexpr std::string_view kLetters = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kChecksumWords = 6;

constexpr std::array<int8_t, 128> kValues = [] {
  std::array<int8_t, 128> values{};
  values.fill(-1);
  for (size_t i = 0; i < kLetters.size(); ++i)
    values[static_cast<uint8_t>(kLetters[i])] = static_cast<int8_t>(i);
  return values;
}();

// The remainder of the code over GF(32) that BIP 173 names.
class Checksum {
 public:
  explicit Checksum(std::string_view prefix) {
    for (const char c : prefix)
      add(static_cast<uint8_t>(c) >> 5);
    add(0);
    for (const char c : prefix)
      add(static_cast<uint8_t>(c) & 31);
  }
  void add(std::span<const uint8_t> words) {
    for (const uint8_t word : words)
      add(word);
  }
  uint32_t remainder() const { return remainder_; }

 private:
  void add(uint32_t word) {
    constexpr std::array<uint32_t, 5> generator = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd,
                                                   0x2a1462b3};
    const uint32_t top = remainder_ >> 25;
    remainder_ = (remainder_ & 0x1ffffff) << 5 ^ word;
    for (size_t i = 0; i < generator.size(); ++i)
      remainder_ ^= (top >> i & 1) != 0 ? generator[i] : 0;
  }

  uint32_t remainder_ = 1;
};

bool is_printable(char c) {
  return c >= '!' && c <= '~';
}

}  // namespace

Result<Bech32> read_bech32(std::string_view text) {
  if (text.size() > limits::invoice_bytes_max) return fail("bech32: the text is too long");
  if (!std::ranges::all_of(text, is_printable)) return fail("bech32: not printable ASCII");
  const auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'z'; };
  if (std::ranges::any_of(text, is_upper) && std::ranges::any_of(text, is_lower))
    return fail("bech32: small and capital letters are mixed");
  const std::string small = lowercase(text);
  const size_t separator = small.rfind('1');
  if (separator == small.npos) return fail("bech32: there is no separator `1`");
  if (separator == 0) return fail("bech32: nothing is before the separator");

  Bech32 out{.prefix = small.substr(0, separator), .words = {}};
  out.words.reserve(small.size() - separator - 1);
  for (const char c : std::string_view(small).substr(separator + 1)) {
    const int8_t value = kValues[static_cast<uint8_t>(c)];
    if (value < 0) return fail("bech32: a letter that has no value");
    out.words.push_back(static_cast<uint8_t>(value));
  }
  if (out.words.size() < kChecksumWords) return fail("bech32: the text is too short");
  Checksum checksum(out.prefix);
  checksum.add(out.words);
  if (checksum.remainder() != 1) return fail("bech32: the checksum does not hold");
  out.words.resize(out.words.size() - kChecksumWords);
  return out;
}

std::string write_bech32(std::string_view prefix, std::span<const uint8_t> words) {
  Checksum checksum(prefix);
  checksum.add(words);
  constexpr std::array<uint8_t, kChecksumWords> zeros{};
  checksum.add(zeros);
  const uint32_t remainder = checksum.remainder() ^ 1;

  std::string out(prefix);
  out.reserve(prefix.size() + 1 + words.size() + kChecksumWords);
  out += '1';
  for (const uint8_t word : words)
    out += kLetters[word];
  for (size_t i = 0; i < kChecksumWords; ++i)
    out += kLetters[remainder >> (5 * (kChecksumWords - 1 - i)) & 31];
  return out;
}

void append_words(Words& out, std::string_view bytes) {
  uint32_t bits = 0;
  int count = 0;
  for (const char c : bytes) {
    bits = (bits << 8 | static_cast<uint8_t>(c)) & 0xfff;
    count += 8;
    for (; count >= 5; count -= 5)
      out.push_back(static_cast<uint8_t>(bits >> (count - 5) & 31));
  }
  if (count > 0) out.push_back(static_cast<uint8_t>(bits << (5 - count) & 31));
}

bool words_to_bytes(std::span<const uint8_t> words, std::string& out) {
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t word : words) {
    bits = (bits << 5 | word) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xff);
  }
  return count < 5 && (bits & ((1U << count) - 1)) == 0;
}

}  // namespace satgate::payment
