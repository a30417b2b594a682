// The one writing connection, shared by the keeper and by whoever changes tokens and budgets.
#pragma once

#include <mutex>

#include "store/sqlite/database.h"

namespace satgate::store {

struct SharedDatabase {
  explicit SharedDatabase(sqlite::Database opened) : database(std::move(opened)) {}
  std::mutex mutex;  // held for a statement or a transaction
  sqlite::Database database;
};

}  // namespace satgate::store
