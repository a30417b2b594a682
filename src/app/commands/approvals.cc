// approvals list, show, approve, deny.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

struct DecisionFlags {
  std::string id, by, reason;
};

void declare_id(CLI::App& command, DecisionFlags& flags) {
  add_text(command, "id,--id", flags.id, "as in 'approvals list' and in the refusal")->required();
}

void declare_decision(CLI::App& command, DecisionFlags& flags) {
  declare_id(command, flags);
  add_decider(command, flags.by);
  add_text(command, "--reason", flags.reason, "for the record; the agent is told that of a denial");
}

// A line of a list; `show` has all of it.
std::string brief(std::string text) {
  size_t size = 60;
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80)
    --size;
  return text.substr(0, size) + "...";
}

// Whose call it is: the last holder below the root token.
std::string caller_of(const Json& approval) {
  const std::string holder = printable_at(approval, "holder");
  const std::string subject = printable_at(approval, "subject");
  return holder.empty() ? subject : fmt::format("{} ({})", holder, subject);
}

void print_approval(const Context& context, const Json& approval) {
  if (context.json) return print_json(approval);
  Facts facts;
  facts.add("id", printable_at(approval, "id"));
  facts.add("state", printable_at(approval, "state"));
  facts.add("who", caller_of(approval));
  facts.add("server", printable_at(approval, "server"));
  facts.add("tool", printable_at(approval, "tool"));
  facts.add("arguments", printable_at(approval, "arguments"));
  facts.add("costs up to", number_at(approval, "quote"));
  facts.add("asked", printable_at(approval, "created"));
  facts.add("expires", printable_at(approval, "expires"));
  if (approval.contains("reason")) facts.add("reason", printable_at(approval, "reason"));
  fmt::print("{}", facts.text());
}

Outcome run_list(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json approvals, client.get("approvals"));
  if (context.json) {
    print_json(approvals);
    return {};
  }
  Table table({{"ID"}, {"STATE"}, {"WHO"}, {"TOOL"}, {"COST", Align::right}, {"ARGUMENTS"}});
  for (const Json& one : approvals) {
    table.row({printable_at(one, "id"), printable_at(one, "state"), caller_of(one),
               fmt::format("{} at {}", printable_at(one, "tool"), printable_at(one, "server")),
               number_at(one, "quote"), brief(printable_at(one, "arguments"))});
  }
  print_rows(context, table, "No call waits for a person.");
  return {};
}

Outcome run_show(const Context& context, const DecisionFlags& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json approval, client.get(resource("approvals", flags.id)));
  print_approval(context, approval);
  return {};
}

Outcome decide(const Context& context, const DecisionFlags& flags, std::string_view verb) {
  Json body = Json::object();
  put_decider(flags.by, body);
  if (!flags.reason.empty()) body["reason"] = flags.reason;
  TRY_ASSIGN(const AdminClient client, admin(context));
  const std::string path = fmt::format("{}/{}", resource("approvals", flags.id), verb);
  TRY_ASSIGN(const Json approval, client.post(path, body));
  print_approval(context, approval);
  return {};
}

Outcome run_approve(const Context& context, const DecisionFlags& flags) {
  return decide(context, flags, "approve");
}

Outcome run_deny(const Context& context, const DecisionFlags& flags) {
  return decide(context, flags, "deny");
}

}  // namespace

void add_approval_commands(CLI::App& root, Context& context) {
  CLI::App& group =
      add_group(root, {"approvals", "Calls that wait for a person", "satgate approvals list"});
  add_command(group, context,
              {"list", "List calls that wait, and decisions that are not used yet",
               "satgate approvals list"},
              no_flags, run_list);
  add_command(
      group, context,
      {"show", "Show one of them", "satgate approvals show 019b2f6c1e5a4d0c8a7b6c5d4e3f2a1b"},
      declare_id, run_show);
  add_command(group, context,
              {"approve", "Let the call pass, once",
               "satgate approvals approve 019b2f6c1e5a4d0c8a7b6c5d4e3f2a1b"},
              declare_decision, run_approve);
  add_command(group, context,
              {"deny", "Refuse the call until the denial expires",
               "satgate approvals deny 019b2f6c1e5a4d0c8a7b6c5d4e3f2a1b"},
              declare_decision, run_deny);
}

}  // namespace satgate::app
