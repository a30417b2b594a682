#include "report/audit_search.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "store/sqlite/database.h"

namespace satgate::report {

Result<std::vector<FoundEvent>> search_events(const std::filesystem::path& database,
                                              const EventFilter& filter) {
  const std::array<std::pair<std::string_view, std::string_view>, 6> texts = {
      {{" AND subject = ?", filter.subject},
       {" AND tool = ?", filter.tool},
       {" AND decision = ?", filter.decision},
       {" AND code = ?", filter.code},
       {" AND kind = ?", filter.kind},
       {" AND request_id = ?", filter.request_id}}};
  std::string sql = "SELECT seq, json FROM events WHERE seq > ? AND time >= ? AND time < ?";
  for (const auto& [condition, value] : texts) {
    if (!value.empty()) sql += condition;
  }
  sql += " ORDER BY seq DESC LIMIT ?";
  TRY_ASSIGN(auto connection, store::sqlite::Database::open_read_only(database));
  TRY_ASSIGN(auto rows, connection.prepare(sql));
  rows.bind(1, static_cast<int64_t>(std::min<uint64_t>(filter.after_seq, INT64_MAX)));
  rows.bind(2, filter.since ? filter.since->unix_ns : INT64_MIN);
  rows.bind(3, filter.until ? filter.until->unix_ns : INT64_MAX);
  int index = 4;
  for (const auto& [condition, value] : texts) {
    if (!value.empty()) rows.bind(index++, value);
  }
  rows.bind(index, static_cast<int64_t>(std::min(filter.limit, search_rows_max)));
  std::vector<FoundEvent> events;
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) break;
    events.push_back({static_cast<uint64_t>(rows.integer(0)), std::string(rows.text(1))});
  }
  std::reverse(events.begin(), events.end());
  return events;
}

}  // namespace satgate::report
