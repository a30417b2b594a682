// prices list, show, check.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/commands/admin_client.h"
#include "app/commands/command.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"
#include "base/text.h"
#include "tariff/prices.h"

namespace satgate::app {
namespace {

// Prices of models change a few times a year.
constexpr int kStaleDays = 90;

constexpr std::string_view kRates[] = {"input", "cached_input", "cache_write", "output"};

struct ListFlags {
  std::string kind, search;
};

void declare_list(CLI::App& command, ListFlags& flags) {
  add_text(command, "--kind", flags.kind, "only these: model, tool or endpoint")
      ->check(CLI::IsMember({"model", "tool", "endpoint"}));
  add_text(command, "--search", flags.search, "only names with this in them");
}

struct NameFlags {
  std::string name;
};

void declare_show(CLI::App& command, NameFlags& flags) {
  add_text(command, "name", flags.name, "a model, tool or path, as 'satgate prices list' prints it")
      ->required();
}

Expected<Json> read_prices(const Context& context) {
  TRY_ASSIGN(const AdminClient client, admin(context));
  TRY_ASSIGN(const Json answer, client.get("prices"));
  return answer.value("prices", Json::array());
}

bool is_per_token(const Json& price) {
  return price.contains("per_million_tokens");
}

std::string rate_of(const Json& price, std::string_view name) {
  return is_per_token(price) ? price["per_million_tokens"].at(name).dump() : std::string();
}

// What is not priced by tokens.
std::string cost_of(const Json& price) {
  if (price.contains("cost")) return price["cost"].dump();
  if (price.contains("image")) return price["image"].dump() + " a picture";
  if (!price.contains("per_million_characters")) return {};
  return price["per_million_characters"].dump() + " a million characters";
}

Outcome run_list(const Context& context, const ListFlags& flags) {
  TRY_ASSIGN(const Json prices, read_prices(context));
  Json chosen = Json::array();
  for (const Json& price : prices) {
    if (!flags.kind.empty() && text_at(price, "kind") != flags.kind) continue;
    if (lowercase(text_at(price, "name")).contains(lowercase(flags.search))) {
      chosen.push_back(price);
    }
  }
  if (context.json) {
    print_json(chosen);
    return {};
  }
  Table table({{"NAME"},
               {"KIND"},
               {"A CALL", Align::right},
               {"INPUT", Align::right},
               {"CACHED", Align::right},
               {"CACHE WRITE", Align::right},
               {"OUTPUT", Align::right},
               {"FROM"}});
  for (const Json& price : chosen) {
    table.row({text_at(price, "name"), text_at(price, "kind"), cost_of(price),
               rate_of(price, kRates[0]), rate_of(price, kRates[1]), rate_of(price, kRates[2]),
               rate_of(price, kRates[3]), text_at(price, "from")});
  }
  if (table.empty()) {
    fmt::print("Nothing has such a price.\n");
    return {};
  }
  fmt::print("{}Credits; of models a million tokens.\n", table.text(context.colour));
  return {};
}

Outcome run_show(const Context& context, const NameFlags& flags) {
  TRY_ASSIGN(const Json prices, read_prices(context));
  const auto found = std::ranges::find_if(
      prices, [&](const Json& price) { return text_at(price, "name") == flags.name; });
  if (found == prices.end()) {
    return failed(fmt::format(
        "'{0}' has no price of its own; 'satgate prices list --search {0}' looks for more",
        flags.name));
  }
  if (context.json) {
    print_json(*found);
    return {};
  }
  Facts facts;
  for (const char* key : {"name", "kind", "from"})
    facts.add(key, text_at(*found, key));
  facts.add("a call", cost_of(*found));
  for (const std::string_view name : kRates) {
    const std::string rate = rate_of(*found, name);
    if (!rate.empty()) facts.add(name, rate + " credits a million tokens");
  }
  fmt::print("{}", facts.text());
  return {};
}

// A price of the config that is below the provider's: then a cap in credits is none in money.
void find_cheap(const Json& price, std::vector<std::string>& findings) {
  if (!is_per_token(price) || !price.contains("replaces")) return;
  for (const std::string_view rate : {"input", "output"}) {
    const Json& mine = price["per_million_tokens"].at(rate);
    const Json& theirs = price["replaces"].at(rate);
    if (mine.get<double>() >= theirs.get<double>()) continue;
    findings.push_back(fmt::format("models.{}.{}: {} is less than the built-in {}",
                                   text_at(price, "name"), rate, mine.dump(), theirs.dump()));
  }
}

int days_since(std::string_view date, std::chrono::sys_days today) {
  const auto part = [&](size_t at, size_t size) {
    return static_cast<int>(parse_uint(date.substr(at, size)).value_or(1));
  };
  const std::chrono::year_month_day day{std::chrono::year(part(0, 4)),
                                        std::chrono::month(static_cast<unsigned>(part(5, 2))),
                                        std::chrono::day(static_cast<unsigned>(part(8, 2)))};
  return static_cast<int>((today - std::chrono::sys_days(day)).count());
}

Outcome run_check(const Context& context, const NoFlags&) {
  TRY_ASSIGN(const Json prices, read_prices(context));
  std::vector<std::string> findings;
  const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
  const int age = days_since(tariff::builtin_prices_date(), today);
  if (age > kStaleDays) {
    findings.push_back(
        fmt::format("the built-in prices are {} days old: update, or write those "
                    "that have changed under `models`",
                    age));
  }
  for (const Json& price : prices)
    find_cheap(price, findings);
  if (context.json) {
    print_json({{"prices_of", tariff::builtin_prices_date()}, {"findings", findings}});
  } else {
    fmt::print("built-in prices of {}\n", tariff::builtin_prices_date());
    for (const std::string& finding : findings)
      fmt::print("{}\n", finding);
  }
  if (findings.empty()) return {};
  return failed(fmt::format("{} to look at", findings.size()));
}

}  // namespace

void add_price_commands(CLI::App& root, Context& context) {
  CLI::App& group = add_group(root, {"prices", "What calls cost", "satgate prices list"});
  add_command(group, context,
              {"list", "List what has a price, in credits",
               "satgate prices list --kind model --search gpt-4o"},
              declare_list, run_list);
  add_command(group, context,
              {"show", "Show one price and where it comes from", "satgate prices show gpt-4o-mini"},
              declare_show, run_show);
  add_command(
      group, context,
      {"check", "Look for prices that are old, or below the provider's", "satgate prices check"},
      no_flags, run_check);
}

}  // namespace satgate::app
