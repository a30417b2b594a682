// Approvals in SQLite. The caller holds the lock of the connection.
#pragma once

#include <vector>

#include "contract/approval.h"
#include "store/sqlite/database.h"

namespace satgate::store {

Result<std::vector<Approval>> load_approvals(sqlite::Database& database);
Result<void> put_approval(sqlite::Database& database, const Approval& approval);
Result<void> delete_approval(sqlite::Database& database, const ApprovalId& id);

}  // namespace satgate::store
