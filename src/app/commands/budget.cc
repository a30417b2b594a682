// budget create, list, show, update.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct BudgetFlags {
  std::string name, parent;
  LimitFlags limits;
};

void declare_name(CLI::App& command, BudgetFlags& flags) {
  add_text(command, "name,--name", flags.name, "name of the budget")->required();
}

void add_parent(CLI::App& command, BudgetFlags& flags) {
  add_text(command, "--parent", flags.parent, "budget that it spends from, too")->type_name("NAME");
}

void declare_create(CLI::App& command, BudgetFlags& flags) {
  declare_name(command, flags);
  add_limits(command, flags.limits, true);
  add_parent(command, flags);
}

void declare_update(CLI::App& command, BudgetFlags& flags) {
  declare_name(command, flags);
  add_limit_changes(command, flags.limits, true);
  add_parent(command, flags);
}

void print_budget(const Context& context, const Json& budget) {
  if (context.json) {
    print_json(budget);
  } else {
    fmt::print("{}", budget_facts(budget).text());
  }
}

Json body_of(const BudgetFlags& flags) {
  Json body = Json::object();
  put_limits(flags.limits, body);
  if (!flags.parent.empty()) body["parent"] = flags.parent;
  return body;
}

Outcome run_create(const Context& context, const BudgetFlags& flags) {
  if (!flags.limits.any()) {
    return wrong_use("a budget needs a limit: --hourly, --daily, --monthly or --total");
  }
  Json body = body_of(flags);
  body["name"] = flags.name;
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json budget, client.post("budgets", body));
  print_budget(context, budget);
  return {};
}

Outcome run_update(const Context& context, const BudgetFlags& flags) {
  const Json body = body_of(flags);
  if (body.empty()) return wrong_use("nothing to change: give a limit or --parent");
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json budget, client.patch(resource("budgets", flags.name), body));
  print_budget(context, budget);
  return {};
}

Outcome run_show(const Context& context, const BudgetFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json budget, client.get(resource("budgets", flags.name)));
  print_budget(context, budget);
  return {};
}

Outcome run_list(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json budgets, client.get("budgets"));
  if (context.json) {
    print_json(budgets);
    return {};
  }
  Table table({{"NAME"}, {"BELOW"}, {"SPENT", Align::right}, {"OF ITS LIMITS"}});
  for (const Json& budget : budgets) {
    table.row({text_at(budget, "name"), text_at(budget, "parent"), number_at(budget, "spent"),
               used_text(budget)});
  }
  print_rows(context, table,
             "No budgets yet. Create one: satgate budget create --name team --monthly 5000");
  return {};
}

}  // namespace

void add_budget_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"budget", "Envelopes of teams and departments",
                                     "satgate budget create --name engineering --monthly 5000"});
  add_command(group, context,
              {"create", "Create a budget that tokens and other budgets spend from",
               "satgate budget create --name research --daily 100 --parent engineering"},
              declare_create, run_create);
  add_command(group, context, {"list", "List budgets", "satgate budget list"}, no_flags, run_list);
  add_command(group, context, {"show", "Show a budget", "satgate budget show --name engineering"},
              declare_name, run_show);
  add_command(group, context,
              {"update", "Change a budget's limits",
               "satgate budget update --name engineering --monthly 6000"},
              declare_update, run_update);
}

}  // namespace satgate::app
