// Questions to the record: asked of the running gateway, which knows the last moment, and else of
// the data directory. Both give the same JSON.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "app/commands/context.h"

namespace satgate::app {

struct EventQuestion {
  std::string subject, tool, decision, code, kind, request_id;
  std::string since, until;  // as parse_moment reads them
  uint64_t after_seq = 0;
  uint64_t limit = 100;
};

// Oldest first; each with its "seq".
Expected<std::vector<Json>> find_events(const Context& context, const EventQuestion& question);

// {"by", "rows": [{"key", "calls", ...}], "total"}.
Expected<Json> find_spend(const Context& context, const std::string& by, const std::string& since,
                          const std::string& until);

// As console/revenue_json.h writes it.
Expected<Json> find_revenue(const Context& context, const std::string& by, const std::string& since,
                            const std::string& until);

std::filesystem::path database_path(const std::filesystem::path& data_dir);

// What `audit verify` says about a data directory. Reads twice when the record ends inside an
// entry: a gateway may be writing it right now.
struct RecordVerdict {
  bool ok = false;
  std::string problem;
  uint64_t events = 0;
  uint64_t last_seq = 0;    // the last event
  uint64_t signed_seq = 0;  // the last one that a checkpoint covers
  uint64_t checkpoints = 0;
  bool all_signed() const { return signed_seq == last_seq; }
};
Result<RecordVerdict> verify_record(const std::filesystem::path& data_dir,
                                    const std::filesystem::path& key_file, uint64_t require_seq);

}  // namespace satgate::app
