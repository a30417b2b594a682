// Flags that several commands share, checked while the command line is read, and what they become
// in the requests of the admin API.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/commands/context.h"
#include "base/money.h"
#include "console/narrowing.h"

namespace satgate::app {

// An empty value is an error, everywhere: `--daily-limit "$UNSET"` must not mint a token without a
// limit. So in what follows an empty string always means "not given".
CLI::Option* add_text(CLI::App& command, const std::string& names, std::string& value,
                      const std::string& about);
CLI::Option* add_amount(CLI::App& command, const std::string& names, std::string& value,
                        const std::string& about);
// Repeated, or separated by commas.
CLI::Option* add_list(CLI::App& command, const std::string& names, std::vector<std::string>& values,
                      const std::string& about);
CLI::Option* add_labels(CLI::App& command, std::vector<std::string>& labels);
// A duration counts back from now, for --since and --until.
CLI::Option* add_moment(CLI::App& command, const std::string& names, std::string& value,
                        const std::string& about);
CLI::Option* add_count(CLI::App& command, const std::string& names, std::string& value,
                       const std::string& about);

// Who decides, for the record: `--by`, or else $USER.
void add_decider(CLI::App& command, std::string& by);
void put_decider(const std::string& by, Json& body);

struct LimitFlags {
  std::string hourly, daily, monthly, total;
  bool any() const { return !(hourly + daily + monthly + total).empty(); }
};
// "--daily-limit" and, for budgets, also "--daily".
void add_limits(CLI::App& command, LimitFlags& flags, bool with_short_names);
// The same for what has limits: "none" takes one away.
void add_limit_changes(CLI::App& command, LimitFlags& flags, bool with_short_names);
void put_limits(const LimitFlags& flags, Json& body);

// What narrows a token. Singular and plural names are the same flag, so that the flags of
// `token create`, `token attenuate` and `mint` need not be told apart.
struct NarrowingFlags {
  std::vector<std::string> audience, endpoints, methods, tools, tools_deny, models;
  std::string upstream, rate_limit, expires, call_max, max_depth;
};
void add_narrowing(CLI::App& command, NarrowingFlags& flags);
void put_narrowing(const NarrowingFlags& flags, Json& body);

// The parsed form; the error names the flag's value and what would be right.
Result<console::Narrowing> to_narrowing(const NarrowingFlags& flags, const Currency& currency);

// Whether the caveats can be written at all, before a gateway is asked.
Outcome check_narrowing(const NarrowingFlags& flags);

// An amount that means the same whatever a credit is worth: only those can be written into a token
// offline, where the gateway's `currency` is not known.
Result<Money> credits_only(const std::string& text);

std::pair<std::string, std::string> split_label(const std::string& label);
void put_labels(const std::vector<std::string>& labels, Json& body);

// "1h" is an hour before `now`; else a date or an instant.
std::optional<Time> parse_moment(const std::string& text, Time now);

// A token's text, or `@FILE` with the text in a file, which keeps it out of the list of processes.
Result<std::string> token_argument(const std::string& argument);

}  // namespace satgate::app
