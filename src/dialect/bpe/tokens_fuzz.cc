// No text has more tokens than bytes, one that comes in pieces has never more than the whole, and
// where it is cut does not change what is counted at the end.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "dialect/bpe/splitter.h"
#include "dialect/bpe/tokens.h"

using namespace satgate::dialect::bpe;

namespace {

uint64_t pieces_of(Vocabulary vocabulary, std::string_view text) {
  uint64_t pieces = 0;
  while (!text.empty()) {
    const auto size = first_piece(vocabulary, text);
    RELEASE_ASSERT(size && *size <= text.size());
    text.remove_prefix(*size);
    ++pieces;
  }
  return pieces;
}

void check(Vocabulary vocabulary, std::string_view text, size_t step) {
  const uint64_t whole = count_tokens(vocabulary, text);
  RELEASE_ASSERT(whole <= text.size());
  if (is_certain(vocabulary, text)) RELEASE_ASSERT(whole >= pieces_of(vocabulary, text));
  RunningCount cut(vocabulary);
  uint64_t before = 0;
  for (size_t at = 0; at < text.size(); at += step) {
    cut.add(text.substr(at, step));
    RELEASE_ASSERT(before <= cut.so_far() && cut.so_far() <= whole);
    before = cut.so_far();
  }
  RunningCount at_once(vocabulary);
  at_once.add(text);
  RELEASE_ASSERT(at_once.so_far() <= whole);
  // What is pending is small enough to be looked at with every text.
  if (has_certain_characters(text) && text.size() <= 256)
    RELEASE_ASSERT(at_once.so_far() == cut.so_far());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t step = 1 + data[0] % 16;
  check(Vocabulary::cl100k_base, text, step);
  check(Vocabulary::o200k_base, text, step);
  return 0;
}
