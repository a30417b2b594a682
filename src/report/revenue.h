// What was sold: what buyers have paid, what their calls were charged of it, what is still theirs,
// and what partners have a share in. Reads the books; works beside a running gateway (which is at
// most a moment ahead) and on a stopped one.
//
//   received   payments that were found settled
//   earned     what calls on paid tokens were charged, in satoshis at the price that was paid
//   owed       paid and not used, of tokens that can still be used, of payments that have opened
//              none, and of refunds that are not through
//   unused     of tokens that are over or closed
//   refunded   went back
//
// Over all times received is the sum of the others, but for what is rounded down.
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

enum class RevenueBy : uint8_t {
  route,
  buyer,    // the paid token: all that one payment has bought
  day,      // UTC
  partner,  // their shares, of whoever's calls, by calendar month (UTC)
};

std::string_view to_string(RevenueBy by);
std::optional<RevenueBy> parse_revenue_by(std::string_view text);

struct RevenueQuery {
  RevenueBy by = RevenueBy::route;
  std::optional<Time> since = {};  // from then on; both to the second
  std::optional<Time> until = {};  // before then
  Time now = {};                   // of what is owed
};

struct RevenueRow {
  std::string name;         // empty: calls that have none
  std::string period;       // partner: "2026-04"
  uint64_t calls = 0;       // that were answered; partner: that were charged with this share
  Money earned;             // partner: the share
  int64_t earned_msat = 0;  // partner: not known, since not all of it was paid over Lightning
};

struct RevenueReport {
  RevenueBy by = RevenueBy::route;
  std::vector<RevenueRow> rows;  // the best first, days and months in their order
  // In the time that was asked for.
  uint64_t payments = 0;
  int64_t received_msat = 0;
  uint64_t calls = 0;
  Money earned;
  int64_t earned_msat = 0;
  uint64_t refunds = 0;
  int64_t refunded_msat = 0;
  Money shares;  // of all partners
  // Now.
  int64_t owed_msat = 0;
  int64_t unused_msat = 0;
};

Result<RevenueReport> revenue(const std::filesystem::path& database, const RevenueQuery& query);

}  // namespace satgate::report
