#include "app/commands/describe.h"

#include <fmt/format.h>

#include <array>
#include <vector>

namespace satgate::app {
namespace {

struct LimitName {
  const char* limit;
  const char* window;  // in "spent_in"; nullptr: the lifetime, in "spent"
  const char* words;
};
constexpr std::array<LimitName, 4> kLimits = {{{"hourly", "hour", "an hour"},
                                               {"daily", "day", "a day"},
                                               {"monthly", "month", "a month"},
                                               {"total", nullptr, "in total"}}};

const Json& member(const Json& object, std::string_view key) {
  static const Json none;
  if (!object.is_object()) return none;
  const auto found = object.find(std::string(key));
  return found == object.end() ? none : *found;
}

std::string joined(const Json& object) {
  std::string out;
  if (!object.is_object()) return out;
  for (const auto& [name, value] : object.items()) {
    if (!out.empty()) out += ", ";
    out += name + "=" + (value.is_string() ? value.get<std::string>() : number_text(value));
  }
  return out;
}

std::string override_text(const Json& token) {
  const Json& given = member(token, "override");
  if (!given.is_object()) return {};
  std::string out;
  for (const LimitName& name : kLimits) {
    const Json& limit = member(given, name.limit);
    if (limit.is_number()) out += fmt::format("{} {}, ", number_text(limit), name.words);
    if (limit.is_string()) out += fmt::format("no limit {}, ", name.words);
  }
  return fmt::format("{}until {}", out, text_at(given, "until"));
}

void add_spending(Facts& facts, const Json& record) {
  facts.add("limits", used_text(record));
  facts.add("spent", number_at(record, "spent"));
  facts.add("held", number_at(record, "held"));
  facts.add("handed down", number_at(record, "carved"));
}

// Who really acted: the last holder below the root token.
std::string who(const Json& event) {
  const std::string subject = text_at(event, "subject");
  const Json& holders = member(event, "holders");
  if (!holders.is_array() || holders.empty() || !holders.back().is_string()) return subject;
  return subject + " > " + holders.back().get<std::string>();
}

std::string what(const Json& event) {
  if (const std::string tool = text_at(event, "tool"); !tool.empty()) return tool;
  if (const std::string model = text_at(event, "model"); !model.empty()) return model;
  const std::string endpoint = text_at(event, "endpoint");
  if (!endpoint.empty()) return fmt::format("{} {}", text_at(event, "method"), endpoint);
  return text_at(event, "event");
}

std::string why(const Json& event) {
  const std::string code = text_at(event, "code");
  const std::string detail = text_at(event, "detail");
  if (code.empty() || detail.empty()) return code + detail;
  return code + ": " + detail;
}

std::string_view colour_of(std::string_view decision) {
  if (decision == "allow") return "\x1b[32m";
  if (decision == "deny") return "\x1b[31m";
  if (decision == "would_deny") return "\x1b[33m";
  return "";
}

std::string wide(std::string text, size_t width) {
  const size_t used = display_width(text);
  if (used < width) text.append(width - used, ' ');
  return text;
}

}  // namespace

std::string printable_at(const Json& object, std::string_view key) {
  return printable(text_at(object, key));
}

void print_rows(const Context& context, const Table& table, std::string_view nothing) {
  fmt::print("{}", table.empty() ? fmt::format("{}\n", nothing) : table.text(context.colour));
}

std::string number_at(const Json& object, std::string_view key) {
  return number_text(member(object, key));
}

std::string sats_at(const Json& object, std::string_view key) {
  const Json& msat = member(object, key);
  if (!msat.is_number_integer()) return "-";
  const auto count = msat.get<int64_t>();
  const std::string sats = fmt::format("{}", count / 1000);
  return count % 1000 == 0 ? sats : fmt::format("{}.{:03}", sats, count % 1000);
}

std::string used_text(const Json& record) {
  const Json& limits = member(record, "limits");
  std::string out;
  for (const LimitName& name : kLimits) {
    const Json& limit = member(limits, name.limit);
    if (!limit.is_number()) continue;
    const Json& used = name.window == nullptr ? member(record, "spent")
                                              : member(member(record, "spent_in"), name.window);
    if (!out.empty()) out += ", ";
    out += fmt::format("{}/{} {}", number_text(used), number_text(limit), name.words);
  }
  return out.empty() ? "none" : out;
}

std::string token_state(const Json& token, Time now) {
  const auto is_set = [&](std::string_view key) {
    const Json& value = member(token, key);
    return value.is_boolean() && value.get<bool>();
  };
  if (is_set("revoked")) return "revoked";
  const auto expires = parse_time(text_at(token, "expires"));
  if (expires && *expires <= now) return "expired";
  return is_set("blocked") ? "blocked" : "active";
}

Facts token_facts(const Json& token, Time now) {
  Facts facts;
  facts.add("name", text_at(token, "name"));
  facts.add("id", text_at(token, "id"));
  facts.add("state", token_state(token, now));
  facts.add("created", text_at(token, "created"));
  facts.add("expires", text_at(token, "expires"));
  add_spending(facts, token);
  facts.add("override", override_text(token));
  facts.add("budget", text_at(token, "budget"));
  facts.add("carved from", text_at(token, "parent"));
  facts.add("labels", joined(member(token, "labels")));
  const Json& caveats = member(token, "caveats");
  if (!caveats.is_array()) return facts;
  for (const Json& caveat : caveats) {
    if (caveat.is_string()) facts.add("caveat", caveat.get<std::string>());
  }
  return facts;
}

Facts budget_facts(const Json& budget) {
  Facts facts;
  facts.add("name", text_at(budget, "name"));
  facts.add("below", text_at(budget, "parent"));
  add_spending(facts, budget);
  const Json& from_config = member(budget, "from_config");
  if (from_config.is_boolean() && from_config.get<bool>()) facts.add("declared in", "the config");
  return facts;
}

std::string event_line(const Json& event, bool colour) {
  const std::string time = wide(printable(text_at(event, "time")), 24);
  const std::string subject = wide(printable(who(event)), 20);
  const std::string decision = text_at(event, "decision");
  std::string shown = wide(decision.empty() ? "-" : printable(decision), 10);
  if (const auto code = colour_of(decision); colour && !code.empty()) {
    shown = fmt::format("{}{}\x1b[0m", code, shown);
  }
  std::string line =
      fmt::format("{}  {}  {}  {:>8}  {}  {}", time, subject, shown, number_at(event, "cost"),
                  wide(printable(what(event)), 24), printable(why(event)));
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

}  // namespace satgate::app
