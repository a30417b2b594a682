// token create, list, show, update, revoke, unblock; mint.
#include <fmt/format.h>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/describe.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"
#include "base/text.h"

namespace satgate::app {
namespace {

std::string is_share(const std::string& text) {
  const auto share = parse_amount(text);
  const bool fits = share && !share->is_zero() && *share <= Money::credits(1);
  return fits ? "" : "an alert threshold is a share of the limit, above 0 and at most 1: 0.8";
}

void add_threshold(CLI::App& command, std::string& value) {
  add_text(command, "--alert-threshold", value, "share of a limit at which to warn: 0.8")
      ->type_name("SHARE")
      ->check(CLI::Validator(is_share, "", ""));
}

void print_minted(const Context& context, const Json& made) {
  if (context.json) return print_json(made);
  fmt::print(
      "Token '{}' ({}). It is shown this once and stored nowhere:\n\n  {}\n\n"
      "Give it to the agent in place of an API key: as 'Authorization: Bearer', or as the "
      "client's apiKey.\n",
      printable(text_at(made, "name")), text_at(made, "id"), text_at(made, "token"));
}

struct CreateFlags {
  std::string name, budget, threshold;
  LimitFlags limits;
  NarrowingFlags narrowing;
  std::vector<std::string> labels;
};

void declare_create(CLI::App& command, CreateFlags& flags) {
  add_text(command, "--name", flags.name, "unique name, for people")->required();
  add_limits(command, flags.limits, false);
  add_text(command, "--budget", flags.budget, "named budget that it spends from")
      ->type_name("NAME");
  add_narrowing(command, flags.narrowing);
  add_threshold(command, flags.threshold);
  add_labels(command, flags.labels);
}

Outcome run_create(const Context& context, const CreateFlags& flags) {
  TRY(check_narrowing(flags.narrowing));
  Json body = {{"name", flags.name}};
  put_limits(flags.limits, body);
  if (!flags.budget.empty()) body["budget"] = flags.budget;
  put_narrowing(flags.narrowing, body);
  if (!flags.threshold.empty()) body["alert_threshold"] = flags.threshold;
  put_labels(flags.labels, body);
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json made, client.post("tokens", body));
  // Programs may ask again; a person who is told a name that is taken expects a token of its own.
  if (made.value("existing", false)) {
    return failed(
        fmt::format("there is a token '{}' already; choose another name, or change that "
                    "one with 'satgate token update'",
                    printable(flags.name)));
  }
  print_minted(context, made);
  return {};
}

struct MintFlags {
  std::string parent, budget, holder;
  NarrowingFlags narrowing;
};

void declare_mint(CLI::App& command, MintFlags& flags) {
  add_text(command, "--parent", flags.parent, "token to carve from: its name, its text, or @FILE")
      ->required()
      ->type_name("TOKEN");
  add_amount(command, "--budget", flags.budget, "what moves out of the parent")->required();
  add_text(command, "--holder", flags.holder, "who gets it; also its name")
      ->required()
      ->type_name("NAME");
  add_narrowing(command, flags.narrowing);
}

Outcome run_mint(const Context& context, const MintFlags& flags) {
  TRY(check_narrowing(flags.narrowing));
  TRY_ASSIGN(const std::string parent, token_argument(flags.parent));
  Json body = {{"parent", parent}, {"budget", flags.budget}, {"holder", flags.holder}};
  put_narrowing(flags.narrowing, body);
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json made, client.post("mint", body));
  print_minted(context, made);
  return {};
}

Outcome run_list(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json tokens, client.get("tokens"));
  if (context.json) {
    print_json(tokens);
    return {};
  }
  Table table({{"NAME"},
               {"STATE"},
               {"SPENT", Align::right},
               {"OF ITS LIMITS"},
               {"BUDGET"},
               {"EXPIRES"},
               {"ID"}});
  for (const Json& token : tokens) {
    table.row({text_at(token, "name"), token_state(token, now()), number_at(token, "spent"),
               used_text(token), text_at(token, "budget"), text_at(token, "expires"),
               text_at(token, "id")});
  }
  print_rows(context, table,
             "No tokens yet. Mint one: satgate token create --name agent --daily-limit 10");
  return {};
}

struct OneToken {
  std::string which;
};

void declare_name(CLI::App& command, OneToken& flags) {
  add_text(command, "name,--name", flags.which, "name or id of the token")->required();
}

void print_lineage(const Context& context, const Json& token) {
  const auto lineage = token.find("lineage");
  if (lineage == token.end() || !lineage->is_array() || lineage->empty()) return;
  Table table(
      {{"HOLDER"}, {"CAVEAT"}, {"SPENT", Align::right}, {"FIRST SEEN"}, {"STATE"}, {"POINT"}});
  for (const Json& point : *lineage) {
    const size_t depth = point.value("depth", size_t{0});
    const bool is_carved = text_at(point, "kind") == "carved";
    table.row({std::string(2 * depth, ' ') + text_at(point, "holder"), text_at(point, "caveat"),
               number_at(point, "spent"), text_at(point, "first_seen"),
               point.value("revoked", false) ? "revoked"
               : is_carved                   ? "carved: " + text_at(point, "name")
                                             : "",
               text_at(point, "point")});
  }
  fmt::print("\nDelegated from it (revoke any with 'satgate token revoke POINT'):\n{}",
             table.text(context.colour));
}

Outcome run_show(const Context& context, const OneToken& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json token, client.get(resource("tokens", flags.which)));
  if (context.json) {
    print_json(token);
    return {};
  }
  fmt::print("{}", token_facts(token, now()).text());
  print_lineage(context, token);
  return {};
}

struct UpdateFlags {
  std::string which, expires, threshold;
  LimitFlags limits;
  std::vector<std::string> labels;
};

void declare_update(CLI::App& command, UpdateFlags& flags) {
  add_text(command, "name,--name", flags.which, "name or id of the token")->required();
  add_limit_changes(command, flags.limits, false);
  add_text(command, "--expires", flags.expires,
           "the new limits end then, and the old ones are back: 1h")
      ->type_name("TIME")
      ->check(CLI::Validator(
          [](std::string& text) {
            const auto time = console::parse_expiry(text, now());
            return time ? std::string() : time.error().message;
          },
          "", ""));
  add_threshold(command, flags.threshold);
  add_labels(command, flags.labels);
}

Outcome run_update(const Context& context, const UpdateFlags& flags) {
  if (!flags.limits.any() && flags.labels.empty() && flags.threshold.empty()) {
    return wrong_use("nothing to change: give a limit, a label or an alert threshold");
  }
  if (!flags.expires.empty() && !flags.limits.any()) {
    return wrong_use("--expires ends an override of limits: give a limit with it");
  }
  Json body = Json::object();
  put_limits(flags.limits, body);
  if (!flags.expires.empty()) body["expires"] = flags.expires;
  if (!flags.threshold.empty()) body["alert_threshold"] = flags.threshold;
  put_labels(flags.labels, body);
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json token, client.patch(resource("tokens", flags.which), body));
  if (context.json) {
    print_json(token);
  } else {
    fmt::print("{}", token_facts(token, now()).text());
  }
  return {};
}

void declare_revoke(CLI::App& command, OneToken& flags) {
  add_text(command, "token,--name", flags.which,
           "name, id, a token's text (or @FILE), or a point of a lineage")
      ->required();
}

Outcome run_revoke(const Context& context, const OneToken& flags) {
  TRY_ASSIGN(const std::string which, token_argument(flags.which));
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json done, client.post("tokens/revoke", {{"token", which}}));
  if (context.json) {
    print_json(done);
  } else {
    fmt::print("Revoked '{}', and everything delegated from it.\n",
               printable(text_at(done, "revoked")));
  }
  return {};
}

Outcome run_unblock(const Context& context, const OneToken& flags) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json done,
             client.post(resource("tokens", flags.which) + "/unblock", Json::object()));
  if (context.json) {
    print_json(done);
  } else if (done.value("was_blocked", false)) {
    fmt::print("'{}' may spend again.\n", printable(flags.which));
  } else {
    fmt::print("'{}' was not blocked.\n", printable(flags.which));
  }
  return {};
}

}  // namespace

void add_token_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"token", "Mint, watch, narrow and revoke tokens",
                                     "satgate token create --name dev-token --daily-limit 10"});
  add_command(group, context,
              {"create", "Mint a root token; prints it once",
               "satgate token create --name cursor-dev --audience cursor --daily-limit 25 \\\n"
               "    --allow-tool github-read --allow-tool web-fetch --deny-tool ci-actions"},
              declare_create, run_create);
  add_command(group, context, {"list", "List tokens and what they spent", "satgate token list"},
              no_flags, run_list);
  add_command(group, context,
              {"show", "Show a token, its limits and who holds parts of it",
               "satgate token show cursor-dev"},
              declare_name, run_show);
  add_command(group, context,
              {"update", "Change limits, for good or with --expires for a while",
               "satgate token update incident-token --daily-limit 1000 --expires 1h"},
              declare_update, run_update);
  add_command(
      group, context,
      {"revoke", "End a token and everything delegated from it", "satgate token revoke cursor-dev"},
      declare_revoke, run_revoke);
  add_command(group, context,
              {"unblock", "Let a token spend again after an upstream overran its reservation",
               "satgate token unblock cursor-dev"},
              declare_name, run_unblock);
  add_offline_token_commands(group, context);
}

void add_mint_command(CLI::App& root, Context& context) {
  add_command(root, context,
              {"mint", "Carve a child with a budget of its own out of a parent token",
               "satgate mint --parent @orchestrator.token --budget 2000 --holder research-agent"},
              declare_mint, run_mint);
}

}  // namespace satgate::app
