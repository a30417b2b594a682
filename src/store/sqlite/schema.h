// The tables, and how older ones become newer ones. The version is SQLite's user_version.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/sqlite/database.h"

namespace satgate::store::sqlite {

// Creates or migrates, all or nothing. A database of a newer program is refused.
Result<void> migrate(Database& database);

// Table `meta`: single values by name. A missing one reads as 0 or empty.
Result<int64_t> meta_integer(Database& database, std::string_view name);
Result<std::string> meta_text(Database& database, std::string_view name);
Result<void> set_meta(Database& database, std::string_view name, int64_t value);
Result<void> set_meta(Database& database, std::string_view name, std::string_view value);

}  // namespace satgate::store::sqlite
