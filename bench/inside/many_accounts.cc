#include "inside/many_accounts.h"

#include <fmt/format.h>

#include <cstring>

#include "contract/records.h"
#include "store/bank.h"
#include "store/directory.h"
#include "store/record_json.h"
#include "store/sqlite/database.h"

namespace satgate::bench {
namespace {

using store::sqlite::Database;
using store::sqlite::Statement;
using store::sqlite::Transaction;

Result<void> make_empty(const std::filesystem::path& data_dir, const Clock& clock) {
  TRY_ASSIGN(const auto bank, store::Bank::open({.data_dir = data_dir}, clock));
  BudgetRecord budget;
  budget.name = "research";
  budget.limits[Window::month] = Money::credits(1'000'000'000);
  return bank->directory().put_budgets({budget});
}

std::string nth_name(uint64_t number) {
  return fmt::format("agent-{:07}", number);
}

TokenRecord first_record(Time now) {
  TokenRecord record;
  record.id = nth_token(0);
  record.name = nth_name(0);
  record.key_id = "3f9a01c2d4e6";
  record.created = now;
  record.limits[Window::lifetime] = Money::credits(1'000'000);
  record.budget = "research";
  record.caveats = {"expires = 2099-01-01", "endpoints = /api/*"};
  return record;
}

}  // namespace

TokenId nth_token(uint64_t number) {
  const AccountId hash = account_id("bench-token", std::to_string(number));
  TokenId id;
  static_assert(sizeof id.bytes == sizeof hash.bytes);
  std::memcpy(id.bytes.data(), hash.bytes.data(), sizeof id.bytes);
  return id;
}

Result<void> write_many_accounts(const std::filesystem::path& data_dir, uint64_t count,
                                 const Clock& clock) {
  TRY(make_empty(data_dir, clock));
  TRY_ASSIGN(Database database, Database::open(data_dir / "satgate.db"));
  // Nobody needs what a crash would leave of it.
  TRY(database.execute(
      "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-1000000"));
  TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  TRY_ASSIGN(Statement token,
             database.prepare("INSERT INTO tokens (id, name, record) VALUES (?, ?, ?)"));
  TRY_ASSIGN(Statement account,
             database.prepare("INSERT INTO accounts (account, kind, spent, minute_end, "
                              "minute_spent, hour_end, hour_spent, day_end, day_spent, month_end, "
                              "month_spent, blocked) VALUES (?, 0, 1000000, 0, 0, 0, 0, 0, 0, 0, "
                              "0, 0)"));
  TokenRecord record = first_record(clock.now());
  std::string json = store::to_json(record);
  const size_t id_at = json.find(to_string(record.id));
  const size_t name_at = json.find(record.name);
  for (uint64_t i = 0; i < count; ++i) {
    // All records differ in these two alone.
    record.id = nth_token(i);
    record.name = nth_name(i);
    json.replace(id_at, to_string(record.id).size(), to_string(record.id));
    json.replace(name_at, record.name.size(), record.name);
    TRY(token.bind_blob(1, record.id.view()).bind(2, record.name).bind(3, json).run());
    const AccountId spends = token_account(record.id);
    TRY(account.bind_blob(1, spends.view()).run());
  }
  return transaction.commit();
}

}  // namespace satgate::bench
