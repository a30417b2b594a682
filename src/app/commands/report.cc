// report spend.
#include <fmt/format.h>

#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/record.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct SpendFlags {
  std::string by = "agent", since, until;
};

void declare_spend(CLI::App& command, SpendFlags& flags) {
  command.add_option("--by", flags.by, "default agent")
      ->check(CLI::IsMember({"team", "agent", "tool", "model", "endpoint", "workflow", "upstream",
                             "project", "environment"}));
  add_moment(command, "--since", flags.since, "from then on: 7d, 2026-06-30");
  add_moment(command, "--until", flags.until, "before then");
}

std::vector<std::string> cells(const std::string& name, const Json& row) {
  return {name,
          number_at(row, "calls"),
          number_at(row, "allowed"),
          number_at(row, "denied"),
          number_at(row, "would_deny"),
          number_at(row, "cache_hits"),
          number_at(row, "spent")};
}

std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return text;
}

Outcome run_spend(const Context& context, const SpendFlags& flags) {
  TRY_ASSIGN(const Json report, find_spend(context, flags.by, flags.since, flags.until));
  if (context.json) {
    print_json(report);
    return {};
  }
  Table table({{upper(flags.by)},
               {"CALLS", Align::right},
               {"ALLOWED", Align::right},
               {"DENIED", Align::right},
               {"WOULD DENY", Align::right},
               {"CACHED", Align::right},
               {"SPENT", Align::right}});
  for (const Json& row : report.value("rows", Json::array())) {
    const std::string name = text_at(row, "key");
    table.row(cells(name.empty() ? "(none)" : name, row));
  }
  if (table.empty()) {
    fmt::print("Nothing was spent.\n");
    return {};
  }
  table.row(cells("total", report.value("total", Json::object())));
  fmt::print("{}", table.text(context.colour));
  return {};
}

}  // namespace

void add_report_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(
      root, {"report", "What was spent, by whom and on what", "satgate report spend --by tool"});
  add_command(group, context,
              {"spend", "Spending by team, agent, tool, model, endpoint, workflow, ...",
               "satgate report spend --by team --since 7d"},
              declare_spend, run_spend);
}

}  // namespace satgate::app
