// Directory over SQLite. Writes go through the shared connection on the caller's thread, commit,
// and only then change what readers see.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ledger/account_table.h"
#include "store/directory.h"
#include "store/shared_database.h"

namespace satgate::store {

class SqliteDirectory final : public Directory {
 public:
  static Result<std::unique_ptr<SqliteDirectory>> open(SharedDatabase& shared);

  std::shared_ptr<const TokenRecord> token(const TokenId& id) const override;
  std::shared_ptr<const TokenRecord> token_by_name(std::string_view name) const override;
  std::vector<std::shared_ptr<const TokenRecord>> tokens() const override;
  std::shared_ptr<const BudgetRecord> budget(std::string_view name) const override;
  std::vector<std::shared_ptr<const BudgetRecord>> budgets() const override;
  bool is_revoked(const AccountId& point) const override;
  bool has_revocations() const override { return has_revocations_.load(std::memory_order_acquire); }
  Result<void> add_token(TokenRecord record) override;
  Result<void> update_token(TokenRecord record) override;
  Result<void> put_budget(BudgetRecord record) override;
  Result<void> revoke_point(const AccountId& point) override;
  bool knows_point(const AccountId& point) const override;
  bool note_point(const SeenPoint& point) override;
  std::vector<SeenPoint> points_of(const TokenId& token) const override;

  // Commits the points noted so far. For the keeper thread.
  Result<void> write_points();

 private:
  explicit SqliteDirectory(SharedDatabase& shared) : shared_(shared) {}
  Result<void> load();
  Result<void> store(const TokenRecord& record, std::string_view sql);
  void publish(TokenRecord record);
  void publish(BudgetRecord record);
  Result<void> check_parents(const BudgetRecord& record) const;

  SharedDatabase& shared_;
  // Writers take turns from their checks to the moment when readers see the change.
  std::mutex writer_;
  mutable std::shared_mutex mutex_;  // the maps
  std::unordered_map<TokenId, std::shared_ptr<const TokenRecord>> tokens_;
  std::map<std::string, TokenId, std::less<>> names_;
  std::map<std::string, std::shared_ptr<const BudgetRecord>, std::less<>> budgets_;
  std::unordered_set<AccountId, ledger::SeededHash> revoked_;
  std::atomic<bool> has_revocations_ = false;  // set with the first one
  mutable std::shared_mutex points_mutex_;
  // Lineage points can be ground offline, so their hash is seeded.
  std::unordered_set<AccountId, ledger::SeededHash> known_points_;
  std::deque<SeenPoint> noted_;  // not in SQLite yet
};

}  // namespace satgate::store
