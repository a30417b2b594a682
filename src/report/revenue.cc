#include "report/revenue.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <tuple>
#include <utility>

#include "base/crypto.h"
#include "base/text.h"
#include "contract/records.h"
#include "store/sqlite/database.h"

namespace satgate::report {
namespace {

using store::sqlite::Database;
using store::sqlite::Statement;

constexpr std::array<std::string_view, 4> kNames = {"route", "buyer", "day", "partner"};

// SQL, never from outside.
constexpr std::array<std::string_view, 3> kColumns = {"route", "subject",
                                                      "date(second, 'unixepoch')"};

// A paid token is one by what its record says: anybody's may be called `paid-...`.
constexpr std::string_view kSold =
    "JOIN tokens ON tokens.name = subject AND sale_payment IS NOT NULL ";

struct Range {
  int64_t first = INT64_MIN;
  int64_t end = INT64_MAX;
};

// The first whole second that is not before `time`.
int64_t whole_second(Time time) {
  return time.unix_seconds() + (time.unix_ns % kNanoPerSecond == 0 ? 0 : 1);
}

int64_t part_of(int64_t msat, Money part, Money whole) {
  if (whole <= Money()) return 0;
  const __int128 product = static_cast<__int128>(msat) * std::clamp(part, Money(), whole).nano();
  return static_cast<int64_t>(product / whole.nano());
}

// Reads with statements that are prepared once.
class Reader {
 public:
  Reader(Database& database, const RevenueQuery& query) : database_(database), query_(query) {
    if (query.since) range_.first = whole_second(*query.since);
    if (query.until) range_.end = whole_second(*query.until);
    report_.by = query.by;
  }

  Result<RevenueReport> run() {
    TRY(read_earned());
    TRY(read_shares());
    TRY(read_payments());
    TRY(read_refunds());
    return std::move(report_);
  }

 private:
  void bind_range(Statement& rows) const { rows.bind(1, range_.first).bind(2, range_.end); }
  bool in_range(Time time) const {
    return time.unix_seconds() >= range_.first && time.unix_seconds() < range_.end;
  }
  Result<void> read_earned();
  Result<void> read_shares();
  Result<void> read_payments();
  Result<void> read_refunds();
  Result<int64_t> received(Statement& find, std::string_view payment_hash, int64_t asked_msat);
  Result<Money> spent(Statement& find, std::string_view token_id);
  Result<void> add_payment(const Statement& row, Statement& find_spent);

  Database& database_;
  const RevenueQuery& query_;
  Range range_;
  RevenueReport report_;
};

// By payment within each group: each has a price of its own.
Result<void> Reader::read_earned() {
  const bool by_partner = query_.by == RevenueBy::partner;
  const std::string_view column = by_partner ? "''" : kColumns[static_cast<size_t>(query_.by)];
  TRY_ASSIGN(
      Statement rows,
      database_.prepare(fmt::format(
          "SELECT {} AS name, sale_payment, "
          "json_extract(record, '$.sale.amount_msat'), json_extract(record, "
          "'$.sale.credit'), sum(iif(kind = 'call', events, 0)), sum(spend.spent) FROM spend "
          "JOIN spend_keys ON spend_keys.id = spend.key {} WHERE kind IN ('call', 'outcome') AND "
          "decision = 'allow' AND second >= ? AND second < ? GROUP BY 1, tokens.id",
          column, kSold)));
  TRY_ASSIGN(Statement find,
             database_.prepare("SELECT received_msat FROM invoices WHERE payment_hash = ? AND "
                               "paid IS NOT NULL"));
  bind_range(rows);
  std::map<std::string, RevenueRow> groups;
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) break;
    RevenueRow& group = groups[std::string(rows.text(0))];
    const Money earned = Money::nano(rows.integer(5));
    TRY_ASSIGN(const int64_t paid_msat, received(find, rows.text(1), rows.integer(2)));
    group.calls += static_cast<uint64_t>(rows.integer(4));
    group.earned += earned;
    group.earned_msat += part_of(paid_msat, earned, Money::nano(rows.integer(3)));
  }
  for (auto& [name, group] : groups) {
    report_.calls += group.calls;
    report_.earned += group.earned;
    report_.earned_msat += group.earned_msat;
    if (by_partner) continue;
    group.name = name;
    report_.rows.push_back(std::move(group));
  }
  if (query_.by == RevenueBy::day) return {};
  std::ranges::sort(report_.rows, [](const RevenueRow& a, const RevenueRow& b) {
    return std::tie(b.earned, a.name, a.period) < std::tie(a.earned, b.name, b.period);
  });
  return {};
}

Result<int64_t> Reader::received(Statement& find, std::string_view payment_hash,
                                 int64_t asked_msat) {
  const auto hash = from_hex(payment_hash);
  if (!hash) return asked_msat;
  TRY_ASSIGN(const bool found, find.bind_blob(1, *hash).step());
  const int64_t msat = found ? find.integer(0) : asked_msat;
  find.reset();
  return msat;
}

Result<void> Reader::read_shares() {
  TRY_ASSIGN(Statement rows,
             database_.prepare("SELECT partner, strftime('%Y-%m', second, 'unixepoch') AS month, "
                               "sum(calls), sum(amount) FROM spend_shares WHERE second >= ? AND "
                               "second < ? GROUP BY partner, month ORDER BY partner, month"));
  bind_range(rows);
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) return {};
    RevenueRow row;
    row.name = rows.text(0);
    row.period = rows.text(1);
    row.calls = static_cast<uint64_t>(rows.integer(2));
    row.earned = Money::nano(rows.integer(3));
    report_.shares += row.earned;
    if (query_.by == RevenueBy::partner) report_.rows.push_back(std::move(row));
  }
}

Result<void> Reader::read_payments() {
  TRY_ASSIGN(
      Statement rows,
      database_.prepare("SELECT received_msat, paid, tokens.id, json_extract(record, "
                        "'$.sale.credit'), json_extract(record, '$.expires'), "
                        "json_extract(record, '$.revoked'), refunds.state, refunds.amount_msat, "
                        "refunds.left_msat FROM invoices "
                        "LEFT JOIN tokens ON sale_payment = lower(hex(payment_hash)) "
                        "LEFT JOIN refunds ON refunds.id = (SELECT max(id) FROM refunds WHERE "
                        "payment = payment_hash) WHERE paid IS NOT NULL"));
  TRY_ASSIGN(Statement find_spent,
             database_.prepare("SELECT spent FROM accounts WHERE account = ?"));
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) return {};
    TRY(add_payment(rows, find_spent));
  }
}

Result<void> Reader::add_payment(const Statement& row, Statement& find_spent) {
  constexpr int64_t kRefundPaid = 1;
  const int64_t received_msat = row.integer(0);
  if (in_range(Time{row.integer(1)})) {
    ++report_.payments;
    report_.received_msat += received_msat;
  }
  if (!row.is_null(6)) {  // what was used before is no more than what was not left
    const int64_t left_msat = row.integer(8);
    const bool went_back = row.integer(6) == kRefundPaid;
    (went_back ? report_.unused_msat : report_.owed_msat) +=
        went_back ? left_msat - row.integer(7) : left_msat;
    return {};
  }
  if (row.is_null(2)) {
    report_.owed_msat += received_msat;
    return {};
  }
  TRY_ASSIGN(const Money used, spent(find_spent, row.text(2)));
  const int64_t rest = received_msat - part_of(received_msat, used, Money::nano(row.integer(3)));
  const bool is_over =
      row.integer(5) != 0 || (!row.is_null(4) && Time{row.integer(4)} <= query_.now);
  (is_over ? report_.unused_msat : report_.owed_msat) += rest;
  return {};
}

Result<Money> Reader::spent(Statement& find, std::string_view token_id) {
  TokenId id;
  if (token_id.size() != id.bytes.size()) return fail("database: a token's id has another size");
  std::ranges::copy(token_id, id.bytes.begin());
  const AccountId account = token_account(id);
  TRY_ASSIGN(const bool found, find.bind_blob(1, account.view()).step());
  const Money spent = found ? Money::nano(find.integer(0)) : Money();
  find.reset();
  return spent;
}

Result<void> Reader::read_refunds() {
  TRY_ASSIGN(Statement rows,
             database_.prepare("SELECT ended, amount_msat FROM refunds WHERE state = 1"));
  while (true) {
    TRY_ASSIGN(const bool found, rows.step());
    if (!found) return {};
    if (!in_range(Time{rows.integer(0)})) continue;
    ++report_.refunds;
    report_.refunded_msat += rows.integer(1);
  }
}

}  // namespace

std::string_view to_string(RevenueBy by) {
  return kNames[static_cast<size_t>(by)];
}

std::optional<RevenueBy> parse_revenue_by(std::string_view text) {
  const auto found = std::ranges::find(kNames, text);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<RevenueBy>(found - kNames.begin());
}

Result<RevenueReport> revenue(const std::filesystem::path& database, const RevenueQuery& query) {
  TRY_ASSIGN(auto connection, Database::open_read_only(database));
  return Reader(connection, query).run();
}

}  // namespace satgate::report
