// Bech32, the letters of an invoice: a prefix, `1`, words of five bits, a checksum of six words.
// As BIP 173 has it, but for the length: BOLT 11 has no limit of 90 letters, limits.h has one.
//
//   TRY_ASSIGN(const Bech32 text, read_bech32("lnbc1..."));
//   text.prefix == "lnbc";
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace satgate::payment {

using Words = std::vector<uint8_t>;  // each below 32

struct Bech32 {
  std::string prefix;  // in small letters, as it is signed
  Words words;         // without the checksum
};

// Upper or lower case, not both. Errors: longer than limits::invoice_bytes_max, no separator, an
// empty prefix, a letter that is none of these 32, a checksum that does not hold (that of bech32m
// does not).
Result<Bech32> read_bech32(std::string_view text);

// In small letters. REQUIRES: a prefix in small printable ASCII, words below 32.
std::string write_bech32(std::string_view prefix, std::span<const uint8_t> words);

// Bytes to words, the last of which is filled up with zeros.
void append_words(Words& out, std::string_view bytes);

// Words to bytes. Nothing where what is left over is a whole word, or not zero.
bool words_to_bytes(std::span<const uint8_t> words, std::string& out);

}  // namespace satgate::payment
