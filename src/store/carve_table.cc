#include "store/carve_table.h"

#include <string>

#include "store/record.h"

namespace satgate::store {

using sqlite::Statement;

Result<void> store_carve(sqlite::Database& database, const ledger::CarveState& state) {
  std::string accounts;
  for (const AccountId& account : state.from)
    accounts += account.view();
  TRY_ASSIGN(Statement put, database.prepare("REPLACE INTO carves VALUES (?, ?, ?, 1)"));
  put.bind_blob(1, state.child.view()).bind(2, state.amount.nano());
  return put.bind_blob(3, accounts).run();
}

Result<void> store_carve_closed(sqlite::Database& database, const AccountId& child) {
  TRY_ASSIGN(Statement update, database.prepare("UPDATE carves SET open = 0 WHERE child = ?"));
  return update.bind_blob(1, child.view()).run();
}

Result<void> load_carves(sqlite::Database& database, ledger::Ledger& ledger) {
  TRY_ASSIGN(Statement rows,
             database.prepare("SELECT child, amount, accounts FROM carves WHERE open = 1"));
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return {};
    const auto child = decode_account(rows.text(0));
    std::string_view accounts = rows.text(2);
    if (!child || accounts.size() % sizeof(AccountId) != 0) {
      return fail("database: a stored carve can not be read");
    }
    ledger::CarveState state{*child, Money::nano(rows.integer(1)), {}, true};
    for (; !accounts.empty(); accounts.remove_prefix(sizeof(AccountId)))
      state.from.push_back(*decode_account(accounts.substr(0, sizeof(AccountId))));
    ledger.load(state);
  }
}

Result<std::vector<OpenCarve>> read_open_carves(const std::filesystem::path& path) {
  TRY_ASSIGN(sqlite::Database database, sqlite::Database::open_read_only(path));
  TRY_ASSIGN(Statement rows, database.prepare("SELECT child, amount FROM carves WHERE open = 1"));
  std::vector<OpenCarve> carves;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return carves;
    const auto child = decode_account(rows.text(0));
    if (!child) return fail("database: a stored carve can not be read");
    carves.push_back({*child, Money::nano(rows.integer(1))});
  }
}

}  // namespace satgate::store
