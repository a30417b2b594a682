#include "store/sqlite/schema.h"

#include <fmt/format.h>

#include <array>

namespace satgate::store::sqlite {
namespace {

// Accounts, tokens and lineage points are 16-byte blobs; money is nano-credits; times are unix
// nanoseconds. `accounts`, `holds` and `events` are a projection of the journal up to the record
// meta.projected_seq, always all together.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
CREATE TABLE budgets (name TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE revoked_points (point BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE seen_points (
  point BLOB PRIMARY KEY, parent BLOB NOT NULL, token BLOB NOT NULL, holder TEXT NOT NULL,
  caveat TEXT NOT NULL, first_seen INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX seen_points_by_token ON seen_points (token);
CREATE TABLE accounts (
  account BLOB PRIMARY KEY, kind INTEGER NOT NULL, spent INTEGER NOT NULL,
  minute INTEGER NOT NULL, minute_spent INTEGER NOT NULL, hour INTEGER NOT NULL,
  hour_spent INTEGER NOT NULL, day INTEGER NOT NULL, day_spent INTEGER NOT NULL,
  month INTEGER NOT NULL, month_spent INTEGER NOT NULL,
  blocked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE holds (reservation INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
CREATE TABLE leases (
  account BLOB PRIMARY KEY, kind INTEGER NOT NULL, ceiling INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE carves (
  child BLOB PRIMARY KEY, amount INTEGER NOT NULL, accounts BLOB NOT NULL,
  open INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT, token TEXT,
  holder TEXT, upstream TEXT, tool TEXT, endpoint TEXT, model TEXT, decision TEXT, code TEXT,
  cost INTEGER, team TEXT, project TEXT, environment TEXT, workflow TEXT, budget TEXT,
  request_id TEXT, json TEXT NOT NULL) STRICT;
CREATE INDEX events_by_time ON events (time);
CREATE INDEX events_by_subject ON events (subject, time);
CREATE INDEX events_by_tool ON events (tool, time) WHERE tool IS NOT NULL;
CREATE INDEX events_by_code ON events (code, time) WHERE code IS NOT NULL;
CREATE INDEX events_by_request ON events (request_id) WHERE request_id IS NOT NULL;
)sql";

// migrations[i] brings version i to version i + 1.
constexpr std::array kMigrations = {kVersion1};

}  // namespace

Result<void> migrate(Database& database) {
  TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  TRY_ASSIGN(const int64_t found, database.query_integer("PRAGMA user_version"));
  const auto newest = static_cast<int64_t>(kMigrations.size());
  if (found < 0 || found > newest) {
    return fail(
        fmt::format("database: it has schema version {}, this program knows up to {}; "
                    "start the newer satgate that wrote it",
                    found, newest));
  }
  for (int64_t version = found; version < newest; ++version) {
    TRY(database.execute(kMigrations[static_cast<size_t>(version)]));
  }
  TRY(database.execute(fmt::format("PRAGMA user_version={}", newest)));
  return transaction.commit();
}

Result<int64_t> meta_integer(Database& database, std::string_view name) {
  TRY_ASSIGN(Statement statement, database.prepare("SELECT value FROM meta WHERE name = ?"));
  TRY_ASSIGN(const bool row, statement.bind(1, name).step());
  return row ? statement.integer(0) : 0;
}

Result<std::string> meta_text(Database& database, std::string_view name) {
  TRY_ASSIGN(Statement statement, database.prepare("SELECT value FROM meta WHERE name = ?"));
  TRY_ASSIGN(const bool row, statement.bind(1, name).step());
  return row ? std::string(statement.text(0)) : std::string();
}

Result<void> set_meta(Database& database, std::string_view name, int64_t value) {
  TRY_ASSIGN(Statement statement, database.prepare("REPLACE INTO meta VALUES (?, ?)"));
  return statement.bind(1, name).bind(2, value).run();
}

Result<void> set_meta(Database& database, std::string_view name, std::string_view value) {
  TRY_ASSIGN(Statement statement, database.prepare("REPLACE INTO meta VALUES (?, ?)"));
  return statement.bind(1, name).bind(2, value).run();
}

}  // namespace satgate::store::sqlite
