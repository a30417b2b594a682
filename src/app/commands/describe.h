// Records of the admin API in words: tokens, budgets, events.
#pragma once

#include <string>
#include <string_view>

#include "app/commands/context.h"
#include "app/commands/table.h"

namespace satgate::app {

std::string number_at(const Json& object, std::string_view key);  // "-" when missing
// Millisatoshis as satoshis: "10", "0.5"; "-" when missing.
std::string sats_at(const Json& object, std::string_view key);
// A text of an agent or a server: what could turn the terminal around is replaced.
std::string printable_at(const Json& object, std::string_view key);

// The rows, or what is said when there is none.
void print_rows(const Context& context, const Table& table, std::string_view nothing);

// What was used of each limit: "3/25 a day, 40/500 in total".
std::string used_text(const Json& record);

// "active", "revoked", "expired" or "blocked".
std::string token_state(const Json& token, Time now);

Facts token_facts(const Json& token, Time now);
Facts budget_facts(const Json& budget);

// One event on one line: time, who, decision, cost, what, why.
std::string event_line(const Json& event, bool colour);

}  // namespace satgate::app
