// Records of the admin API in words: tokens, budgets, events.
#pragma once

#include <string>
#include <string_view>

#include "app/commands/context.h"
#include "app/commands/table.h"

namespace satgate::app {

std::string number_at(const Json& object, std::string_view key);  // "-" when missing

// What was used of each limit: "3/25 a day, 40/500 in total".
std::string used_text(const Json& record);

// "active", "revoked", "expired" or "blocked".
std::string token_state(const Json& token, Time now);

Facts token_facts(const Json& token, Time now);
Facts budget_facts(const Json& budget);

// One event on one line: time, who, decision, cost, what, why.
std::string event_line(const Json& event, bool colour);

}  // namespace satgate::app
