// The tokens of a vocabulary and their ranks: tables that scripts/generate-vocabularies.py makes at
// build time, embedded as they are looked up, so that nothing is built at a start or for each
// process. Private to the folder.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dialect/bpe/vocabulary.h"

namespace satgate::dialect::bpe {

// No token is longer.
inline constexpr uint32_t kTokenBytesMax = 255;

// The rank of a token: the lower, the earlier it is merged. Nothing if `bytes` are no token. Every
// single byte is one.
std::optional<uint32_t> rank_of(Vocabulary vocabulary, std::string_view bytes);

}  // namespace satgate::dialect::bpe
