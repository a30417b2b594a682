#include "store/approval_table.h"

#include <fmt/format.h>

#include <cstring>

namespace satgate::store {
namespace {

template <class Bytes>
bool take(Bytes& into, std::string_view bytes) {
  if (bytes.size() != into.size()) return false;
  std::memcpy(into.data(), bytes.data(), bytes.size());
  return true;
}

Result<Approval> read(const sqlite::Statement& row) {
  Approval one;
  const bool whole = take(one.id.bytes, row.text(0)) && take(one.token.bytes, row.text(1)) &&
                     take(one.point.bytes, row.text(2)) && take(one.arguments, row.text(5));
  const int64_t state = row.integer(12);
  if (!whole || state < 1 || state > 3) return fail("database: an approval that can not be read");
  one.server = row.text(3);
  one.tool = row.text(4);
  one.quote = Money::nano(row.integer(6));
  one.subject = row.text(7);
  one.holder = row.text(8);
  one.shown = row.text(9);
  one.created = Time{row.integer(10)};
  one.expires = Time{row.integer(11)};
  one.state = static_cast<ApprovalState>(state);
  one.reason = row.text(13);
  return one;
}

}  // namespace

Result<std::vector<Approval>> load_approvals(sqlite::Database& database) {
  std::vector<Approval> all;
  TRY_ASSIGN(sqlite::Statement rows,
             database.prepare("SELECT id, token, point, server, tool, arguments, quote, subject, "
                              "holder, shown, created, expires, state, reason FROM approvals"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return all;
    TRY_ASSIGN(Approval one, read(rows));
    all.push_back(std::move(one));
  }
}

Result<void> put_approval(sqlite::Database& database, const Approval& one) {
  TRY_ASSIGN(sqlite::Statement put,
             database.prepare("REPLACE INTO approvals (id, token, point, server, tool, arguments, "
                              "quote, subject, holder, shown, created, expires, state, reason) "
                              "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  put.bind_blob(1, one.id.view()).bind_blob(2, one.token.view()).bind_blob(3, one.point.view());
  put.bind(4, one.server).bind(5, one.tool).bind_blob(6, as_bytes_view(one.arguments));
  put.bind(7, one.quote.nano()).bind(8, one.subject).bind(9, one.holder).bind(10, one.shown);
  put.bind(11, one.created.unix_ns).bind(12, one.expires.unix_ns);
  return put.bind(13, static_cast<int64_t>(one.state)).bind(14, one.reason).run();
}

Result<void> delete_approval(sqlite::Database& database, const ApprovalId& id) {
  TRY_ASSIGN(sqlite::Statement remove, database.prepare("DELETE FROM approvals WHERE id = ?"));
  return remove.bind_blob(1, id.view()).run();
}

}  // namespace satgate::store
