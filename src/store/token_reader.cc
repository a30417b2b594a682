#include "store/token_reader.h"

#include <fmt/format.h>

#include <utility>

#include "store/record_json.h"

namespace satgate::store {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr int64_t kPage = 100;

Result<TokenRecord> record_of(std::string_view json) {
  TRY_ASSIGN(TokenRecord record, token_from_json(json));
  record.account = token_account(record.id);
  return record;
}

}  // namespace

Result<std::unique_ptr<TokenReader>> TokenReader::open(Database database) {
  TRY_ASSIGN(Statement by_id, database.prepare("SELECT record FROM tokens WHERE id = ?"));
  TRY_ASSIGN(Statement by_name, database.prepare("SELECT record FROM tokens WHERE name = ?"));
  TRY_ASSIGN(Statement by_carve,
             database.prepare("SELECT record FROM tokens WHERE carved_account = ?"));
  TRY_ASSIGN(Statement page, database.prepare("SELECT name, record FROM tokens WHERE name > ? "
                                              "ORDER BY name LIMIT ?"));
  return std::unique_ptr<TokenReader>(new TokenReader(std::move(database), std::move(by_id),
                                                      std::move(by_name), std::move(by_carve),
                                                      std::move(page)));
}

TokenReader::TokenReader(Database database, Statement by_id, Statement by_name, Statement by_carve,
                         Statement page)
    : database_(std::move(database)),
      by_id_(std::move(by_id)),
      by_name_(std::move(by_name)),
      by_carve_(std::move(by_carve)),
      page_(std::move(page)) {}

FoundToken TokenReader::read(Statement& bound) {
  const Result<bool> row = bound.step();
  std::string json;
  if (row && *row) json = bound.text(0);
  bound.reset();
  if (!row) return std::unexpected(row.error());
  if (!*row) return nullptr;
  TRY_ASSIGN(TokenRecord record, record_of(json));
  return std::make_shared<const TokenRecord>(std::move(record));
}

FoundToken TokenReader::find(const TokenId& id) {
  const std::lock_guard lock(mutex_);
  return read(by_id_.bind_blob(1, id.view()));
}

FoundToken TokenReader::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  return read(by_name_.bind(1, name));
}

FoundToken TokenReader::find_carve(const AccountId& account) {
  const std::string hex = to_string(account);
  const std::lock_guard lock(mutex_);
  return read(by_carve_.bind(1, hex));
}

// `after`: the last name of the page before; on return, of this one.
Result<std::vector<std::string>> TokenReader::next_page(std::string& after) {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> records;
  std::string last;
  page_.bind(1, after).bind(2, kPage);
  Result<bool> row = page_.step();
  for (; row && *row; row = page_.step()) {
    last = page_.text(0);
    records.emplace_back(page_.text(1));
  }
  page_.reset();
  if (!row) return std::unexpected(row.error());
  after = std::move(last);
  return records;
}

Result<void> TokenReader::each(const std::function<void(const TokenRecord&)>& use) {
  std::string after;
  while (true) {
    TRY_ASSIGN(const std::vector<std::string> page, next_page(after));
    if (page.empty()) return {};
    for (const std::string& json : page) {
      TRY_ASSIGN(const TokenRecord record, record_of(json));
      use(record);
    }
  }
}

Result<size_t> TokenReader::count() {
  const std::lock_guard lock(mutex_);
  TRY_ASSIGN(const int64_t rows, database_.query_integer("SELECT count(*) FROM tokens"));
  return static_cast<size_t>(rows);
}

Result<std::vector<std::string>> read_token_names(const std::filesystem::path& path) {
  TRY_ASSIGN(Database database, Database::open_read_only(path));
  TRY_ASSIGN(Statement rows, database.prepare("SELECT name FROM tokens"));
  std::vector<std::string> names;
  while (true) {
    TRY_ASSIGN(const bool row, rows.step());
    if (!row) return names;
    names.emplace_back(rows.text(0));
  }
}

}  // namespace satgate::store
