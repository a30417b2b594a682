#include "store/purchase_book.h"

#include <algorithm>

namespace satgate::store {
namespace {

using State = PurchaseRecord::State;

constexpr const char* kColumns =
    "SELECT payment_hash, shelf, route, upstream, buyer, scheme, ticket, amount_msat, held, "
    "created, state, spent, fee_msat, cost, preimage, ended, reason FROM purchases ";

Result<Hash256> read_hash(std::string_view bytes) {
  Hash256 hash{};
  if (bytes.size() != hash.size()) return satgate::fail("database: a purchase has no hash");
  std::ranges::copy(bytes, hash.begin());
  return hash;
}

Result<PurchaseRecord> read_row(const sqlite::Statement& row) {
  PurchaseRecord purchase;
  TRY_ASSIGN(purchase.payment_hash, read_hash(row.text(0)));
  purchase.shelf = row.text(1);
  purchase.route = row.text(2);
  purchase.upstream = row.text(3);
  purchase.buyer = row.text(4);
  purchase.scheme = row.text(5);
  purchase.ticket = row.text(6);
  purchase.amount_msat = row.integer(7);
  purchase.held = Money::nano(row.integer(8));
  purchase.created = Time{row.integer(9)};
  purchase.state = static_cast<State>(row.integer(10));
  purchase.spent = row.integer(11) != 0;
  purchase.fee_msat = row.integer(12);
  purchase.cost = Money::nano(row.integer(13));
  if (!row.is_null(14)) {
    TRY_ASSIGN(purchase.preimage, read_hash(row.text(14)));
  }
  if (!row.is_null(15)) purchase.ended = Time{row.integer(15)};
  purchase.reason = row.text(16);
  return purchase;
}

Result<std::optional<PurchaseRecord>> read_one(sqlite::Statement& row) {
  TRY_ASSIGN(const bool found, row.step());
  if (!found) return std::nullopt;
  return read_row(row);
}

Result<std::vector<PurchaseRecord>> read_all(sqlite::Statement& rows) {
  std::vector<PurchaseRecord> purchases;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return purchases;
    TRY_ASSIGN(PurchaseRecord purchase, read_row(rows));
    purchases.push_back(std::move(purchase));
  }
}

Result<bool> is_over(sqlite::Database& database, const PurchaseRecord& purchase,
                     const PurchaseBook::Total& total) {
  TRY_ASSIGN(sqlite::Statement sum,
             database.prepare("SELECT sum(CASE state WHEN 0 THEN held ELSE cost END) FROM "
                              "purchases WHERE created >= ? AND route = ? AND state < 2"));
  TRY_ASSIGN(const bool found, sum.bind(1, total.since.unix_ns).bind(2, purchase.route).step());
  const Money spent = Money::nano(found ? sum.integer(0) : 0);
  return spent + purchase.held > total.most;
}

Result<void> write(sqlite::Database& database, const PurchaseRecord& purchase) {
  TRY_ASSIGN(sqlite::Statement put,
             database.prepare("INSERT OR REPLACE INTO purchases VALUES "
                              "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, NULL, NULL, '')"));
  put.bind_blob(1, as_bytes_view(purchase.payment_hash)).bind(2, purchase.shelf);
  put.bind(3, purchase.route).bind(4, purchase.upstream).bind(5, purchase.buyer);
  put.bind(6, purchase.scheme).bind(7, purchase.ticket).bind(8, purchase.amount_msat);
  put.bind(9, purchase.held.nano()).bind(10, purchase.created.unix_ns);
  return put.run();
}

}  // namespace

Result<PurchaseBook::Begun> PurchaseBook::begin(const PurchaseRecord& purchase,
                                                const std::optional<Total>& total) {
  const std::lock_guard lock(shared_.mutex);
  sqlite::Database& database = shared_.database;
  TRY_ASSIGN(sqlite::Statement known,
             database.prepare("SELECT 1 FROM purchases WHERE payment_hash = ? AND state < 2"));
  TRY_ASSIGN(const bool is_known, known.bind_blob(1, as_bytes_view(purchase.payment_hash)).step());
  if (is_known) return Begun::known;
  if (total) {
    TRY_ASSIGN(const bool over, is_over(database, purchase, *total));
    if (over) return Begun::over_total;
  }
  TRY(write(database, purchase));
  return Begun::yes;
}

Result<void> PurchaseBook::succeed(const Hash256& payment_hash, const Paid& paid, Time now) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("UPDATE purchases SET state = 1, preimage = ?, fee_msat = ?, "
                                      "cost = ?, ended = ? WHERE payment_hash = ? AND state = 0"));
  put.bind_blob(1, as_bytes_view(paid.preimage)).bind(2, paid.fee_msat).bind(3, paid.cost.nano());
  return put.bind(4, now.unix_ns).bind_blob(5, as_bytes_view(payment_hash)).run();
}

Result<void> PurchaseBook::fail(const Hash256& payment_hash, std::string_view reason, Time now) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("UPDATE purchases SET state = 2, spent = 1, reason = ?, "
                                      "ended = ? WHERE payment_hash = ? AND state = 0"));
  put.bind(1, reason).bind(2, now.unix_ns).bind_blob(3, as_bytes_view(payment_hash));
  return put.run();
}

Result<void> PurchaseBook::mark_spent(const Hash256& payment_hash) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement put,
             shared_.database.prepare("UPDATE purchases SET spent = 1 WHERE payment_hash = ?"));
  return put.bind_blob(1, as_bytes_view(payment_hash)).run();
}

Result<std::optional<PurchaseRecord>> PurchaseBook::find(const Hash256& payment_hash) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement row,
             shared_.database.prepare(std::string(kColumns) + "WHERE payment_hash = ?"));
  row.bind_blob(1, as_bytes_view(payment_hash));
  return read_one(row);
}

Result<std::optional<PurchaseRecord>> PurchaseBook::find_usable(std::string_view shelf) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement row,
             shared_.database.prepare(std::string(kColumns) +
                                      "WHERE shelf = ? AND spent = 0 AND state = 1 "
                                      "ORDER BY created DESC LIMIT 1"));
  row.bind(1, shelf);
  return read_one(row);
}

Result<std::vector<PurchaseRecord>> PurchaseBook::pending() const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare(std::string(kColumns) + "WHERE state = 0 ORDER BY created"));
  return read_all(rows);
}

Result<std::vector<PurchaseRecord>> PurchaseBook::list(size_t count) const {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(sqlite::Statement rows,
             shared_.database.prepare(std::string(kColumns) + "ORDER BY created DESC LIMIT ?"));
  rows.bind(1, static_cast<int64_t>(count));
  return read_all(rows);
}

}  // namespace satgate::store
