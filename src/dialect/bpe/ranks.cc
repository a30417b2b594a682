#include "dialect/bpe/ranks.h"

#include <bit>
#include <cstddef>

// clang-format off
#define SATGATE_EMBED(name)                                           \
  asm(".pushsection .rodata\n"                                        \
      ".balign 64\n"                                                  \
      ".global satgate_" name "\n"                                    \
      ".type satgate_" name ", %object\n"                             \
      "satgate_" name ":\n"                                           \
      ".incbin \"" SATGATE_VOCABULARIES "/" name ".bin\"\n"           \
      ".size satgate_" name ", . - satgate_" name "\n"                \
      ".popsection\n")
// clang-format on
SATGATE_EMBED("cl100k_base");
SATGATE_EMBED("o200k_base");
#undef SATGATE_EMBED

// The layout is the generator's.
extern "C" {
extern const uint32_t satgate_cl100k_base[];
extern const uint32_t satgate_o200k_base[];
}

namespace satgate::dialect::bpe {
namespace {

static_assert(std::endian::native == std::endian::little, "the tables are little-endian");

constexpr uint32_t kRankBits = 18;
constexpr uint32_t kRankMask = (1U << kRankBits) - 1;

// FNV-1a with a finish that mixes the high bits; the generator has the same.
uint32_t hash_of(std::string_view bytes) {
  uint32_t value = 0x811C9DC5;
  for (const char byte : bytes)
    value = (value ^ static_cast<unsigned char>(byte)) * 0x01000193U;
  value = (value ^ (value >> 16)) * 0x85EBCA6BU;
  return value ^ (value >> 13);
}

class Table {
 public:
  explicit Table(const uint32_t* words)
      : slot_count_(words[1]),
        longest_(words[2]),
        slots_(words + 3),
        offsets_(slots_ + slot_count_),
        bytes_(reinterpret_cast<const char*>(offsets_ + words[0] + 1)) {}

  // A table always has empty slots: every search ends, and after 101 steps at most.
  std::optional<uint32_t> find(std::string_view bytes) const {
    if (bytes.size() > longest_) return std::nullopt;
    const uint32_t hash = hash_of(bytes);
    const uint32_t tag = hash << kRankBits;
    auto at = static_cast<uint32_t>((uint64_t{hash} * slot_count_) >> 32);
    for (; slots_[at] != 0; at = at + 1 == slot_count_ ? 0 : at + 1) {
      if ((slots_[at] & ~kRankMask) != tag) continue;
      const uint32_t rank = (slots_[at] & kRankMask) - 1;
      if (token(rank) == bytes) return rank;
    }
    return std::nullopt;
  }

 private:
  std::string_view token(uint32_t rank) const {
    return {bytes_ + offsets_[rank], offsets_[rank + 1] - offsets_[rank]};
  }

  const uint32_t slot_count_;
  const uint32_t longest_;
  const uint32_t* const slots_;
  const uint32_t* const offsets_;
  const char* const bytes_;
};

}  // namespace

std::optional<uint32_t> rank_of(Vocabulary vocabulary, std::string_view bytes) {
  const bool is_o200k = vocabulary == Vocabulary::o200k_base;
  return Table(is_o200k ? satgate_o200k_base : satgate_cl100k_base).find(bytes);
}

}  // namespace satgate::dialect::bpe
