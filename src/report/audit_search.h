// Finds events in the journal of a data directory, beside a running gateway or on a stopped one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace satgate::report {

inline constexpr uint64_t search_rows_max = 100'000;

// Empty or unset: any.
struct EventFilter {
  std::string subject = {};
  std::string tool = {};
  std::string decision = {};  // allow | deny | would_deny
  std::string code = {};      // of the refusal
  std::string kind = {};      // call, mint, revoke, ...
  std::string request_id = {};
  std::optional<Time> since = {};  // from then on
  std::optional<Time> until = {};  // before then
  uint64_t after_seq = 0;          // only events with a higher number: for following
  uint64_t limit = 100;            // the newest that match; at most search_rows_max
};

struct FoundEvent {
  uint64_t seq = 0;  // its number in the hash chain
  std::string json;  // one line, as it was written
};

// Oldest first. `database` is the data directory's satgate.db: its index of the journal tells where
// to begin.
Result<std::vector<FoundEvent>> search_events(const std::filesystem::path& database,
                                              const EventFilter& filter);

}  // namespace satgate::report
