// Token records as SQLite has them, over a connection of their own, so that no reader waits for a
// commit. Thread-safe.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/directory.h"
#include "store/sqlite/database.h"

namespace satgate::store {

class TokenReader {
 public:
  static Result<std::unique_ptr<TokenReader>> open(sqlite::Database database);

  FoundToken find(const TokenId& id);
  FoundToken find(std::string_view name);
  FoundToken find_carve(const AccountId& account);
  // All by name, in pages: whoever else reads waits for one page at most.
  Result<void> each(const std::function<void(const TokenRecord&)>& use);
  Result<size_t> count();

 private:
  TokenReader(sqlite::Database database, sqlite::Statement by_id, sqlite::Statement by_name,
              sqlite::Statement by_carve, sqlite::Statement page);
  // The record of the one row that the bound statement has; takes its bindings away.
  FoundToken read(sqlite::Statement& bound);
  Result<std::vector<std::string>> next_page(std::string& after);

  std::mutex mutex_;
  sqlite::Database database_;
  sqlite::Statement by_id_, by_name_, by_carve_, page_;
};

// The names of all tokens, also while a gateway runs.
Result<std::vector<std::string>> read_token_names(const std::filesystem::path& database);

}  // namespace satgate::store
