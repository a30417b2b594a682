// The caveat grammar: one line `key = value` that narrows a token. Spaces around `=` and around the
// items of a list are free. A caveat is valid UTF-8 without control characters. Everything unknown
// is an error, so that no caveat is ever carried and not enforced.
//
//   expires = 2026-04-01T00:00:00Z | 2026-06-30 | 1893456000     an instant, never a duration
//   budget_max | budget_hourly | budget_daily | budget_monthly = 50.00
//   call_max = 5.00                         most one call may cost
//   rate_limit = 10/min                     whole calls above zero per s(econd), m(in(ute)), h(our)
//                                           or d(ay)
//   endpoints = /read/*, /search?source=arxiv
//   methods = GET, POST                     upper case
//   tools | tools_deny | models = a, b.*    `*` matches any run of characters
//   audience = a, b                         any one of them
//   upstream = NAME
//   max_depth = N                           delegation levels that may follow (see verifier.h)
//   preimage = 64 hex digits               of a paid token alone: the proof of its payment
//   holder = NAME | label.KEY = VALUE       for people and reports; at most 128 bytes, no comma
//
// An endpoint is a path pattern that begins with `/` (or is `*` alone) and may end in one query
// constraint `?name=value[&name=value...]`. Patterns are plain: no `%`, `//`, `.` or `..` segment.
// How requests are matched against them: endpoint.h.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/money.h"
#include "base/result.h"
#include "contract/verified_token.h"

namespace satgate::token {

std::string_view to_string(CaveatKey key);  // "budget_max"; "label" for label.KEY

// Errors name the key or the value, and what would be right.
Result<Caveat> parse_caveat(std::string_view text, const Currency& currency = {});

// The text of a caveat from its fields. Only what reads back to the same fields is printed, so
// values with commas, line breaks and the like are errors. Amounts are printed in credits.
Result<std::string> money_caveat(CaveatKey key, Money amount);  // budget_*, call_max
Result<std::string> list_caveat(CaveatKey key, std::span<const std::string> items);
Result<std::string> name_caveat(CaveatKey key, std::string_view value);  // holder, upstream
Result<std::string> label_caveat(std::string_view name, std::string_view value);
Result<std::string> expires_caveat(Time time);  // whole seconds, rounded down: never later
Result<std::string> rate_caveat(uint32_t calls, Window window);  // second to day
Result<std::string> depth_caveat(uint32_t levels);

// For people: "spends at most 50 credits in total".
std::string describe(const Caveat& caveat);

}  // namespace satgate::token
