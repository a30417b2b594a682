// Where a text is split before its pieces are encoded, and which texts that is certain for. Private
// to the folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "dialect/bpe/vocabulary.h"

namespace satgate::dialect::bpe {

// Valid UTF-8 of characters that every version of Unicode, from that of the library on, splits
// alike.
bool has_certain_characters(std::string_view text);
// The same, of a text that every version of tiktoken splits alike. The count of any other is not
// known.
bool is_certain(Vocabulary vocabulary, std::string_view text);

enum class NoPiece : uint8_t {
  more_text,  // what follows could make the first piece longer
  failed,     // the library could not say
};

// The bytes of the first piece of a text that is certain and not empty.
std::expected<size_t, NoPiece> first_piece(Vocabulary vocabulary, std::string_view text);
// The same if more text may follow.
std::expected<size_t, NoPiece> first_complete_piece(Vocabulary vocabulary, std::string_view text);

}  // namespace satgate::dialect::bpe
