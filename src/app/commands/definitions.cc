// definitions list, show, accept.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct DefinitionFlags {
  std::string id, by;
};

void declare_id(CLI::App& command, DefinitionFlags& flags) {
  add_text(command, "id,--id", flags.id, "as in 'definitions list'")->required();
}

void declare_acceptance(CLI::App& command, DefinitionFlags& flags) {
  declare_id(command, flags);
  add_decider(command, flags.by);
}

Outcome run_list(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json definitions, client.get("definitions"));
  if (context.json) {
    print_json(definitions);
    return {};
  }
  Table table({{"ID"}, {"STATE"}, {"SERVER"}, {"TOOL"}});
  for (const Json& one : definitions) {
    table.row({printable_at(one, "id"), printable_at(one, "state"), printable_at(one, "server"),
               printable_at(one, "tool")});
  }
  print_rows(context, table, "No definition waits for a person.");
  return {};
}

void print_side(const Context& context, const Json& change, std::string_view key, char sign,
                std::string_view colour) {
  if (!change.contains(key)) return;
  const std::string text = fmt::format("{} {}", sign, printable_at(change, key));
  if (context.colour) {
    fmt::print("  {}{}\x1b[0m\n", colour, text);
  } else {
    fmt::print("  {}\n", text);
  }
}

void print_definition(const Context& context, const Json& definition) {
  Facts facts;
  facts.add("id", printable_at(definition, "id"));
  facts.add("server", printable_at(definition, "server"));
  facts.add("tool", printable_at(definition, "tool"));
  facts.add("state", printable_at(definition, "state"));
  fmt::print("{}", facts.text());
  if (!definition.contains("changes")) {
    fmt::print("\n{}\n", printable_at(definition, "offered"));
    return;
  }
  for (const Json& change : definition.at("changes")) {
    fmt::print("\n{}\n", printable_at(change, "path"));
    print_side(context, change, "before", '-', "\x1b[31m");
    print_side(context, change, "after", '+', "\x1b[32m");
  }
}

Outcome run_show(const Context& context, const DefinitionFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json definition, client.get(resource("definitions", flags.id)));
  if (context.json) {
    print_json(definition);
  } else {
    print_definition(context, definition);
  }
  return {};
}

Outcome run_accept(const Context& context, const DefinitionFlags& flags) {
  Json body = Json::object();
  put_decider(flags.by, body);
  TRY_ASSIGN(const AdminClient client, admin(context));
  const std::string path = fmt::format("{}/accept", resource("definitions", flags.id));
  TRY_ASSIGN(const Json definition, client.post(path, body));
  if (context.json) {
    print_json(definition);
  } else {
    fmt::print("{} at {} is offered as its server describes it now.\n",
               printable_at(definition, "tool"), printable_at(definition, "server"));
  }
  return {};
}

}  // namespace

void add_definition_commands(CLI::App& root, Context& context) {
  CLI::App& group =
      add_group(root, {"definitions", "Definitions of MCP tools that wait for a person",
                       "satgate definitions list"});
  add_command(group, context, {"list", "List tools that are held back", "satgate definitions list"},
              no_flags, run_list);
  add_command(group, context,
              {"show", "Show what is new in one of them",
               "satgate definitions show 9f86d081884c7d659a2feaa0c55ad015"},
              declare_id, run_show);
  add_command(group, context,
              {"accept", "Offer the tool as its server describes it now",
               "satgate definitions accept 9f86d081884c7d659a2feaa0c55ad015"},
              declare_acceptance, run_accept);
}

}  // namespace satgate::app
