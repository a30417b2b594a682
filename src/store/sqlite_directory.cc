#include "store/sqlite_directory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/limits.h"
#include "base/text.h"
#include "store/record_json.h"

namespace satgate::store {
namespace {

using sqlite::Statement;

template <class Id>
Id id_of(std::string_view bytes) {
  Id id;
  if (bytes.size() == id.bytes.size()) std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return id;
}

SeenPoint read_point(const Statement& row) {
  return {id_of<AccountId>(row.text(0)), id_of<AccountId>(row.text(1)), id_of<TokenId>(row.text(2)),
          std::string(row.text(3)),      std::string(row.text(4)),      Time{row.integer(5)}};
}

}  // namespace

Result<std::unique_ptr<SqliteDirectory>> SqliteDirectory::open(SharedDatabase& shared,
                                                               sqlite::Database reader,
                                                               size_t tokens_cached) {
  TRY_ASSIGN(std::unique_ptr<TokenReader> tokens, TokenReader::open(std::move(reader)));
  std::unique_ptr<SqliteDirectory> directory(
      new SqliteDirectory(shared, std::move(tokens), tokens_cached));
  TRY_ASSIGN(directory->token_count_, directory->reader_->count());
  TRY(directory->load());
  return directory;
}

Result<void> SqliteDirectory::load() {
  const std::lock_guard lock(shared_.mutex);
  sqlite::Database& database = shared_.database;
  const auto each = [&database](std::string_view sql, const auto& use) -> Result<void> {
    TRY_ASSIGN(Statement rows, database.prepare(sql));
    while (true) {
      TRY_ASSIGN(const bool row, rows.step());
      if (!row) return {};
      TRY(use(rows));
    }
  };
  TRY(each("SELECT record FROM budgets", [this](const Statement& row) -> Result<void> {
    TRY_ASSIGN(BudgetRecord record, budget_from_json(row.text(0)));
    publish(std::move(record));
    return {};
  }));
  TRY(each("SELECT point FROM revoked_points", [this](const Statement& row) -> Result<void> {
    revoked_.insert(id_of<AccountId>(row.text(0)));
    has_revocations_ = true;
    return {};
  }));
  return each("SELECT point, token FROM seen_points", [this](const Statement& row) -> Result<void> {
    if (known_points_.insert(id_of<AccountId>(row.text(0))).second) {
      ++points_of_token_[id_of<TokenId>(row.text(1))];
    }
    return {};
  });
}

template <class Key>
FoundToken SqliteDirectory::cached_or_read(const Key& key) const {
  uint64_t changes_before = 0;
  {
    const std::shared_lock lock(mutex_);
    if (auto cached = tokens_.find(key)) return cached;
    changes_before = changes_;
  }
  FoundToken record = reader_->find(key);
  if (!record || *record == nullptr) return record;
  const std::unique_lock lock(mutex_);
  // It may be older than what a writer has published since: good for this call, not for later ones.
  if (changes_ == changes_before) tokens_.put(*record);
  return record;
}
template FoundToken SqliteDirectory::cached_or_read(const TokenId& key) const;
template FoundToken SqliteDirectory::cached_or_read(const std::string_view& key) const;

std::shared_ptr<const BudgetRecord> SqliteDirectory::budget(std::string_view name) const {
  const std::shared_lock lock(mutex_);
  const auto it = budgets_.find(name);
  return it == budgets_.end() ? nullptr : it->second;
}

std::vector<std::shared_ptr<const BudgetRecord>> SqliteDirectory::budgets() const {
  const std::shared_lock lock(mutex_);
  std::vector<std::shared_ptr<const BudgetRecord>> all;
  for (const auto& [name, record] : budgets_)
    all.push_back(record);
  return all;
}

bool SqliteDirectory::is_revoked(const AccountId& point) const {
  const std::shared_lock lock(mutex_);
  return revoked_.contains(point);
}

Result<void> SqliteDirectory::store(const TokenRecord& record, std::string_view sql) {
  const std::lock_guard lock(shared_.mutex);
  const std::string json = to_json(record);
  TRY_ASSIGN(Statement statement, shared_.database.prepare(sql));
  statement.bind_blob(1, record.id.view()).bind(2, record.name).bind(3, json);
  const std::string carve = record.carved_account ? to_string(*record.carved_account) : "";
  record.carved_account ? statement.bind(4, carve) : statement.bind_null(4);
  const std::string paid = record.sale ? to_hex(as_bytes_view(record.sale->payment_hash)) : "";
  record.sale ? statement.bind(5, paid) : statement.bind_null(5);
  return statement.run();
}

void SqliteDirectory::publish(TokenRecord record) {
  record.account = token_account(record.id);
  auto shared = std::make_shared<const TokenRecord>(std::move(record));
  const std::unique_lock lock(mutex_);
  ++changes_;
  tokens_.put(std::move(shared));
}

Result<void> SqliteDirectory::add_token(TokenRecord record) {
  const std::lock_guard turn(writer_);
  TRY_ASSIGN(const auto taken, token_by_name(record.name));
  if (taken) {
    return fail(
        fmt::format("the name '{}' is taken by token {}", record.name, to_string(taken->id)));
  }
  TRY_ASSIGN(const auto same, token(record.id));
  if (same) return fail(fmt::format("token {} exists", to_string(record.id)));
  TRY(store(record,
            "INSERT INTO tokens (id, name, record, carved_account, sale_payment) VALUES (?, ?, ?, "
            "?, ?)"));
  ++token_count_;
  publish(std::move(record));
  return {};
}

Result<void> SqliteDirectory::update_token(TokenRecord record) {
  const std::lock_guard turn(writer_);
  TRY_ASSIGN(const auto known, token(record.id));
  if (!known) return fail(fmt::format("there is no token {}", to_string(record.id)));
  TRY_ASSIGN(const auto taken, token_by_name(record.name));
  if (taken && taken->id != record.id) {
    return fail(
        fmt::format("the name '{}' is taken by token {}", record.name, to_string(taken->id)));
  }
  TRY(store(record,
            "UPDATE tokens SET name = ?2, record = ?3, carved_account = ?4, sale_payment = ?5 "
            "WHERE id = ?1"));
  publish(std::move(record));
  return {};
}

Result<void> SqliteDirectory::check_parents(const BudgetRecord& record,
                                            const std::vector<BudgetRecord>& incoming) const {
  const auto parent_of = [&](std::string_view name) -> std::optional<std::string> {
    const auto own = std::ranges::find(incoming, name, &BudgetRecord::name);
    if (own != incoming.end()) return own->parent;
    const auto known = budget(name);
    return known ? std::optional(known->parent) : std::nullopt;
  };
  std::string above = record.parent;
  for (size_t depth = 0; !above.empty(); ++depth) {
    if (above == record.name || depth == limits::path_accounts_max) {
      return fail(
          fmt::format("budget '{}' would be its own ancestor through '{}', or lie deeper "
                      "than {} levels",
                      record.name, record.parent, limits::path_accounts_max));
    }
    std::optional<std::string> next = parent_of(above);
    if (!next) {
      return fail(
          fmt::format("budget '{}': there is no budget '{}' to be its parent", record.name, above));
    }
    above = std::move(*next);
  }
  return {};
}

Result<void> SqliteDirectory::put_budgets(std::vector<BudgetRecord> records) {
  const std::lock_guard turn(writer_);
  for (const BudgetRecord& record : records) {
    if (record.name.empty()) return fail("a budget needs a name");
    TRY(check_parents(record, records));
  }
  TRY(store(records));
  for (BudgetRecord& record : records)
    publish(std::move(record));
  return {};
}

Result<void> SqliteDirectory::store(const std::vector<BudgetRecord>& records) {
  const std::lock_guard lock(shared_.mutex);
  TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(shared_.database));
  TRY_ASSIGN(Statement statement,
             shared_.database.prepare("REPLACE INTO budgets (name, record) VALUES (?, ?)"));
  for (const BudgetRecord& record : records) {
    TRY(statement.bind(1, record.name).bind(2, to_json(record)).run());
  }
  return transaction.commit();
}

void SqliteDirectory::publish(BudgetRecord record) {
  record.account = budget_account(record.name);
  auto shared = std::make_shared<const BudgetRecord>(std::move(record));
  const std::unique_lock lock(mutex_);
  budgets_[shared->name] = std::move(shared);
}

Result<void> SqliteDirectory::revoke_point(const AccountId& point) {
  const std::lock_guard turn(writer_);
  {
    const std::lock_guard lock(shared_.mutex);
    TRY_ASSIGN(Statement statement,
               shared_.database.prepare("INSERT OR IGNORE INTO revoked_points VALUES (?)"));
    TRY(statement.bind_blob(1, point.view()).run());
  }
  const std::unique_lock lock(mutex_);
  revoked_.insert(point);
  has_revocations_ = true;
  return {};
}

bool SqliteDirectory::knows_point(const AccountId& point) const {
  const std::shared_lock lock(points_mutex_);
  return known_points_.contains(point);
}

Noted SqliteDirectory::note_point(const SeenPoint& point, size_t points_max) {
  if (knows_point(point.point)) return Noted::before;
  const std::unique_lock lock(points_mutex_);
  if (known_points_.contains(point.point)) return Noted::before;
  size_t& of_token = points_of_token_[point.token];
  if (of_token >= points_max) return Noted::full;
  known_points_.insert(point.point);
  noted_.push_back(point);
  ++of_token;
  return Noted::first;
}

Result<void> SqliteDirectory::write_points() {
  std::vector<SeenPoint> points;
  {
    const std::shared_lock lock(points_mutex_);
    points.assign(noted_.begin(), noted_.end());
  }
  if (points.empty()) return {};
  {
    const std::lock_guard lock(shared_.mutex);
    TRY_ASSIGN(auto transaction, sqlite::Transaction::begin(shared_.database));
    TRY_ASSIGN(
        Statement insert,
        shared_.database.prepare("INSERT OR IGNORE INTO seen_points VALUES (?, ?, ?, ?, ?, ?)"));
    for (const SeenPoint& point : points) {
      insert.bind_blob(1, point.point.view()).bind_blob(2, point.parent.view());
      insert.bind_blob(3, point.token.view()).bind(4, point.holder).bind(5, point.caveat);
      TRY(insert.bind(6, point.first_seen.unix_ns).run());
    }
    TRY(transaction.commit());
  }
  const std::unique_lock lock(points_mutex_);
  noted_.erase(noted_.begin(), noted_.begin() + static_cast<ptrdiff_t>(points.size()));
  return {};
}

std::vector<SeenPoint> SqliteDirectory::points_of(const TokenId& token) const {
  std::vector<SeenPoint> points;
  const auto read = [&]() -> Result<void> {
    const std::lock_guard lock(shared_.mutex);
    TRY_ASSIGN(Statement rows,
               shared_.database.prepare("SELECT point, parent, token, holder, caveat, first_seen "
                                        "FROM seen_points WHERE token = ? ORDER BY first_seen"));
    rows.bind_blob(1, token.view());
    while (true) {
      TRY_ASSIGN(const bool row, rows.step());
      if (!row) return {};
      points.push_back(read_point(rows));
    }
  };
  // A list for people: what can not be read now is left out.
  static_cast<void>(read());
  const std::shared_lock lock(points_mutex_);
  // Some of them may have been written since.
  std::unordered_set<AccountId, ledger::SeededHash> listed;
  for (const SeenPoint& point : points)
    listed.insert(point.point);
  for (const SeenPoint& point : noted_) {
    if (point.token == token && !listed.contains(point.point)) points.push_back(point);
  }
  return points;
}

}  // namespace satgate::store
