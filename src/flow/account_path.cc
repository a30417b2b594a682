#include "flow/account_path.h"

namespace satgate::flow {

bool add_token_accounts(Path& path, const VerifiedToken& token, const TokenRecord& record,
                        Time now) {
  const PathEntry root{token_account(record.id), AccountKind::token, effective_limits(record, now),
                       record.name};
  if (!path.add(root)) return false;
  for (const LineageAccount& account : token.chain().accounts) {
    const AccountKind kind = account.is_rate ? AccountKind::rate : AccountKind::lineage;
    if (!path.add({account.account, kind, account.limits, account.label})) return false;
  }
  return true;
}

bool add_budget_accounts(Path& path, const TokenRecord& record, const store::Directory& directory,
                         std::vector<std::shared_ptr<const BudgetRecord>>& keep) {
  std::string_view name = record.budget;
  while (!name.empty()) {
    auto budget = directory.budget(name);
    if (!budget) return false;
    keep.push_back(std::move(budget));
    const BudgetRecord& up = *keep.back();
    if (!path.add({budget_account(up.name), AccountKind::budget, up.limits, up.name})) return false;
    name = up.parent;
  }
  return true;
}

}  // namespace satgate::flow
