#include "audit/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace satgate::audit {

ExportVerifier::ExportVerifier(std::vector<PublicKey> trusted, uint64_t require_seq)
    : trusted_(std::move(trusted)), require_seq_(require_seq) {}

bool ExportVerifier::bad(uint64_t seq, std::string problem) {
  verdict_.problem = std::move(problem);
  verdict_.bad_seq = seq;
  verdict_.bad_line = line_number_;
  return false;
}

bool ExportVerifier::feed(std::string_view bytes) {
  while (verdict_.problem.empty() && !bytes.empty()) {
    const size_t newline = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, newline);
    if (partial_.size() + piece.size() > export_line_bytes_max) {
      ++line_number_;
      return bad(verdict_.last_seq + 1, "a line is longer than any line of the record");
    }
    if (newline == std::string_view::npos) {
      partial_ += piece;
      break;
    }
    bytes.remove_prefix(newline + 1);
    ++line_number_;
    if (partial_.empty()) {
      line(piece);
    } else {
      partial_ += piece;
      line(partial_);
      partial_.clear();
    }
  }
  return verdict_.problem.empty();
}

bool ExportVerifier::line(std::string_view text) {
  if (const auto event = parse_event_line(text)) return event_line(*event);
  if (const auto checkpoint = parse_checkpoint_line(text)) return checkpoint_line(*checkpoint);
  return bad(verdict_.last_seq + 1, "a line is neither an event nor a checkpoint of the record");
}

bool ExportVerifier::event_line(const EventLine& event) {
  if (!chain_) {
    if (event.seq == 0) return bad(1, "the first event has number 0; numbers begin with 1");
    chain_.emplace(ChainPoint{event.seq - 1, event.previous});
    verdict_.first_seq = event.seq;
    verdict_.last_seq = event.seq - 1;
    if (event.seq == 1 && event.previous != genesis_hash()) {
      return bad(1, "event 1 does not follow the beginning of the record");
    }
  }
  const uint64_t expected = verdict_.last_seq + 1;
  if (event.seq != expected) {
    return bad(expected,
               fmt::format("event {} stands where event {} should: a line was removed, added, "
                           "repeated or moved",
                           event.seq, expected));
  }
  if (event.previous != chain_->at().hash) {
    return bad(expected, fmt::format("event {} does not follow event {}: one of them was changed",
                                     expected, expected - 1));
  }
  if (chain_->append(event.event).hash != event.hash) {
    return bad(expected, fmt::format("event {} was changed", expected));
  }
  verdict_.last_seq = expected;
  return true;
}

bool ExportVerifier::checkpoint_line(const Checkpoint& checkpoint) {
  const uint64_t seq = checkpoint.point.seq;
  if (!chain_ || seq != verdict_.last_seq) {
    return bad(verdict_.last_seq + 1,
               fmt::format("the checkpoint of event {} does not follow that event", seq));
  }
  if (seq <= verdict_.signed_seq) {
    return bad(seq, fmt::format("the checkpoint of event {} is repeated", seq));
  }
  const uint64_t first_unsigned = std::max(verdict_.signed_seq + 1, verdict_.first_seq);
  if (checkpoint.point.hash != chain_->at().hash) {
    return bad(first_unsigned, fmt::format("events {} to {} are not the ones that were signed",
                                           first_unsigned, seq));
  }
  const auto signed_by = [&](const PublicKey& key) { return key.verify(checkpoint); };
  if (std::ranges::none_of(trusted_, signed_by)) {
    return bad(
        first_unsigned,
        fmt::format("the checkpoint of event {} has no good signature of a trusted key", seq));
  }
  verdict_.signed_seq = seq;
  ++verdict_.checkpoints;
  return true;
}

Verdict ExportVerifier::finish() {
  if (verdict_.problem.empty() && !partial_.empty()) {
    ++line_number_;
    bad(verdict_.last_seq + 1, "the last line is cut off");
  }
  if (verdict_.problem.empty() && verdict_.signed_seq == 0) {
    bad(std::max<uint64_t>(verdict_.first_seq, 1), "no checkpoint: nothing is proven");
  }
  if (verdict_.problem.empty() && verdict_.signed_seq < require_seq_) {
    bad(verdict_.signed_seq + 1,
        fmt::format("the record is proven up to event {} only, but event {} is known to exist",
                    verdict_.signed_seq, require_seq_));
  }
  verdict_.ok = verdict_.problem.empty();
  return verdict_;
}

}  // namespace satgate::audit
