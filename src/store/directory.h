// The directory of minted tokens, named budgets and revoked lineage points, kept in SQLite. Budgets
// and revoked points are all in memory; of tokens, those that were asked for lately. Every change
// is committed before it is seen. Thread-safe; a read takes a shared lock for a hash look-up, or
// one row from the database.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "contract/records.h"

namespace satgate::store {

// A point of a lineage that was seen for the first time on a verified call.
struct SeenPoint {
  AccountId point;
  AccountId parent;
  TokenId token;
  std::string holder;  // the last holder caveat down to this point, or empty
  std::string caveat;  // the caveat that made the point
  Time first_seen;
};

// What became of a point that was to be noted. Anyone with a token can add caveats, so points are
// fed from outside, and each may bring an account: who is not noted must not spend.
enum class Noted : uint8_t {
  first,   // new, and queued for the keeper
  before,  // known already
  full,    // its token has as many points as it may have
};

// Null: there is none. An error: it can not be read, and nobody knows whether it is there or what
// it may do. Then nothing is spent, and nothing is given back either.
using FoundToken = Result<std::shared_ptr<const TokenRecord>>;

class Directory {
 public:
  virtual ~Directory() = default;

  virtual FoundToken token(const TokenId& id) const = 0;
  virtual FoundToken token_by_name(std::string_view name) const = 0;
  // The carved child whose budget lies in this account.
  virtual FoundToken token_of_carve(const AccountId& account) const = 0;
  // All tokens by name. Nobody waits for it: tokens that come meanwhile may be missed.
  virtual Result<void> each_token(const std::function<void(const TokenRecord&)>& use) const = 0;
  virtual size_t token_count() const = 0;
  virtual std::shared_ptr<const BudgetRecord> budget(std::string_view name) const = 0;
  virtual std::vector<std::shared_ptr<const BudgetRecord>> budgets() const = 0;
  // Whether the token or any of these points (root first) was revoked.
  virtual bool is_revoked(const AccountId& point) const = 0;
  // Whether any point was ever revoked: if not, nobody need ask.
  virtual bool has_revocations() const = 0;

  // Fails when the name is taken; the message says by what.
  virtual Result<void> add_token(TokenRecord record) = 0;
  virtual Result<void> update_token(TokenRecord record) = 0;  // by id
  // Creates or replaces by name, all of them or none. Refuses an unknown parent and a cycle, once
  // all are in place: their order does not matter.
  virtual Result<void> put_budgets(std::vector<BudgetRecord> records) = 0;
  virtual Result<void> revoke_point(const AccountId& point) = 0;

  // Cheap when the point is known already; else queued for the keeper, never blocking a call.
  // `points_max`: of its token.
  virtual Noted note_point(const SeenPoint& point, size_t points_max) = 0;
  // A look-up, for who would rather not put a SeenPoint together: note_point() says `before`.
  virtual bool knows_point(const AccountId& point) const = 0;
  virtual std::vector<SeenPoint> points_of(const TokenId& token) const = 0;
};

}  // namespace satgate::store
