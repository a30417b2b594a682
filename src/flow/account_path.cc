#include "flow/account_path.h"

namespace satgate::flow {

bool add_token_accounts(Path& path, const VerifiedToken& token, const TokenRecord& record,
                        Time now) {
  const AccountKind root_kind = record.sale ? AccountKind::paid : AccountKind::token;
  const PathEntry root{record.account, root_kind, effective_limits(record, now), record.name};
  if (!path.add(root)) return false;
  for (const LineageAccount& account : token.chain().accounts) {
    const AccountKind kind = account.is_rate ? AccountKind::rate : AccountKind::lineage;
    if (!path.add({account.account, kind, account.limits, account.label})) return false;
  }
  return true;
}

bool add_budget_accounts(Path& path, const TokenRecord& record, const store::Directory& directory,
                         BudgetLine& keep) {
  std::string_view name = record.budget;
  while (!name.empty()) {
    auto budget = directory.budget(name);
    if (!budget || keep.full()) return false;
    const BudgetRecord& up = *keep.push_back(std::move(budget));
    if (!path.add({up.account, AccountKind::budget, up.limits, up.name})) return false;
    name = up.parent;
  }
  return true;
}

}  // namespace satgate::flow
