#include "contract/records.h"

#include <algorithm>

namespace satgate {

bool LimitChange::any() const {
  return limits.any() || std::ranges::find(lifted, true) != lifted.end();
}

SpendLimits LimitChange::applied_to(SpendLimits before) const {
  for (const Window w : kAllWindows) {
    if (lifted[static_cast<size_t>(w)]) before[w] = Money::max();
    if (limits.limits(w)) before[w] = limits[w];
  }
  return before;
}

SpendLimits effective_limits(const TokenRecord& record, Time now) {
  if (!record.override_limits || now >= record.override_limits->until) return record.limits;
  return record.override_limits->change.applied_to(record.limits);
}

AccountId token_account(const TokenId& token) {
  return account_id("token", token.view());
}

AccountId budget_account(std::string_view name) {
  return account_id("budget", name);
}

}  // namespace satgate
