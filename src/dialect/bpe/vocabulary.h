// The vocabularies of byte-level BPE that are built in, and which model of OpenAI uses which.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace satgate::dialect::bpe {

enum class Vocabulary : uint8_t { cl100k_base, o200k_base };

// By a model's name, with or without a date or a variant ("gpt-4o-2024-08-06", "gpt-4",
// "text-embedding-3-small"); nothing if it is not known. Says nothing about how a model's input is
// framed.
std::optional<Vocabulary> vocabulary_of(std::string_view model);

}  // namespace satgate::dialect::bpe
