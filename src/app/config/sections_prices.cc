#include <fmt/format.h>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

void read_endpoint(YamlMap map, const std::string& path, Draft& draft) {
  const Currency& currency = draft.policy.currency;
  tariff::EndpointPolicy endpoint{map.amount("cost", currency).value_or(Money()),
                                  read_terms(map, "cost", currency), read_shares(map)};
  if (!map.has("cost") && !map.has("volume")) {
    map.complain("cost", "is missing; write `cost: 0` for a free endpoint");
  }
  draft.policy.endpoints[path] = std::move(endpoint);
  map.finish();
}

std::optional<tariff::TierPolicy> read_tier(YamlMap& above, std::string_view name,
                                            const Currency& currency) {
  std::optional<YamlMap> prices = above.map(name);
  if (!prices) return std::nullopt;
  const std::optional<Money> input = prices->amount("input", currency);
  const std::optional<Money> output = prices->amount("output", currency);
  if (!prices->has("input") || !prices->has("output")) {
    above.complain(name, "needs both input and output");
  }
  const tariff::TierPolicy tier{input.value_or(Money()), output.value_or(Money()),
                                prices->amount("cachedInput", currency),
                                prices->amount("cacheWrite", currency)};
  prices->finish();
  return tier;
}

void read_tiers(YamlMap& map, const Currency& currency, tariff::ModelPolicy& model) {
  std::optional<YamlMap> tiers = map.map("serviceTiers");
  if (!tiers) return;
  constexpr std::array<std::pair<const char*, ServiceTier>, 2> known = {
      {{"flex", ServiceTier::flex}, {"priority", ServiceTier::priority}}};
  for (const auto& [name, tier] : known) {
    if (const auto prices = read_tier(*tiers, name, currency)) model.tiers[tier] = *prices;
  }
  tiers->finish();
}

void read_model(YamlMap map, const std::string& name, Draft& draft) {
  const Currency& currency = draft.policy.currency;
  tariff::ModelPolicy model;
  model.cost = map.amount("cost", currency);
  model.input = map.amount("input", currency);
  model.cached_input = map.amount("cachedInput", currency);
  model.cache_write = map.amount("cacheWrite", currency);
  model.output = map.amount("output", currency);
  model.reasoning = map.amount("reasoning", currency);
  model.image = map.amount("image", currency);
  model.characters = map.amount("characters", currency);
  read_tiers(map, currency, model);
  model.batch = read_tier(map, "batch", currency);
  if (auto context = map.whole("context", 1, 1'000'000'000)) {
    model.context = static_cast<uint64_t>(*context);
  }
  if (auto max = map.whole("maxOutput", 1, 100'000'000)) {
    model.max_output = static_cast<uint64_t>(*max);
  }
  map.finish();
  draft.policy.models[name] = model;
}

SpendLimits read_windows(YamlMap& map, const Currency& currency, std::array<const char*, 4> keys) {
  SpendLimits limits;
  constexpr std::array windows = {Window::hour, Window::day, Window::month, Window::lifetime};
  for (size_t i = 0; i < keys.size(); ++i) {
    if (auto amount = map.amount(keys[i], currency)) limits[windows[i]] = *amount;
  }
  return limits;
}

}  // namespace

void read_prices(YamlMap& root, Draft& draft) {
  if (std::optional<YamlMap> tools = root.map("tools")) {
    for (const auto& [name, node] : tools->entries()) {
      draft.policy.tools[name] = read_tool(tools->child(name, node), draft.policy.currency);
    }
  }
  if (std::optional<YamlMap> endpoints = root.map("endpoints")) {
    for (const auto& [path, node] : endpoints->entries()) {
      read_endpoint(endpoints->child(path, node), path, draft);
    }
  }
  if (std::optional<YamlMap> models = root.map("models")) {
    for (const auto& [name, node] : models->entries()) {
      read_model(models->child(name, node), name, draft);
    }
  }
}

void read_policy(YamlMap map, const std::string& token, Draft& draft) {
  tariff::TokenPolicy& policy = draft.policy.tokens[token];
  const Currency& currency = draft.policy.currency;
  policy.limits = read_windows(
      map, currency,
      {"totalHourlyCredits", "totalDailyCredits", "totalMonthlyCredits", "totalCredits"});
  if (std::optional<YamlMap> tools = map.map("tools")) {
    for (const auto& [name, node] : tools->entries()) {
      policy.tools[name] = read_tool(tools->child(name, node), currency);
    }
  }
  read_loop_guard_of(map, token, draft);
  read_routing_of(map, token, draft);
  map.finish();
}

void read_budgets(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("budgets");
  if (!map) return;
  for (const auto& [name, node] : map->entries()) {
    YamlMap inner = map->child(name, node);
    BudgetRecord budget;
    budget.name = name;
    budget.from_config = true;
    budget.limits =
        read_windows(inner, draft.policy.currency, {"hourly", "daily", "monthly", "total"});
    budget.parent = inner.text("parent").value_or("");
    inner.finish();
    draft.settings.budgets.push_back(std::move(budget));
  }
  for (const BudgetRecord& budget : draft.settings.budgets) {
    const std::string* at = &budget.parent;
    for (size_t depth = 0; !at->empty(); ++depth) {
      const std::string* next = nullptr;
      for (const BudgetRecord& other : draft.settings.budgets) {
        if (other.name == *at) next = &other.parent;
      }
      if (next == nullptr) {
        map->complain(budget.name, fmt::format("its parent '{}' is not under `budgets`", *at));
        break;
      }
      if (depth > draft.settings.budgets.size()) {
        map->complain(budget.name, "its parents form a circle");
        break;
      }
      at = next;
    }
  }
}

}  // namespace satgate::app
