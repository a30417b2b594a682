// What was spent, by whom and on what. Reads the roll-ups in the books; works beside a running
// gateway (which is at most a moment ahead) and on a stopped one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::report {

enum class SpendBy : uint8_t {
  team,
  agent,  // the last holder of the token's lineage, else the token's name
  tool,
  model,
  endpoint,
  workflow,
  upstream,
  project,
  environment,
};

std::string_view to_string(SpendBy by);
std::optional<SpendBy> parse_spend_by(std::string_view text);

struct SpendQuery {
  SpendBy by = SpendBy::team;
  std::optional<Time> since = {};  // from then on; both to the second
  std::optional<Time> until = {};  // before then
};

struct SpendRow {
  std::string name;  // empty: events that have none
  uint64_t calls = 0;
  uint64_t allowed = 0;
  uint64_t denied = 0;
  uint64_t would_deny = 0;
  uint64_t cache_hits = 0;  // of the allowed ones
  Money spent;              // also what was charged without a call: expired holds, recovery
};

struct SpendReport {
  std::vector<SpendRow> rows;  // the dearest first
  SpendRow total;
};

Result<SpendReport> spend(const std::filesystem::path& database, const SpendQuery& query);

}  // namespace satgate::report
