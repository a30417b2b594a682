#include "report/spend.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "store/sqlite/database.h"

namespace satgate::report {
namespace {

struct Dimension {
  std::string_view name;
  std::string_view column;  // SQL, never from outside
};

constexpr std::array<Dimension, 9> kDimensions = {{{"team", "team"},
                                                   {"agent", "iif(holder = '', subject, holder)"},
                                                   {"tool", "tool"},
                                                   {"model", "model"},
                                                   {"endpoint", "endpoint"},
                                                   {"workflow", "workflow"},
                                                   {"upstream", "upstream"},
                                                   {"project", "project"},
                                                   {"environment", "environment"}}};

// The first whole second that is not before `time`.
int64_t whole_second(Time time) {
  return time.unix_seconds() + (time.unix_ns % kNanoPerSecond == 0 ? 0 : 1);
}

const Dimension& dimension(SpendBy by) {
  return kDimensions[static_cast<size_t>(by)];
}

}  // namespace

std::string_view to_string(SpendBy by) {
  return dimension(by).name;
}

std::optional<SpendBy> parse_spend_by(std::string_view text) {
  for (size_t i = 0; i < kDimensions.size(); ++i) {
    if (kDimensions[i].name == text) return static_cast<SpendBy>(i);
  }
  return std::nullopt;
}

Result<SpendReport> spend(const std::filesystem::path& database, const SpendQuery& query) {
  TRY_ASSIGN(auto connection, store::sqlite::Database::open_read_only(database));
  TRY_ASSIGN(auto rows,
             connection.prepare(fmt::format(
                 "SELECT {} AS name, sum(iif(kind = 'call', events, 0)), "
                 "sum(iif(kind = 'call' AND decision = 'allow', events, 0)), "
                 "sum(iif(kind = 'call' AND decision = 'deny', events, 0)), "
                 "sum(iif(kind = 'call' AND decision = 'would_deny', events, 0)), "
                 "sum(iif(kind = 'call' AND code = 'cache_hit', events, 0)), "
                 "sum(spend.spent) AS total "
                 "FROM spend JOIN spend_keys ON spend_keys.id = spend.key "
                 "WHERE (kind = 'call' OR (spend.spent > 0 AND kind <> 'refund')) AND second >= ? "
                 "AND second < ? "
                 "GROUP BY name ORDER BY total DESC, name",
                 dimension(query.by).column)));
  rows.bind(1, query.since ? whole_second(*query.since) : INT64_MIN);
  rows.bind(2, query.until ? whole_second(*query.until) : INT64_MAX);
  SpendReport report;
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) return report;
    SpendRow row;
    row.name = rows.text(0);
    row.calls = static_cast<uint64_t>(rows.integer(1));
    row.allowed = static_cast<uint64_t>(rows.integer(2));
    row.denied = static_cast<uint64_t>(rows.integer(3));
    row.would_deny = static_cast<uint64_t>(rows.integer(4));
    row.cache_hits = static_cast<uint64_t>(rows.integer(5));
    row.spent = Money::nano(rows.integer(6));
    report.total.calls += row.calls;
    report.total.allowed += row.allowed;
    report.total.denied += row.denied;
    report.total.would_deny += row.would_deny;
    report.total.cache_hits += row.cache_hits;
    report.total.spent += row.spent;
    report.rows.push_back(std::move(row));
  }
}

}  // namespace satgate::report
