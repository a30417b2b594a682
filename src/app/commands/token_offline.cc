// token attenuate, inspect and key-hash: they need the token alone; no gateway, no data directory.
#include <fmt/format.h>

#include <iostream>

#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"
#include "base/text.h"
#include "flow/api_keys.h"
#include "token/mint.h"

namespace satgate::app {
namespace {

struct InspectFlags {
  std::string token;
};

void declare_inspect(CLI::App& command, InspectFlags& flags) {
  add_text(command, "token", flags.token, "the token's text, or @FILE")->required();
}

Json inspection_json(const token::Inspection& seen) {
  Json caveats = Json::array();
  for (const auto& line : seen.caveats) {
    Json caveat = {{"text", line.text}, {"words", line.words}};
    if (!line.problem.empty()) caveat["problem"] = line.problem;
    caveats.push_back(std::move(caveat));
  }
  Json out = {{"identifier", seen.identifier},
              {"location", seen.location},
              {"key_id", seen.key_id},
              {"point", to_string(seen.point)},
              {"caveats", std::move(caveats)}};
  if (seen.token) out["id"] = to_string(*seen.token);
  return out;
}

Outcome run_inspect(const Context& context, const InspectFlags& flags) {
  TRY_ASSIGN(const std::string text, token_argument(flags.token));
  TRY_ASSIGN(const token::Inspection seen, token::inspect(text));
  if (context.json) {
    print_json(inspection_json(seen));
    return {};
  }
  Facts facts;
  facts.add("identifier", seen.identifier);
  facts.add("id", seen.token ? to_string(*seen.token) : "not a token of SatGate");
  facts.add("key", seen.key_id);
  facts.add("point", to_string(seen.point));
  fmt::print("{}", facts.text());
  if (!seen.caveats.empty()) {
    Table table({{"CAVEAT"}, {"MEANS"}});
    for (const auto& line : seen.caveats) {
      table.row({line.text, line.problem.empty() ? line.words : "REFUSED: " + line.problem});
    }
    fmt::print("\n{}", table.text(context.colour));
  }
  fmt::print("\nNothing here is proven: only the gateway can check the signature.\n");
  return {};
}

struct AttenuateFlags {
  std::string token, budget_max, hourly, daily, monthly, holder;
  NarrowingFlags narrowing;
  std::vector<std::string> labels;
};

std::string is_credits(const std::string& text) {
  const auto amount = credits_only(text);
  return amount ? "" : amount.error().message;
}

void declare_attenuate(CLI::App& command, AttenuateFlags& flags) {
  add_text(command, "token", flags.token, "the token to narrow: its text, or @FILE")->required();
  const auto credits = [&](const std::string& names, std::string& value, const std::string& about) {
    add_text(command, names, value, about)
        ->type_name("CREDITS")
        ->check(CLI::Validator(is_credits, "", ""));
  };
  credits("--budget-max", flags.budget_max, "most that it may spend ever");
  credits("--budget-hourly", flags.hourly, "most in a calendar hour");
  credits("--budget-daily", flags.daily, "most in a calendar day");
  credits("--budget-monthly", flags.monthly, "most in a calendar month");
  add_text(command, "--holder", flags.holder, "who gets it, for reports")->type_name("NAME");
  add_narrowing(command, flags.narrowing);
  command.get_option("--call-max")->check(CLI::Validator(is_credits, "", ""));
  add_labels(command, flags.labels);
}

Result<std::vector<std::string>> caveats_for(const AttenuateFlags& flags) {
  TRY_ASSIGN(console::Narrowing narrowing, to_narrowing(flags.narrowing, Currency{}));
  const auto put = [](std::optional<Money>& target, const std::string& text) -> Result<void> {
    if (text.empty()) return {};
    TRY_ASSIGN(target, credits_only(text));
    return {};
  };
  TRY(put(narrowing.budget_max, flags.budget_max));
  TRY(put(narrowing.budget_hourly, flags.hourly));
  TRY(put(narrowing.budget_daily, flags.daily));
  TRY(put(narrowing.budget_monthly, flags.monthly));
  if (!flags.holder.empty()) narrowing.holder = flags.holder;
  for (const std::string& label : flags.labels)
    narrowing.labels.push_back(split_label(label));
  return console::caveats_of(narrowing, now());
}

Outcome run_attenuate(const Context& context, const AttenuateFlags& flags) {
  const auto caveats = caveats_for(flags);
  if (!caveats) return wrong_use(caveats.error().message);
  if (caveats->empty()) return wrong_use("nothing to narrow: give a limit, like --budget-max 10");
  TRY_ASSIGN(const std::string parent, token_argument(flags.token));
  TRY_ASSIGN(const std::string child, token::attenuate(parent, *caveats));
  if (!context.json) {
    fmt::print("{}\n", child);
    return {};
  }
  TRY_ASSIGN(const token::Inspection seen, token::inspect(child));
  Json out = {{"token", child}};
  if (seen.token) out["id"] = to_string(*seen.token);
  out["name"] = flags.holder;
  out["point"] = to_string(seen.point);
  out["caveats"] = *caveats;
  print_json(out);
  return {};
}

// The key comes on stdin: an argument would stay in the shell's history and the list of processes.
Outcome run_key_hash(const Context& context, const NoFlags&) {
  std::string key;
  std::getline(std::cin, key);
  if (key.ends_with('\r')) key.pop_back();
  if (const auto good = flow::ApiKeys::check(key); !good) return failed(good.error().message);
  const std::string hash = "sha256:" + to_hex(as_bytes_view(flow::ApiKeys::hash(key)));
  if (context.json) {
    print_json({{"hash", hash}});
  } else {
    fmt::print("{}\n", hash);
  }
  return {};
}

}  // namespace

void add_offline_token_commands(CLI::App& token_group, Context& context) {
  add_command(token_group, context,
              {"inspect", "Read what a token says; needs no gateway",
               "satgate token inspect @cursor.token"},
              declare_inspect, run_inspect);
  add_command(token_group, context,
              {"attenuate", "Make a narrower token from a token; needs no gateway",
               "satgate token attenuate @agent.token --budget-max 10 --endpoints '/read/*' \\\n"
               "    --expires 1h --holder sub-agent"},
              declare_attenuate, run_attenuate);
  add_command(token_group, context,
              {"key-hash", "Hash an API key from stdin, for server.apiKeys of the config",
               "openssl rand -hex 24 | tee agent.key | satgate token key-hash"},
              no_flags, run_key_hash);
}

}  // namespace satgate::app
