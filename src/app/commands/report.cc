// report spend, revenue.
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

struct RevenueFlags {
  std::string by = "route", since, until;
};

void declare_revenue(CLI::App& command, RevenueFlags& flags) {
  command.add_option("--by", flags.by, "default route")
      ->check(CLI::IsMember({"route", "buyer", "day", "partner"}));
  add_moment(command, "--since", flags.since, "from then on: 7d, 2026-06-30");
  add_moment(command, "--until", flags.until, "before then");
}

Table partner_table(const Json& report) {
  Table table({{"PARTNER"}, {"MONTH"}, {"CALLS", Align::right}, {"SHARE", Align::right}});
  for (const Json& row : report.value("rows", Json::array())) {
    table.row({printable_at(row, "key"), printable_at(row, "month"), number_at(row, "calls"),
               number_at(row, "share")});
  }
  return table;
}

Table earned_table(const std::string& by, const Json& report) {
  Table table(
      {{upper(by)}, {"CALLS", Align::right}, {"EARNED", Align::right}, {"SATS", Align::right}});
  for (const Json& row : report.value("rows", Json::array())) {
    const std::string name = printable_at(row, "key");
    table.row({name.empty() ? "(none)" : name, number_at(row, "calls"), number_at(row, "earned"),
               sats_at(row, "earned_msat")});
  }
  return table;
}

Outcome run_revenue(const Context& context, const RevenueFlags& flags) {
  TRY_ASSIGN(const Json report, find_revenue(context, flags.by, flags.since, flags.until));
  if (context.json) {
    print_json(report);
    return {};
  }
  const Table table =
      flags.by == "partner" ? partner_table(report) : earned_table(flags.by, report);
  if (!table.empty()) fmt::print("{}\n", table.text(context.colour));
  const Json total = report.value("total", Json::object());
  const Json now = report.value("now", Json::object());
  Facts facts;
  facts.add("received", fmt::format("{} sats in {} payments", sats_at(total, "received_msat"),
                                    number_at(total, "payments")));
  facts.add("earned", fmt::format("{} credits, {} sats, in {} calls", number_at(total, "earned"),
                                  sats_at(total, "earned_msat"), number_at(total, "calls")));
  facts.add("refunded", fmt::format("{} sats in {} refunds", sats_at(total, "refunded_msat"),
                                    number_at(total, "refunds")));
  facts.add("shares", fmt::format("{} credits, of all partners", number_at(total, "shares")));
  facts.add("owed now", sats_at(now, "owed_msat") + " sats");
  facts.add("unused now", sats_at(now, "unused_msat") + " sats");
  fmt::print("{}", facts.text());
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
  add_command(group, context,
              {"revenue", "What was sold: received, earned, owed, refunded, shares of partners",
               "satgate report revenue --by buyer --since 30d"},
              declare_revenue, run_revenue);
}

}  // namespace satgate::app
