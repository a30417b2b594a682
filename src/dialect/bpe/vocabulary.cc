#include "dialect/bpe/vocabulary.h"

#include <array>
#include <utility>

namespace satgate::dialect::bpe {
namespace {

using enum Vocabulary;

// As tiktoken's list of models has them. A name, or a name that goes on after a dash.
constexpr auto kFamilies = std::to_array<std::pair<std::string_view, Vocabulary>>({
    {"gpt-5", o200k_base},
    {"o1", o200k_base},
    {"o3", o200k_base},
    {"o4-mini", o200k_base},
    {"gpt-4.5", o200k_base},
    {"gpt-4.1", o200k_base},
    {"gpt-4o", o200k_base},
    {"chatgpt-4o", o200k_base},
    {"gpt-4", cl100k_base},
    {"gpt-3.5-turbo", cl100k_base},
    {"text-embedding-3-small", cl100k_base},
    {"text-embedding-3-large", cl100k_base},
    {"text-embedding-ada-002", cl100k_base},
});

}  // namespace

std::optional<Vocabulary> vocabulary_of(std::string_view model) {
  for (const auto& [family, vocabulary] : kFamilies) {
    if (!model.starts_with(family)) continue;
    if (model.size() == family.size() || model[family.size()] == '-') return vocabulary;
  }
  return std::nullopt;
}

}  // namespace satgate::dialect::bpe
