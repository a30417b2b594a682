// The path of a call: every account it spends from, root first. A reservation is held on all of
// them or on none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/fixed_vector.h"
#include "base/ids.h"
#include "base/limits.h"
#include "contract/spend_limits.h"

namespace satgate {

enum class AccountKind : uint8_t {
  token,    // a minted root token
  lineage,  // a budget caveat in a token, named by the signature after it
  policy,   // policies.NAME.totalDailyCredits
  tool,     // mcpServers.NAME.policy.dailyLimit and the like
  budget,   // a named envelope: team, department
  rate,     // counts calls, not money
  paid,     // what a buyer has paid for: a crash of ours is not the buyer's loss
};
inline constexpr AccountKind kLastAccountKind = AccountKind::paid;

std::string_view to_string(AccountKind kind);

struct PathEntry {
  AccountId account;
  AccountKind kind = AccountKind::token;
  SpendLimits limits;      // of a rate account: calls, one call = Money::credits(1)
  std::string_view label;  // for people: "token cursor-dev"; outlives the call
};

// Inline, so a call allocates nothing. Token and budget depth are bounded by
// limits::path_accounts_max.
class Path {
 public:
  // False when the path is full; the call must then be refused (depth_exceeded).
  [[nodiscard]] bool add(const PathEntry& entry) {
    if (entries_.full()) return false;
    entries_.push_back(entry);
    return true;
  }
  void limit(size_t entry, const SpendLimits& limits) { entries_[entry].limits = limits; }
  std::span<const PathEntry> entries() const { return entries_.view(); }
  size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  FixedVector<PathEntry, limits::path_accounts_max> entries_;
};

}  // namespace satgate
