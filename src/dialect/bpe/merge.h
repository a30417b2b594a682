// Byte pair encoding of one piece of a text. Private to the folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dialect/bpe/vocabulary.h"

namespace satgate::dialect::bpe {

// The most that a piece may have: positions in it are 30 bits wide.
inline constexpr size_t kPieceBytesMax = (1U << 30) - 1;

// How many tokens a piece becomes, of which nothing merges with its neighbours. Takes n log n steps
// for n bytes, whatever they are.
uint64_t count_piece(Vocabulary vocabulary, std::string_view piece);

}  // namespace satgate::dialect::bpe
