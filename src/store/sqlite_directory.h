// Directory over SQLite. Writes go through the shared connection on the caller's thread, commit,
// and only then change what readers see. Reads of tokens that are not in the cache have a
// connection of their own, so that they never wait for a commit.
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
#include "store/token_cache.h"
#include "store/token_reader.h"

namespace satgate::store {

class SqliteDirectory final : public Directory {
 public:
  // What the cache holds, at about 700 bytes a token.
  static constexpr size_t kTokensCached = 100'000;

  // Both connections are to the same database.
  static Result<std::unique_ptr<SqliteDirectory>> open(SharedDatabase& shared,
                                                       sqlite::Database reader,
                                                       size_t tokens_cached = kTokensCached);

  FoundToken token(const TokenId& id) const override { return cached_or_read(id); }
  FoundToken token_by_name(std::string_view name) const override { return cached_or_read(name); }
  FoundToken token_of_carve(const AccountId& account) const override {
    return reader_->find_carve(account);
  }
  Result<void> each_token(const std::function<void(const TokenRecord&)>& use) const override {
    return reader_->each(use);
  }
  size_t token_count() const override { return token_count_.load(std::memory_order_relaxed); }
  std::shared_ptr<const BudgetRecord> budget(std::string_view name) const override;
  std::vector<std::shared_ptr<const BudgetRecord>> budgets() const override;
  bool is_revoked(const AccountId& point) const override;
  bool has_revocations() const override { return has_revocations_.load(std::memory_order_acquire); }
  Result<void> add_token(TokenRecord record) override;
  Result<void> update_token(TokenRecord record) override;
  Result<void> put_budgets(std::vector<BudgetRecord> records) override;
  Result<void> revoke_point(const AccountId& point) override;
  bool knows_point(const AccountId& point) const override;
  Noted note_point(const SeenPoint& point, size_t points_max) override;
  std::vector<SeenPoint> points_of(const TokenId& token) const override;

  // Commits the points noted so far. For the keeper thread.
  Result<void> write_points();

 private:
  SqliteDirectory(SharedDatabase& shared, std::unique_ptr<TokenReader> reader, size_t tokens_cached)
      : shared_(shared), reader_(std::move(reader)), tokens_(tokens_cached) {}
  Result<void> load();
  template <class Key>
  FoundToken cached_or_read(const Key& key) const;
  Result<void> store(const TokenRecord& record, std::string_view sql);
  Result<void> store(const std::vector<BudgetRecord>& records);
  void publish(TokenRecord record);
  void publish(BudgetRecord record);
  Result<void> check_parents(const BudgetRecord& record,
                             const std::vector<BudgetRecord>& incoming) const;

  SharedDatabase& shared_;
  // Writers take turns from their checks to the moment when readers see the change.
  std::mutex writer_;
  const std::unique_ptr<TokenReader> reader_;
  std::atomic<size_t> token_count_ = 0;

  mutable std::shared_mutex mutex_;  // the maps
  mutable TokenCache tokens_;
  uint64_t changes_ = 0;  // of tokens: what was read before the last one is not cached
  std::map<std::string, std::shared_ptr<const BudgetRecord>, std::less<>> budgets_;
  std::unordered_set<AccountId, ledger::SeededHash> revoked_;
  std::atomic<bool> has_revocations_ = false;  // set with the first one
  mutable std::shared_mutex points_mutex_;
  // Lineage points can be ground offline, so their hash is seeded.
  std::unordered_set<AccountId, ledger::SeededHash> known_points_;
  std::unordered_map<TokenId, size_t> points_of_token_;  // of the known ones
  std::deque<SeenPoint> noted_;                          // not in SQLite yet
};

}  // namespace satgate::store
