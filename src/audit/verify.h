// The offline verifier of an exported record (export.h). It needs the lines and the public key of
// the gateway, nothing else.
//
//   ExportVerifier verifier({key});
//   while (read(chunk)) verifier.feed(chunk);
//   const Verdict verdict = verifier.finish();
//
// It finds every changed, removed, added, repeated or reordered line up to the last checkpoint.
// After that the hashes still bind the lines to each other, but whoever can edit the file can redo
// them: `signed_seq` says how far the proof reaches. That the end was cut off after a checkpoint
// shows only against a number known from elsewhere: `require_seq`. A record without any checkpoint
// proves nothing and is not ok, so an export should end with one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "audit/chain.h"
#include "audit/checkpoint.h"
#include "audit/export.h"

namespace satgate::audit {

struct Verdict {
  bool ok = false;
  std::string problem;    // one sentence; empty if ok
  uint64_t bad_seq = 0;   // the first event that is wrong or missing; 0 if ok
  uint64_t bad_line = 0;  // its line, from 1; 0 if ok

  uint64_t first_seq = 0;    // of the export; more than 1: it starts inside the record
  uint64_t last_seq = 0;     // last event that fits the chain
  uint64_t signed_seq = 0;   // last event covered by a good checkpoint; 0: nothing is proven
  uint64_t checkpoints = 0;  // good ones
};

class ExportVerifier {
 public:
  // A checkpoint must be signed by one of `trusted`. The record must reach `require_seq` and be
  // signed that far; 0: wherever it ends.
  explicit ExportVerifier(std::vector<PublicKey> trusted, uint64_t require_seq = 0);

  // The file's bytes in order, cut anywhere. False once a problem was found: reading on is useless.
  bool feed(std::string_view bytes);

  // After the last byte. Call once.
  Verdict finish();

 private:
  bool line(std::string_view text);
  bool event_line(const EventLine& event);
  bool checkpoint_line(const Checkpoint& checkpoint);
  bool bad(uint64_t seq, std::string problem);

  std::vector<PublicKey> trusted_;
  uint64_t require_seq_;
  std::optional<Chain> chain_;  // set by the first line
  std::string partial_;         // a line that is not complete yet; at most one line
  uint64_t line_number_ = 0;
  Verdict verdict_;
};

}  // namespace satgate::audit
