// How many tokens a text is for a model of OpenAI, by byte-level BPE. Counts are tiktoken's where
// that is certain, and never more than the text has bytes. May be called from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "dialect/bpe/vocabulary.h"

namespace satgate::dialect::bpe {

// As tiktoken's encode_ordinary(text) has them. Text that is no valid UTF-8, or that versions of
// Unicode or of tiktoken split differently, counts as its bytes.
uint64_t count_tokens(Vocabulary vocabulary, std::string_view text);

// Counts text that comes in pieces, which may split characters.
class RunningCount {
 public:
  explicit RunningCount(Vocabulary vocabulary) : vocabulary_(vocabulary) {}

  void add(std::string_view text);
  // A lower bound of the count of all of it: everything but the end, two pieces at most, which text
  // to come may still change. It stays where it is after text whose count is not certain, and after
  // a piece that does not end.
  uint64_t so_far() const { return count_; }

 private:
  void count_pieces();
  void stop();

  Vocabulary vocabulary_;
  std::string pending_;
  size_t look_at_ = 0;  // how much is pending when it is looked at again
  uint64_t count_ = 0;
  bool stopped_ = false;
};

}  // namespace satgate::dialect::bpe
