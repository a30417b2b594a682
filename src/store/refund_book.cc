#include "store/refund_book.h"

#include <fmt/format.h>

#include <algorithm>

namespace satgate::store {
namespace {

using State = RefundRecord::State;

constexpr const char* kColumns =
    "SELECT id, payment, target, bolt11, amount_msat, left_msat, state, fee_msat, reason, created, "
    "ended FROM refunds ";

Result<Hash256> read_hash(std::string_view bytes) {
  Hash256 hash{};
  if (bytes.size() != hash.size()) return fail("database: a refund has no payment hash");
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

Result<RefundRecord> read_row(const sqlite::Statement& row) {
  RefundRecord refund;
  refund.id = row.integer(0);
  TRY_ASSIGN(refund.payment, read_hash(row.text(1)));
  TRY_ASSIGN(refund.target, read_hash(row.text(2)));
  refund.bolt11 = row.text(3);
  refund.amount_msat = row.integer(4);
  refund.left_msat = row.integer(5);
  const int64_t state = row.integer(6);
  if (state < 0 || state > static_cast<int64_t>(State::failed)) {
    return fail(fmt::format("database: {} is no state of a refund", state));
  }
  refund.state = static_cast<State>(state);
  refund.fee_msat = row.integer(7);
  refund.reason = row.text(8);
  refund.created = Time{row.integer(9)};
  if (!row.is_null(10)) refund.ended = Time{row.integer(10)};
  return refund;
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::pending:
      return "pending";
    case State::paid:
      return "paid";
    case State::failed:
      return "failed";
  }
  std::unreachable();
}

Result<int64_t> RefundBook::add(const RefundRecord& refund) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("INSERT INTO refunds (payment, target, bolt11, amount_msat, "
                                      "left_msat, state, fee_msat, reason, created) "
                                      "VALUES (?, ?, ?, ?, ?, 0, 0, '', ?)"));
  put.bind_blob(1, as_bytes_view(refund.payment)).bind_blob(2, as_bytes_view(refund.target));
  put.bind(3, refund.bolt11).bind(4, refund.amount_msat).bind(5, refund.left_msat);
  TRY(put.bind(6, refund.created.unix_ns).run());
  return shared_.database.query_integer("SELECT last_insert_rowid()");
}

Result<void> RefundBook::end(int64_t id, State state, int64_t fee_msat, std::string_view reason,
                             Time now) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("UPDATE refunds SET state = ?, fee_msat = ?, reason = ?, "
                                      "ended = ? WHERE id = ? AND state = 0"));
  put.bind(1, static_cast<int64_t>(state)).bind(2, fee_msat).bind(3, reason);
  if (state == State::pending) {
    put.bind_null(4);
  } else {
    put.bind(4, now.unix_ns);
  }
  return put.bind(5, id).run();
}

Result<std::optional<RefundRecord>> RefundBook::of_payment(const Hash256& payment) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement row,
             shared_.database.prepare(std::string(kColumns) +
                                      "WHERE payment = ? ORDER BY id DESC LIMIT 1"));
  TRY_ASSIGN(const bool found, row.bind_blob(1, as_bytes_view(payment)).step());
  if (!found) return std::nullopt;
  return read_row(row);
}

Result<std::vector<RefundRecord>> RefundBook::pending() const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare(std::string(kColumns) + "WHERE state = 0 ORDER BY id"));
  std::vector<RefundRecord> refunds;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return refunds;
    TRY_ASSIGN(RefundRecord refund, read_row(rows));
    refunds.push_back(std::move(refund));
  }
}

}  // namespace satgate::store
