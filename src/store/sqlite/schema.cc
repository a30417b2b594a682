#include "store/sqlite/schema.h"

#include <fmt/format.h>

#include <array>

namespace satgate::store::sqlite {
namespace {

// Accounts, tokens and lineage points are 16-byte blobs; money is nano-credits; times are unix
// nanoseconds. `accounts`, `holds` and the roll-ups are what the journal says up to the record
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

// Roll-ups instead of a row for each event: the events are in the journal, and stay there.
// `journal_index`: up to this event and record, no event is of a later second than `latest`.
constexpr const char* kVersion2 = R"sql(
CREATE TABLE spend_keys (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, holder TEXT NOT NULL,
  upstream TEXT NOT NULL, tool TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
  decision TEXT NOT NULL, code TEXT NOT NULL, team TEXT NOT NULL, project TEXT NOT NULL,
  environment TEXT NOT NULL, workflow TEXT NOT NULL, budget TEXT NOT NULL,
  UNIQUE (subject, kind, holder, upstream, tool, endpoint, model, decision, code, team, project,
          environment, workflow, budget)) STRICT;
CREATE TABLE spend (
  second INTEGER NOT NULL, key INTEGER NOT NULL, events INTEGER NOT NULL, spent INTEGER NOT NULL,
  PRIMARY KEY (second, key)) STRICT, WITHOUT ROWID;
CREATE TABLE journal_index (
  event INTEGER PRIMARY KEY, record INTEGER NOT NULL, latest INTEGER NOT NULL) STRICT;
CREATE TEMP TABLE old_events AS SELECT
  time / 1000000000 AS second, kind, coalesce(subject, '') AS subject,
  coalesce(holder, '') AS holder, coalesce(upstream, '') AS upstream, coalesce(tool, '') AS tool,
  coalesce(endpoint, '') AS endpoint, coalesce(model, '') AS model,
  coalesce(decision, '') AS decision, coalesce(code, '') AS code, coalesce(team, '') AS team,
  coalesce(project, '') AS project, coalesce(environment, '') AS environment,
  coalesce(workflow, '') AS workflow, coalesce(budget, '') AS budget,
  count(*) AS events, sum(coalesce(cost, 0)) AS spent
  FROM events GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15;
INSERT INTO spend_keys (kind, subject, holder, upstream, tool, endpoint, model, decision, code,
  team, project, environment, workflow, budget)
  SELECT DISTINCT kind, subject, holder, upstream, tool, endpoint, model, decision, code, team,
  project, environment, workflow, budget FROM old_events;
INSERT INTO spend SELECT second, id, events, spent FROM old_events JOIN spend_keys USING (kind,
  subject, holder, upstream, tool, endpoint, model, decision, code, team, project, environment,
  workflow, budget);
DROP TABLE old_events;
DROP TABLE events;
)sql";

// A carved child is found by the account that holds its budget, in hex as in its record.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE tokens ADD COLUMN carved_account TEXT;
UPDATE tokens SET carved_account = json_extract(record, '$.carved_account')
  WHERE json_extract(record, '$.carved_account') IS NOT NULL;
CREATE INDEX tokens_by_carve ON tokens (carved_account) WHERE carved_account IS NOT NULL;
)sql";

// Rates by the second. What was not counted yet stands in the first second of its minute, so that
// the windows of an account stay those of one instant.
constexpr const char* kVersion4 = R"sql(
ALTER TABLE accounts ADD COLUMN second INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN second_spent INTEGER NOT NULL DEFAULT 0;
UPDATE accounts SET second = minute * 60;
)sql";

// A window is named by the second at which it ends, whatever the time zone that it was opened in.
constexpr const char* kVersion5 = R"sql(
ALTER TABLE accounts RENAME COLUMN second TO second_end;
ALTER TABLE accounts RENAME COLUMN minute TO minute_end;
ALTER TABLE accounts RENAME COLUMN hour TO hour_end;
ALTER TABLE accounts RENAME COLUMN day TO day_end;
ALTER TABLE accounts RENAME COLUMN month TO month_end;
UPDATE accounts SET
  second_end = second_end + 1, minute_end = (minute_end + 1) * 60, hour_end = (hour_end + 1) * 3600,
  day_end = (day_end + 1) * 86400,
  month_end = CAST(strftime('%s', '1970-01-01', (month_end + 1) || ' months') AS INTEGER);
)sql";

// Calls that wait for a person, and decisions that were not used yet. `arguments` is a hash.
constexpr const char* kVersion6 = R"sql(
CREATE TABLE approvals (
  id BLOB PRIMARY KEY, token BLOB NOT NULL, point BLOB NOT NULL, server TEXT NOT NULL,
  tool TEXT NOT NULL, arguments BLOB NOT NULL, quote INTEGER NOT NULL, subject TEXT NOT NULL,
  holder TEXT NOT NULL, shown TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
  state INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)sql";

// What MCP servers say about their tools, as it was accepted.
constexpr const char* kVersion7 = R"sql(
CREATE TABLE tool_definitions (
  server TEXT NOT NULL, tool TEXT NOT NULL, definition TEXT NOT NULL,
  PRIMARY KEY (server, tool)) STRICT, WITHOUT ROWID;
)sql";

// Why a person decided so: for who asked.
constexpr const char* kVersion8 = R"sql(
ALTER TABLE approvals ADD COLUMN reason TEXT NOT NULL DEFAULT '';
)sql";

// Invoices that were made for buyers; `paid` is when one was found settled.
constexpr const char* kVersion9 = R"sql(
CREATE TABLE invoices (
  payment_hash BLOB PRIMARY KEY, node_id TEXT NOT NULL, bolt11 TEXT NOT NULL,
  amount_msat INTEGER NOT NULL, description TEXT NOT NULL, created INTEGER NOT NULL,
  expires INTEGER NOT NULL, paid INTEGER, received_msat INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX invoices_by_created ON invoices (created);
CREATE INDEX invoices_by_paid ON invoices (paid) WHERE paid IS NOT NULL;
)sql";

// What was bought of upstreams. `shelf` is who may use it for what; `held` and `cost` are
// nano-credits; `ended` is when it was known what became of the payment.
constexpr const char* kVersion10 = R"sql(
CREATE TABLE purchases (
  payment_hash BLOB PRIMARY KEY, shelf TEXT NOT NULL, route TEXT NOT NULL, upstream TEXT NOT NULL,
  buyer TEXT NOT NULL, scheme TEXT NOT NULL, ticket TEXT NOT NULL, amount_msat INTEGER NOT NULL,
  held INTEGER NOT NULL, created INTEGER NOT NULL, state INTEGER NOT NULL, spent INTEGER NOT NULL,
  fee_msat INTEGER NOT NULL, cost INTEGER NOT NULL, preimage BLOB, ended INTEGER,
  reason TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX purchases_by_created ON purchases (created);
CREATE INDEX purchases_by_shelf ON purchases (shelf, created) WHERE spent = 0;
CREATE INDEX purchases_by_state ON purchases (state) WHERE state = 0;
)sql";

// Revenue: spending by route, what partners got of it, and what went back to buyers. `payment` is
// the hash of the invoice that a buyer had paid, `target` that of the buyer's own. A paid token is
// found by the hash of its payment, in hex as in its record.
constexpr const char* kVersion11 = R"sql(
CREATE TABLE new_keys (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, holder TEXT NOT NULL,
  upstream TEXT NOT NULL, tool TEXT NOT NULL, endpoint TEXT NOT NULL, model TEXT NOT NULL,
  decision TEXT NOT NULL, code TEXT NOT NULL, team TEXT NOT NULL, project TEXT NOT NULL,
  environment TEXT NOT NULL, workflow TEXT NOT NULL, budget TEXT NOT NULL, route TEXT NOT NULL,
  UNIQUE (subject, kind, holder, upstream, tool, endpoint, model, decision, code, team, project,
          environment, workflow, budget, route)) STRICT;
INSERT INTO new_keys SELECT id, kind, subject, holder, upstream, tool, endpoint, model, decision,
  code, team, project, environment, workflow, budget, '' FROM spend_keys;
DROP TABLE spend_keys;
ALTER TABLE new_keys RENAME TO spend_keys;
CREATE TABLE spend_shares (
  second INTEGER NOT NULL, key INTEGER NOT NULL, partner TEXT NOT NULL, calls INTEGER NOT NULL,
  amount INTEGER NOT NULL, PRIMARY KEY (second, key, partner)) STRICT, WITHOUT ROWID;
CREATE TABLE refunds (
  id INTEGER PRIMARY KEY, payment BLOB NOT NULL, target BLOB NOT NULL, bolt11 TEXT NOT NULL,
  amount_msat INTEGER NOT NULL, left_msat INTEGER NOT NULL, state INTEGER NOT NULL,
  fee_msat INTEGER NOT NULL, reason TEXT NOT NULL, created INTEGER NOT NULL,
  ended INTEGER) STRICT;
CREATE UNIQUE INDEX refunds_once ON refunds (payment) WHERE state <> 2;
CREATE UNIQUE INDEX refunds_by_target ON refunds (target) WHERE state <> 2;
CREATE INDEX refunds_by_payment ON refunds (payment, id);
ALTER TABLE tokens ADD COLUMN sale_payment TEXT;
UPDATE tokens SET sale_payment = json_extract(record, '$.sale.payment_hash')
  WHERE json_extract(record, '$.sale.payment_hash') IS NOT NULL;
CREATE INDEX tokens_by_sale ON tokens (sale_payment) WHERE sale_payment IS NOT NULL;
CREATE INDEX refunds_by_ended ON refunds (ended) WHERE state = 1;
)sql";

// migrations[i] brings version i to version i + 1.
constexpr std::array kMigrations = {kVersion1, kVersion2,  kVersion3, kVersion4,
                                    kVersion5, kVersion6,  kVersion7, kVersion8,
                                    kVersion9, kVersion10, kVersion11};

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
