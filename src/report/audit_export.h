// Exports the record as newline-delimited JSON (audit/export.h), from the journal itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace satgate::report {

struct ExportRange {
  uint64_t first_seq = 1;          // numbers of events, both included
  uint64_t last_seq = UINT64_MAX;  // a checkpoint that follows the last one is included
};

struct ExportSummary {
  uint64_t events = 0;
  uint64_t checkpoints = 0;
  uint64_t signed_seq = 0;  // last exported event that an exported checkpoint covers
};

// Calls `write` with whole lines, many at a time. Stops at its first error.
Result<ExportSummary> export_events(const std::filesystem::path& data_dir, const ExportRange& range,
                                    const std::function<Result<void>(std::string_view)>& write);

}  // namespace satgate::report
