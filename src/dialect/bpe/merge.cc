#include "dialect/bpe/merge.h"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <vector>

#include "dialect/bpe/ranks.h"

namespace satgate::dialect::bpe {
namespace {

// Memory that a thread keeps between pieces.
constexpr size_t kKeepBytes = 64 * 1024;

// Two parts side by side that are a token together, as one number: its rank, where it begins, and
// its bytes. The lowest rank merges first, of the same rank the leftmost.
class Pair {
 public:
  Pair(uint32_t rank, uint32_t at, uint32_t size)
      : bits_((uint64_t{rank} << (kAtBits + kSizeBits)) | (uint64_t{at} << kSizeBits) | size) {}

  uint32_t at() const { return static_cast<uint32_t>(bits_ >> kSizeBits) & kPieceBytesMax; }
  uint32_t end() const { return at() + (static_cast<uint32_t>(bits_) & kTokenBytesMax); }

  auto operator<=>(const Pair&) const = default;

 private:
  static constexpr int kAtBits = 30;
  static constexpr int kSizeBits = 8;

  uint64_t bits_;
};

struct Part {
  uint32_t previous = 0;  // where the part before begins
  uint32_t end = 0;       // 0: merged into the one before
};

class Merger {
 public:
  uint64_t count(Vocabulary vocabulary, std::string_view piece) {
    vocabulary_ = vocabulary;
    piece_ = piece;
    split();
    auto count = static_cast<uint64_t>(parts_.size());
    while (!pairs_.empty()) {
      std::ranges::pop_heap(pairs_, std::greater());
      const Pair pair = pairs_.back();
      pairs_.pop_back();
      if (is_stale(pair)) continue;
      merge(pair);
      --count;
    }
    if (piece.size() > kKeepBytes) *this = Merger();
    return count;
  }

 private:
  uint32_t size() const { return static_cast<uint32_t>(parts_.size()); }

  void split() {
    const auto bytes = static_cast<uint32_t>(piece_.size());
    parts_.resize(bytes);
    pairs_.clear();
    for (uint32_t at = 0; at < bytes; ++at)
      parts_[at] = {.previous = at == 0 ? 0 : at - 1, .end = at + 1};
    for (uint32_t at = 0; at < bytes; ++at)
      note_pair(at);
    std::ranges::make_heap(pairs_, std::greater());
  }

  // The pair of the part at `at` and the one behind it, if it is a token.
  bool note_pair(uint32_t at) {
    const uint32_t right = parts_[at].end;
    if (right >= size()) return false;
    const uint32_t end = parts_[right].end;
    const auto rank = rank_of(vocabulary_, piece_.substr(at, end - at));
    if (rank) pairs_.emplace_back(*rank, at, end - at);
    return rank.has_value();
  }

  void push_pair(uint32_t at) {
    if (note_pair(at)) std::ranges::push_heap(pairs_, std::greater());
  }

  // Parts only grow: a pair is what it was if it still begins and ends there.
  bool is_stale(const Pair& pair) const {
    const uint32_t right = parts_[pair.at()].end;
    return right == 0 || right >= size() || parts_[right].end != pair.end();
  }

  void merge(const Pair& pair) {
    parts_[parts_[pair.at()].end].end = 0;
    parts_[pair.at()].end = pair.end();
    if (pair.end() < size()) parts_[pair.end()].previous = pair.at();
    if (pair.at() > 0) push_pair(parts_[pair.at()].previous);
    push_pair(pair.at());
  }

  Vocabulary vocabulary_ = Vocabulary::cl100k_base;
  std::string_view piece_;
  std::vector<Part> parts_;  // by where they begin
  std::vector<Pair> pairs_;  // a heap
};

}  // namespace

uint64_t count_piece(Vocabulary vocabulary, std::string_view piece) {
  if (piece.empty()) return 0;
  if (rank_of(vocabulary, piece)) return 1;
  thread_local Merger merger;
  return merger.count(vocabulary, piece);
}

}  // namespace satgate::dialect::bpe
