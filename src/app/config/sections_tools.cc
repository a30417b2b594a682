// What the config says about a tool, under `tools` and under a token's policy.
#include <fmt/format.h>

#include "app/config/sections.h"
#include "tariff/argument_rules.h"
#include "tariff/tool_price.h"

namespace satgate::app {
namespace {

void read_argument(YamlMap& arguments, const std::string& name, const YAML::Node& node,
                   tariff::ToolPolicy& tool) {
  YamlMap map = arguments.child(name, node);
  tariff::ArgumentPolicy argument;
  argument.one_of = map.list("oneOf");
  argument.min = map.text("min");
  argument.max = map.text("max");
  argument.pattern = map.text("pattern");
  argument.hosts = map.list("hosts");
  argument.absent = map.boolean("absent").value_or(false);
  argument.optional = map.boolean("optional").value_or(false);
  map.finish();
  if (map.has("oneOf") && argument.one_of.empty()) map.complain("oneOf", "lists nothing");
  if (map.has("hosts") && argument.hosts.empty()) map.complain("hosts", "lists nothing");
  const auto rule = tariff::ArgumentRule::create(name, argument);
  if (rule) {
    tool.arguments[name] = std::move(argument);
  } else if (rule.error().key.empty()) {
    arguments.complain(name, rule.error().what);
  } else {
    map.complain(rule.error().key, rule.error().what);
  }
}

std::string read_argument_name(YamlMap& map) {
  const auto name = map.text("argument");
  if (!map.has("argument")) map.complain("argument", "is missing; which one decides?");
  return name.value_or("");
}

constexpr int64_t kUnitsMost = 1'000'000'000'000;

std::vector<tariff::UnitTier> read_tiers(YamlMap& units, const Currency& currency) {
  std::vector<tariff::UnitTier> tiers;
  for (YamlMap& map : units.maps("tiers")) {
    tariff::UnitTier& tier = tiers.emplace_back();
    tier.up_to = map.whole("upTo", 1, kUnitsMost);
    tier.amount = map.amount("amount", currency).value_or(Money());
    if (!map.has("amount")) map.complain("amount", "is missing; what does one unit cost?");
    map.finish();
  }
  return tiers;
}

tariff::UnitPolicy read_units(YamlMap map, const Currency& currency, bool needs_amount) {
  constexpr int64_t most = kUnitsMost;
  tariff::UnitPolicy units;
  units.argument = read_argument_name(map);
  units.amount = map.amount("amount", currency).value_or(Money());
  units.tiers = read_tiers(map, currency);
  if (map.has("tiers") && map.has("amount")) {
    map.complain("tiers", "stand beside `amount`; choose one");
  } else if (map.has("tiers") && units.tiers.empty()) {
    map.complain("tiers", "has no tier");
  } else if (needs_amount && !map.has("amount") && !map.has("tiers")) {
    map.complain("amount", "is missing; what does one unit cost?");
  }
  units.min = map.whole("min", 0, most).value_or(1);
  units.max = map.whole("max", 1, most).value_or(most);
  if (!map.has("max")) map.complain("max", "is missing; without it a call has no bound");
  units.when_missing = map.whole("default", 0, most);
  map.finish();
  return units;
}

tariff::ChoicePolicy read_choice(YamlMap map, const Currency& currency) {
  tariff::ChoicePolicy choice;
  choice.argument = read_argument_name(map);
  if (std::optional<YamlMap> values = map.map("values")) {
    for (const auto& [name, node] : values->entries())
      choice.values[name] = values->amount(name, currency).value_or(Money());
  }
  choice.other = map.amount("other", currency);
  choice.each = map.boolean("each").value_or(false);
  choice.when_missing = map.text("default");
  map.finish();
  return choice;
}

// Whatever is wrong is told at its key; the price then stays away.
void read_price(YamlMap& tool_map, const Currency& currency, tariff::ToolPolicy& tool) {
  const std::optional<YAML::Node> node = tool_map.node("price");
  if (node && !node->IsMap()) {
    return tool_map.complain("price", "must be a mapping of keys; a flat price is `cost`");
  }
  std::optional<YamlMap> map = tool_map.map("price");
  if (!map) return;
  tariff::PricePolicy price;
  price.base = map->amount("base", currency).value_or(Money());
  if (auto choice = map->map("byArgument")) {
    price.by_argument = read_choice(std::move(*choice), currency);
  }
  const bool needs_amount = !price.by_argument || !price.by_argument->each;
  if (auto units = map->map("perUnit")) {
    price.per_unit = read_units(std::move(*units), currency, needs_amount);
  }
  const auto per_kib = map->amount("perResultKiB", currency);
  const auto max_kib = map->whole("maxResultKiB", 1, 1024 * 1024);
  const bool has_half = map->has("perResultKiB") != map->has("maxResultKiB");
  if (has_half) {
    const bool has_price = map->has("perResultKiB");
    map->complain(has_price ? "maxResultKiB" : "perResultKiB", "is missing; both or neither");
  }
  if (per_kib && max_kib) price.result = {*per_kib, *max_kib};
  map->finish();
  if (tool_map.has("cost")) return tool_map.complain("price", "stands beside `cost`; choose one");
  const bool lacks_name = (price.per_unit && price.per_unit->argument.empty()) ||
                          (price.by_argument && price.by_argument->argument.empty());
  if (has_half || lacks_name) return;
  const auto made = tariff::ToolPrice::create(price);
  if (made) {
    tool.price = std::move(price);
  } else if (made.error().key.empty()) {
    tool_map.complain("price", made.error().what);
  } else {
    map->complain(made.error().key, made.error().what);
  }
}

void read_tool_cache(YamlMap& tool_map, const Currency& currency, tariff::ToolPolicy& tool) {
  std::optional<YamlMap> map = tool_map.map("cache");
  if (!map) return;
  constexpr int64_t week = 7 * 86'400;
  tariff::ToolCachePolicy& cache = tool.cache.emplace();
  cache.ttl_seconds = map->seconds("ttl").value_or(1);
  if (!map->has("ttl")) {
    map->complain("ttl", "is missing; for how long may an answer be given again?");
  } else if (cache.ttl_seconds < 1 || cache.ttl_seconds > week) {
    map->complain("ttl", "must be from a second to a week");
    cache.ttl_seconds = 1;
  }
  cache.cost = map->amount("cost", currency).value_or(Money());
  cache.scope = read_cache_scope(*map);
  map->finish();
}

}  // namespace

tariff::ToolPolicy read_tool(YamlMap map, const Currency& currency) {
  tariff::ToolPolicy tool;
  tool.cost = map.amount("cost", currency);
  tool.terms = read_terms(map, "cost", currency);
  read_price(map, currency, tool);
  read_tool_cache(map, currency, tool);
  tool.enabled = map.boolean("enabled").value_or(true);
  tool.require_approval = map.boolean("requireApproval").value_or(false);
  tool.approval_above = map.amount("approvalAbove", currency);
  tool.max_calls_per_hour = map.whole("maxCallsPerHour", 0, 1'000'000'000);
  tool.share = read_shares(map);
  if (std::optional<YamlMap> arguments = map.map("arguments")) {
    for (const auto& [name, node] : arguments->entries())
      read_argument(*arguments, name, node, tool);
  }
  map.finish();
  return tool;
}

}  // namespace satgate::app
