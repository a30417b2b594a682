#include "dialect/bpe/tokens.h"

#include <algorithm>

#include "dialect/bpe/merge.h"
#include "dialect/bpe/splitter.h"

namespace satgate::dialect::bpe {
namespace {

constexpr size_t kPendingBytesMax = 64 * 1024;
// What is pending is split anew with each text up to this size, and beyond only when it has grown
// by half: else a piece that does not end would cost the square of its bytes.
constexpr size_t kSmallBytes = 256;

// How many bytes at the end are the beginning of a character.
size_t cut_character(std::string_view text) {
  const size_t most = std::min<size_t>(text.size(), 3);
  for (size_t size = 1; size <= most; ++size) {
    const auto byte = static_cast<unsigned char>(text[text.size() - size]);
    if (byte < 0x80) return 0;
    if (byte < 0xC0) continue;
    const size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    return size < whole ? size : 0;
  }
  return 0;
}

}  // namespace

uint64_t count_tokens(Vocabulary vocabulary, std::string_view text) {
  if (text.size() > kPieceBytesMax || !is_certain(vocabulary, text)) return text.size();
  uint64_t count = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto piece = first_piece(vocabulary, rest);
    if (!piece) return text.size();
    count += count_piece(vocabulary, rest.substr(0, *piece));
    rest.remove_prefix(*piece);
  }
  return count;
}

void RunningCount::add(std::string_view text) {
  while (!stopped_ && !text.empty()) {
    const std::string_view part = text.substr(0, kPendingBytesMax - pending_.size());
    pending_.append(part);
    text.remove_prefix(part.size());
    if (pending_.size() >= look_at_) count_pieces();
    if (pending_.size() == kPendingBytesMax) stop();
  }
}

void RunningCount::count_pieces() {
  const std::string_view pending = pending_;
  std::string_view rest = pending.substr(0, pending.size() - cut_character(pending));
  if (!has_certain_characters(rest)) return stop();
  while (!rest.empty()) {
    const auto piece = first_complete_piece(vocabulary_, rest);
    if (!piece && piece.error() == NoPiece::failed) return stop();
    if (!piece) break;
    count_ += count_piece(vocabulary_, rest.substr(0, *piece));
    rest.remove_prefix(*piece);
  }
  pending_.erase(0, static_cast<size_t>(rest.data() - pending.data()));
  look_at_ = pending_.size() <= kSmallBytes
                 ? 0
                 : std::min(pending_.size() + pending_.size() / 2, kPendingBytesMax);
}

void RunningCount::stop() {
  stopped_ = true;
  std::string().swap(pending_);
}

}  // namespace satgate::dialect::bpe
