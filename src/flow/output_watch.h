// Notices when a running stream is past the output that was reserved for it: its upstream does not
// keep the bound that it was given.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dialect/bpe/tokens.h"

namespace satgate::flow {

// No vocabulary in use has a longer token; the longest of OpenAI's has 128 bytes.
inline constexpr uint64_t kTokenBytesMax = 256;

class OutputWatch {
 public:
  // `tokens_max`: over all choices. `vocabulary`: that of the model, where it is sure.
  OutputWatch(uint64_t tokens_max, std::optional<dialect::bpe::Vocabulary> vocabulary);

  // `text`: what an event added; `reported`: the upstream's own count so far, 0 if it has none.
  void add(std::string_view text, uint64_t reported);
  bool is_past() const { return is_past_; }
  // Produced so far, at least.
  uint64_t tokens() const;

 private:
  const uint64_t tokens_max_;
  std::optional<dialect::bpe::RunningCount> count_;
  uint64_t reported_ = 0;
  uint64_t bytes_ = 0;
  bool is_past_ = false;
};

}  // namespace satgate::flow
