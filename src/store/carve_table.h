// Carves at rest. Thread-safe as far as the database's owner makes it so.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "ledger/ledger.h"
#include "store/sqlite/database.h"

namespace satgate::store {

Result<void> store_carve(sqlite::Database& database, const ledger::CarveState& state);
Result<void> store_carve_closed(sqlite::Database& database, const AccountId& child);
// Loads the open ones. REQUIRES: the accounts were loaded before.
Result<void> load_carves(sqlite::Database& database, ledger::Ledger& ledger);

struct OpenCarve {
  AccountId child;
  Money amount;
};
// Through a connection of its own.
Result<std::vector<OpenCarve>> read_open_carves(const std::filesystem::path& database);

}  // namespace satgate::store
