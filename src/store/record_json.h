// Token and budget records as the JSON documents that SQLite keeps.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "contract/records.h"

namespace satgate::store {

std::string to_json(const TokenRecord& record);
std::string to_json(const BudgetRecord& record);
Result<TokenRecord> token_from_json(std::string_view text);
Result<BudgetRecord> budget_from_json(std::string_view text);

}  // namespace satgate::store
