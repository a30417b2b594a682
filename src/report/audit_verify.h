// Offline proof: what the journal of a data directory, or an exported file, says was neither
// changed nor reordered nor cut. Needs the public key alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "audit/checkpoint.h"
#include "audit/verify.h"
#include "base/result.h"

namespace satgate::report {

struct JournalVerdict {
  bool ok = false;
  std::string problem;  // one sentence that names file, record and byte; empty if ok
  uint64_t records = 0;
  uint64_t events = 0;
  uint64_t signed_seq = 0;   // last event covered by a good checkpoint
  uint64_t checkpoints = 0;  // good ones
  uint64_t torn_bytes = 0;   // a last record that was cut while it was written
};

// The key that a data directory says it signs with. To prove anything against whoever can write
// there, keep a copy of audit.pub elsewhere and use that.
Result<audit::PublicKey> read_public_key(const std::filesystem::path& file);

// The Result fails when the journal can not be read at all.
Result<JournalVerdict> verify_journal(const std::filesystem::path& data_dir,
                                      const audit::PublicKey& key);

// `require_seq`: how far the record must reach at least, known from elsewhere; 0: wherever it ends.
Result<audit::Verdict> verify_export(const std::filesystem::path& file, const audit::PublicKey& key,
                                     uint64_t require_seq = 0);

}  // namespace satgate::report
