// The accounts that a token's authority opens: the token's own and its lineage's, root first, and
// the named budgets above it. What the config adds for a call comes from tariff::Tariff.
#pragma once

#include <memory>

#include "base/fixed_vector.h"
#include "base/limits.h"
#include "contract/path.h"
#include "contract/records.h"
#include "contract/verified_token.h"
#include "store/directory.h"

namespace satgate::flow {

// False: the path is full. Labels live as long as `record` and the token's chain.
[[nodiscard]] bool add_token_accounts(Path& path, const VerifiedToken& token,
                                      const TokenRecord& record, Time now);

// The budgets on the way up, kept alive.
using BudgetLine = FixedVector<std::shared_ptr<const BudgetRecord>, limits::path_accounts_max>;

// False: the path is full, or a budget on the way up is not declared (any more), so that its cap is
// unknown. `keep` holds the records that the path's labels point into.
[[nodiscard]] bool add_budget_accounts(Path& path, const TokenRecord& record,
                                       const store::Directory& directory, BudgetLine& keep);

}  // namespace satgate::flow
