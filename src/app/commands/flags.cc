#include "app/commands/flags.h"

#include <fmt/format.h>

#include "base/limits.h"
#include "base/text.h"
#include "store/files.h"
#include "token/caveat.h"

namespace satgate::app {
namespace {

// Amounts in sats are read here and judged by the gateway, which knows what one is worth.
constexpr Currency kAnyCurrency{.nano_per_usd = kNanoPerCredit, .nano_per_sat = 1};

std::string not_empty(const std::string& value) {
  return value.empty() ? "an empty value is not a value" : "";
}

std::string is_amount(const std::string& value) {
  const auto amount = parse_amount(value, kAnyCurrency);
  return amount ? "" : amount.error().message;
}

std::string is_label(const std::string& value) {
  const auto [name, text] = split_label(value);
  return name.empty() || text.empty() ? "a label is written NAME=VALUE" : "";
}

std::string is_moment(const std::string& value) {
  return parse_moment(value, now()) ? ""
                                    : "neither a duration (1h, 7d) nor a date (2026-06-30, "
                                      "2026-06-30T12:00:00Z)";
}

std::string is_expiry(const std::string& value) {
  const auto time = console::parse_expiry(value, now());
  return time ? "" : time.error().message;
}

std::string is_rate(const std::string& value) {
  const auto rate = token::parse_caveat("rate_limit = " + value);
  return rate ? "" : rate.error().message;
}

std::string is_count(const std::string& value) {
  const auto count = parse_uint(value);
  return count && *count <= UINT32_MAX ? "" : "not a whole number";
}

CLI::Option* add_checked(CLI::App& command, const std::string& names, std::string& value,
                         const std::string& about, std::string (*check)(const std::string&),
                         const std::string& type) {
  return command.add_option(names, value, about)
      ->type_name(type)
      ->check(CLI::Validator(not_empty, "", ""))
      ->check(CLI::Validator(check, "", ""));
}

void put(Json& body, const char* key, const std::string& value) {
  if (!value.empty()) body[key] = value;
}

void put(Json& body, const char* key, const std::vector<std::string>& values) {
  if (!values.empty()) body[key] = values;
}

std::optional<std::string> given(const std::string& value) {
  if (value.empty()) return std::nullopt;
  return value;
}

}  // namespace

CLI::Option* add_text(CLI::App& command, const std::string& names, std::string& value,
                      const std::string& about) {
  return add_checked(command, names, value, about, not_empty, "TEXT");
}

CLI::Option* add_amount(CLI::App& command, const std::string& names, std::string& value,
                        const std::string& about) {
  return add_checked(command, names, value, about, is_amount, "AMOUNT");
}

CLI::Option* add_list(CLI::App& command, const std::string& names, std::vector<std::string>& values,
                      const std::string& about) {
  // One value a flag: what follows may be a positional argument.
  return command.add_option(names, values, about)
      ->type_name("A,B")
      ->allow_extra_args(false)
      ->delimiter(',')
      ->check(CLI::Validator(not_empty, "", ""));
}

CLI::Option* add_labels(CLI::App& command, std::vector<std::string>& labels) {
  return command.add_option("--label", labels, "label NAME=VALUE for reports; may be repeated")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check(CLI::Validator(is_label, "", ""));
}

CLI::Option* add_moment(CLI::App& command, const std::string& names, std::string& value,
                        const std::string& about) {
  return add_checked(command, names, value, about, is_moment, "TIME");
}

CLI::Option* add_count(CLI::App& command, const std::string& names, std::string& value,
                       const std::string& about) {
  return add_checked(command, names, value, about, is_count, "N");
}

namespace {

std::string is_amount_or_none(const std::string& value) {
  return value == "none" ? "" : is_amount(value);
}

template <class Add>
void each_limit(LimitFlags& flags, bool with_short_names, const Add& add) {
  const auto one = [&](const std::string& window, std::string& value, const std::string& about) {
    const std::string name = "--" + window;
    add(with_short_names ? name + "," + name + "-limit" : name + "-limit", value, about);
  };
  one("hourly", flags.hourly, "most to spend in a calendar hour");
  one("daily", flags.daily, "most to spend in a calendar day");
  one("monthly", flags.monthly, "most to spend in a calendar month");
  one("total", flags.total, "most to spend ever");
}

}  // namespace

void add_limits(CLI::App& command, LimitFlags& flags, bool with_short_names) {
  each_limit(flags, with_short_names,
             [&](const std::string& names, std::string& value, const std::string& about) {
               add_amount(command, names, value, about);
             });
}

void add_limit_changes(CLI::App& command, LimitFlags& flags, bool with_short_names) {
  each_limit(flags, with_short_names,
             [&](const std::string& names, std::string& value, const std::string& about) {
               add_checked(command, names, value, about + "; none: no limit", is_amount_or_none,
                           "AMOUNT|none");
             });
}

void add_decider(CLI::App& command, std::string& by) {
  add_text(command, "--by", by, "who decides, for the record; default: $USER");
}

void put_decider(const std::string& by, Json& body) {
  const std::string name = by.empty() ? variable("USER").value_or("") : by;
  if (!name.empty()) body["by"] = name;
}

void put_limits(const LimitFlags& flags, Json& body) {
  put(body, "hourly_limit", flags.hourly);
  put(body, "daily_limit", flags.daily);
  put(body, "monthly_limit", flags.monthly);
  put(body, "total_limit", flags.total);
}

void add_narrowing(CLI::App& command, NarrowingFlags& flags) {
  add_list(command, "--audience", flags.audience, "client that may use it, like cursor");
  add_text(command, "--upstream", flags.upstream, "the one upstream that it may reach");
  add_list(command, "--allow-tool,--tools", flags.tools, "tool that it may call; * in patterns");
  add_list(command, "--deny-tool,--tools-deny", flags.tools_deny, "tool that it may not call");
  add_list(command, "--model,--models", flags.models, "model that it may use");
  add_list(command, "--endpoint,--endpoints", flags.endpoints, "path that it may call: /read/*");
  add_list(command, "--method,--methods", flags.methods, "HTTP method that it may use");
  add_amount(command, "--call-limit,--call-max", flags.call_max, "most that one call may cost");
  add_checked(command, "--rate-limit", flags.rate_limit, "calls in a time: 5/s, 10/min, 100/hour",
              is_rate, "RATE");
  add_checked(command, "--expires", flags.expires, "when it ends: 1h, 7d, 2026-06-30", is_expiry,
              "TIME");
  add_count(command, "--max-depth", flags.max_depth, "how many delegations may follow");
}

void put_narrowing(const NarrowingFlags& flags, Json& body) {
  put(body, "audience", flags.audience);
  put(body, "upstream", flags.upstream);
  put(body, "allow_tools", flags.tools);
  put(body, "deny_tools", flags.tools_deny);
  put(body, "models", flags.models);
  put(body, "endpoints", flags.endpoints);
  put(body, "methods", flags.methods);
  put(body, "call_limit", flags.call_max);
  put(body, "rate_limit", flags.rate_limit);
  put(body, "expires", flags.expires);
  if (const auto depth = parse_uint(flags.max_depth)) body["max_depth"] = *depth;
}

Result<console::Narrowing> to_narrowing(const NarrowingFlags& flags, const Currency& currency) {
  console::Narrowing narrowing;
  narrowing.audience = flags.audience;
  narrowing.endpoints = flags.endpoints;
  narrowing.methods = flags.methods;
  narrowing.tools = flags.tools;
  narrowing.tools_deny = flags.tools_deny;
  narrowing.models = flags.models;
  narrowing.upstream = given(flags.upstream);
  narrowing.rate_limit = given(flags.rate_limit);
  narrowing.expires = given(flags.expires);
  if (!flags.call_max.empty()) {
    TRY_ASSIGN(narrowing.call_max, parse_amount(flags.call_max, currency));
  }
  if (const auto depth = parse_uint(flags.max_depth)) {
    narrowing.max_depth = static_cast<uint32_t>(*depth);
  }
  return narrowing;
}

Outcome check_narrowing(const NarrowingFlags& flags) {
  const auto narrowing = to_narrowing(flags, kAnyCurrency);
  if (!narrowing) return wrong_use(narrowing.error().message);
  const auto caveats = console::caveats_of(*narrowing, now());
  if (!caveats) return wrong_use(caveats.error().message);
  return {};
}

Result<Money> credits_only(const std::string& text) {
  TRY_ASSIGN(const Money amount, parse_amount(text));
  TRY_ASSIGN(const Money at_another_rate,
             parse_amount(text, {.nano_per_usd = 1, .nano_per_sat = std::nullopt}));
  if (amount != at_another_rate) {
    return fail(
        fmt::format("'{}' is not in credits; what a credit is worth is the gateway's to "
                    "say, so limits that are set offline are in credits",
                    text));
  }
  return amount;
}

std::pair<std::string, std::string> split_label(const std::string& label) {
  const size_t equals = label.find('=');
  if (equals == label.npos) return {label, ""};
  return {label.substr(0, equals), label.substr(equals + 1)};
}

void put_labels(const std::vector<std::string>& labels, Json& body) {
  for (const std::string& label : labels) {
    const auto [name, value] = split_label(label);
    body["labels"][name] = value;
  }
}

std::optional<Time> parse_moment(const std::string& text, Time now) {
  if (const auto seconds = parse_duration_seconds(text)) {
    return later(now, -*seconds);
  }
  return parse_time(text);
}

Result<std::string> token_argument(const std::string& argument) {
  if (!argument.starts_with('@')) return argument;
  TRY_ASSIGN(std::string text, store::read_file(argument.substr(1), limits::head_bytes_max));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  text.erase(0, text.find_first_not_of(" \t\r\n"));
  if (text.empty()) return fail(fmt::format("{} is empty", argument.substr(1)));
  return text;
}

}  // namespace satgate::app
