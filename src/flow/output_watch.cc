#include "flow/output_watch.h"

#include <algorithm>

namespace satgate::flow {
namespace {

// A model may write a text with fewer tokens than an encoder would: what is ended for nothing is
// worse than what goes on for a little.
uint64_t with_slack(uint64_t tokens) {
  return tokens + tokens / 8 + 16;
}

}  // namespace

OutputWatch::OutputWatch(uint64_t tokens_max, std::optional<dialect::bpe::Vocabulary> vocabulary)
    : tokens_max_(tokens_max) {
  if (vocabulary) count_.emplace(*vocabulary);
}

void OutputWatch::add(std::string_view text, uint64_t reported) {
  bytes_ += text.size();
  reported_ = std::max(reported_, reported);
  if (count_) count_->add(text);
  is_past_ = is_past_ || reported_ > tokens_max_ ||
             (count_ && count_->so_far() > with_slack(tokens_max_)) ||
             bytes_ / kTokenBytesMax > with_slack(tokens_max_);
}

uint64_t OutputWatch::tokens() const {
  const uint64_t counted = count_ ? count_->so_far() : bytes_ / kTokenBytesMax;
  return std::max(counted, reported_);
}

}  // namespace satgate::flow
