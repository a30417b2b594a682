#include "contract/records.h"

namespace satgate {

SpendLimits effective_limits(const TokenRecord& record, Time now) {
  SpendLimits limits = record.limits;
  if (record.override_limits && now < record.override_limits->until) {
    for (const Window w : kAllWindows) {
      if (record.override_limits->limits.limits(w)) limits[w] = record.override_limits->limits[w];
    }
  }
  return limits;
}

AccountId token_account(const TokenId& token) {
  return account_id("token", token.view());
}

AccountId budget_account(std::string_view name) {
  return account_id("budget", name);
}

}  // namespace satgate
