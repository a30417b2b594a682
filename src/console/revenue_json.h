// A report of revenue, as the admin API and `satgate report revenue --json` say it.
#pragma once

#include "console/api.h"
#include "report/revenue.h"

namespace satgate::console {

// Amounts in credits are numbers; satoshis are whole millisatoshis, `..._msat`.
Json revenue_json(const report::RevenueReport& report);

}  // namespace satgate::console
