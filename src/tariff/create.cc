// From a Policy to frozen tables, collecting every mistake on the way.
#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "tariff/tables.h"
#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

// What is called at a server and is no tool, by itself or as "SERVER.METHOD".
bool is_method(std::string_view name) {
  constexpr std::string_view kMethods[] = {"resources/read", "prompts/get", "completion/complete"};
  return std::ranges::any_of(kMethods, [&](std::string_view m) { return name.ends_with(m); });
}

class Compiler {
 public:
  explicit Compiler(Policy policy)
      : policy_(std::move(policy)), tables_(std::make_unique<Tables>()) {}

  // The tables, or all complaints, one a line.
  Result<std::unique_ptr<const Tables>> run();

 private:
  void complain(std::string_view where, std::string_view what) {
    if (!errors_.empty()) errors_ += '\n';
    errors_ += fmt::format("{}: {}", where, what);
  }
  void check_amount(std::string_view where, const std::optional<Money>& amount) {
    if (amount && amount->is_negative()) complain(where, "must not be negative");
  }
  void check_limits(std::string_view where, const SpendLimits& limits) {
    for (const Money limit : limits.max)
      check_amount(where, limit);
  }
  void check_count(std::string_view where, const std::optional<int64_t>& count) {
    if (count && *count < 0) complain(where, "must not be negative");
  }

  void check_shares(std::string_view where, const std::optional<Shares>& shares);
  TokenRates in_credits(const TokenRates& usd) const;
  std::optional<ToolPrice> tool_price(std::string_view where, const ToolPolicy& tool);
  std::optional<Terms> terms(std::string_view rule, std::string_view where, Money cost,
                             const TermsPolicy& policy);
  std::optional<ToolCache> tool_cache(std::string_view where, const ToolPolicy& tool);
  std::vector<ArgumentRule> argument_rules(std::string_view where, const ToolPolicy& tool);
  ToolRule tool_rule(std::string_view table, const std::string& name, const ToolPolicy& tool);
  void add_builtin_models();
  void add_servers();
  void add_tokens();
  void add_endpoints();
  void add_models();
  TokenRates tier_rates(std::string_view where, const TierPolicy& tier);
  std::optional<TokenRates> batch_rates(std::string_view where, const ModelPolicy& policy,
                                        const TokenRates& usual);
  std::optional<PricedModel> model(const std::string& name, const ModelPolicy& policy);

  Policy policy_;
  std::unique_ptr<Tables> tables_;
  std::string errors_;
};

PathEntry calls_per_hour(std::string_view kind, std::string_view name, int64_t count) {
  PathEntry entry;
  entry.account = account_id(kind, name);
  entry.kind = AccountKind::rate;
  entry.limits[Window::hour] = Money::credits(count);
  return entry;
}

void Compiler::check_shares(std::string_view where, const std::optional<Shares>& shares) {
  if (!shares) return;
  tables_->has_shares = true;
  if (shares->size() > kSharesMax) {
    complain(fmt::format("{}.share", where),
             fmt::format("names more than {} partners", kSharesMax));
  }
  uint64_t sum = 0;
  for (const Share& share : *shares) {
    sum += share.millionths;
    if (is_partner_name(share.partner)) continue;
    complain(fmt::format("{}.share.{}", where, share.partner),
             fmt::format("is no name of a partner: letters, digits and . _ @ -, at most {}",
                         kPartnerBytesMax));
  }
  if (sum > kWholeShare) complain(fmt::format("{}.share", where), "is more than 100% together");
}

// A currency's smallest part is never lost: every rate rounds up.
TokenRates Compiler::in_credits(const TokenRates& usd) const {
  const auto convert = [&](int64_t nano_usd) {
    const __int128 product = static_cast<__int128>(nano_usd) * policy_.currency.nano_per_usd;
    const __int128 nano = (product + (kNanoPerCredit - 1)) / kNanoPerCredit;
    return nano > INT64_MAX ? INT64_MAX : static_cast<int64_t>(nano);
  };
  return {convert(usd.input), convert(usd.cached_input), convert(usd.cache_write),
          convert(usd.output), convert(usd.cache_write_1h)};
}

Result<std::unique_ptr<const Tables>> Compiler::run() {
  if (policy_.currency.nano_per_usd <= 0) {
    complain("currency.usdPerCredit", "must be above zero");
    return fail(errors_);
  }
  tables_->output_tokens_default = policy_.output_tokens_default;
  if (policy_.output_tokens_default == 0) {
    complain("limits.outputTokensDefault", "must be above zero");
  }
  if (policy_.builtin_models) add_builtin_models();
  add_servers();
  for (const auto& [name, tool] : policy_.tools)
    tables_->tools.add(tool_rule("tools", name, tool));
  tables_->tools.freeze();
  add_tokens();
  add_endpoints();
  for (const auto& [name, price] : policy_.routes) {
    std::string rule = fmt::format("routes.{}.price", name);
    check_amount(rule, price.cost);
    auto on = terms(rule, fmt::format("routes.{}", name), price.cost, price.terms);
    const Money most = on ? on->most() : price.cost;
    tables_->routes.emplace(name, RouteRule{std::move(rule), most, std::move(on)});
  }
  for (const auto& [name, shares] : policy_.route_shares) {
    check_shares(fmt::format("routes.{}", name), shares);
    tables_->route_shares.emplace(name, shares);
  }
  add_models();
  if (!errors_.empty()) return fail(std::move(errors_));
  return std::move(tables_);
}

void Compiler::add_builtin_models() {
  for (const BuiltinModel& entry : builtin_models()) {
    const BuiltinPrices& prices = builtin_prices()[entry.prices];
    PricedModel model;
    model.name = entry.name;
    model.rule = fmt::format("models.{}", entry.name);
    model.base = in_credits(prices.base);
    model.long_context = in_credits(prices.long_context);
    model.long_above = prices.long_above;
    model.context = entry.context;
    model.max_output = entry.max_output;
    model.dated = entry.dated;
    model.offered = entry.offered;
    model.provider = entry.provider;
    model.kind = entry.kind;
    tables_->builtin_models.emplace(model.name, std::move(model));
  }
}

std::optional<Terms> Compiler::terms(std::string_view rule, std::string_view where, Money cost,
                                     const TermsPolicy& policy) {
  if (!policy.any()) return std::nullopt;
  auto made = Terms::create(rule, cost, policy, policy_.timezone);
  if (policy.dynamic && policy.dynamic->pricer) tables_->has_pricers = true;
  if (made) return std::move(*made);
  complain(fmt::format("{}.{}", where, made.error().key), made.error().what);
  return std::nullopt;
}

void Compiler::add_servers() {
  for (const auto& [name, policy] : policy_.servers) {
    const std::string where = fmt::format("mcpServers.{}.policy", name);
    check_amount(where + ".price", policy.price);
    check_amount(where + ".approvalAbove", policy.approval_above);
    check_limits(where, policy.limits);
    check_count(where + ".maxCallsPerHour", policy.max_calls_per_hour);
    check_shares(where, policy.share);
    ServerRule& rule = tables_->servers[name];
    rule.rule = where + ".price";
    rule.policy = policy;
    rule.limit_label = fmt::format("tool {}", name);
    rule.rate_label = fmt::format("calls of {}", name);
    if (policy.limits.any()) {
      rule.limit = {account_id("tool-limit", name), AccountKind::tool, policy.limits,
                    rule.limit_label};
    }
    if (policy.max_calls_per_hour) {
      rule.rate = calls_per_hour("tool-rate", name, *policy.max_calls_per_hour);
      rule.rate->label = rule.rate_label;
    }
  }
}

std::vector<ArgumentRule> Compiler::argument_rules(std::string_view where, const ToolPolicy& tool) {
  std::vector<ArgumentRule> rules;
  for (const auto& [name, policy] : tool.arguments) {
    auto rule = ArgumentRule::create(name, policy);
    if (rule) {
      rules.push_back(std::move(*rule));
    } else {
      const std::string key = rule.error().key.empty() ? "" : "." + rule.error().key;
      complain(fmt::format("{}.arguments.{}{}", where, name, key), rule.error().what);
    }
  }
  return rules;
}

std::optional<ToolPrice> Compiler::tool_price(std::string_view where, const ToolPolicy& tool) {
  if (tool.cost && tool.price) complain(where, "has a `cost` and a `price`; choose one");
  if (tool.terms.any() && tool.price) complain(where, "has a `price`, which nothing moves");
  if (tool.terms.volume && !tool.cost) return ToolPrice::flat(Money());
  if (tool.cost) return ToolPrice::flat(*tool.cost);
  if (!tool.price) return std::nullopt;
  auto price = ToolPrice::create(*tool.price);
  if (price) return std::move(*price);
  const std::string key = price.error().key.empty() ? "" : "." + price.error().key;
  complain(fmt::format("{}.price{}", where, key), price.error().what);
  return std::nullopt;
}

std::optional<ToolCache> Compiler::tool_cache(std::string_view where, const ToolPolicy& tool) {
  if (!tool.cache) return std::nullopt;
  if (tool.cache->ttl_seconds <= 0) complain(fmt::format("{}.cache.ttl", where), "must be above 0");
  check_amount(fmt::format("{}.cache.cost", where), tool.cache->cost);
  return ToolCache{*tool.cache, fmt::format("{}.cache", where)};
}

ToolRule Compiler::tool_rule(std::string_view table, const std::string& name,
                             const ToolPolicy& tool) {
  ToolRule rule;
  rule.name = name;
  rule.rule = fmt::format("{}.{}", table, name);
  rule.policy = tool;
  if (name.empty()) complain(rule.rule, "needs a name");
  check_amount(rule.rule + ".cost", tool.cost);
  check_amount(rule.rule + ".approvalAbove", tool.approval_above);
  check_shares(rule.rule, tool.share);
  rule.price = tool_price(rule.rule, tool);
  rule.terms = terms(rule.rule, rule.rule, tool.cost.value_or(Money()), tool.terms);
  if (rule.terms) rule.price = ToolPrice::flat(rule.terms->most());
  rule.cache = tool_cache(rule.rule, tool);
  if (rule.price && rule.price->depends_on_arguments() && is_method(name)) {
    complain(rule.rule + ".price", "depends on arguments, which only tools have");
  }
  if (rule.cache && is_method(name)) {
    complain(rule.rule + ".cache", "is not looked at: only what tools answer is kept");
  }
  rule.arguments = argument_rules(rule.rule, tool);
  if (!rule.arguments.empty() && is_method(name)) {
    complain(rule.rule + ".arguments", "is not looked at: only tools have arguments with rules");
  }
  check_count(rule.rule + ".maxCallsPerHour", tool.max_calls_per_hour);
  if (tool.max_calls_per_hour) {
    rule.rate_label = fmt::format("calls of {}", rule.rule);
    rule.rate = calls_per_hour("rate", rule.rule, *tool.max_calls_per_hour);
  }
  return rule;
}

void Compiler::add_tokens() {
  for (const auto& [name, policy] : policy_.tokens) {
    const std::string where = fmt::format("policies.{}", name);
    check_limits(where, policy.limits);
    TokenRules& rules = tables_->tokens[name];
    rules.limit_label = fmt::format("policy {}", name);
    if (policy.limits.any()) {
      rules.limit = {account_id("policy", name), AccountKind::policy, policy.limits,
                     rules.limit_label};
    }
    for (const auto& [tool_name, tool] : policy.tools) {
      rules.tools.add(tool_rule(where + ".tools", tool_name, tool));
    }
    rules.tools.freeze();
  }
}

void Compiler::add_endpoints() {
  for (const auto& [path, policy] : policy_.endpoints) {
    EndpointRule rule{path, fmt::format("endpoints.{}", path), policy.cost, {}, policy.share};
    check_shares(rule.rule, policy.share);
    check_amount(rule.rule + ".cost", policy.cost);
    rule.terms = terms(rule.rule, rule.rule, policy.cost, policy.terms);
    if (rule.terms) rule.cost = rule.terms->most();
    if (!path.starts_with('/') && path != "*") complain(rule.rule, "must start with a slash");
    if (path.contains('*')) {
      tables_->endpoint_patterns.push_back(std::move(rule));
      continue;
    }
    std::string key = path;
    while (key.size() > 1 && key.ends_with('/'))
      key.pop_back();
    if (!tables_->endpoints.emplace(std::move(key), std::move(rule)).second) {
      complain(fmt::format("endpoints.{}", path), "is there twice but for the final slash");
    }
  }
  // Most specific first; of equally specific ones the dearest.
  std::ranges::sort(tables_->endpoint_patterns, [](const auto& a, const auto& b) {
    return std::tuple(glob_weight(a.path), a.cost, std::string_view(a.path)) >
           std::tuple(glob_weight(b.path), b.cost, std::string_view(b.path));
  });
}

TokenRates Compiler::tier_rates(std::string_view where, const TierPolicy& tier) {
  for (const auto& amount :
       {std::optional(tier.input), std::optional(tier.output), tier.cached_input, tier.cache_write})
    check_amount(where, amount);
  const Money write = tier.cache_write.value_or(tier.input);
  return {tier.input.nano(), tier.cached_input.value_or(tier.input).nano(), write.nano(),
          tier.output.nano(), write.nano()};
}

// A write to the cache costs more than input: what is not said is as dear as it ever is.
std::optional<TokenRates> Compiler::batch_rates(std::string_view where, const ModelPolicy& policy,
                                                const TokenRates& usual) {
  if (!policy.batch) return std::nullopt;
  TokenRates rates = tier_rates(where, *policy.batch);
  if (!policy.batch->cache_write) {
    rates.cache_write = std::max(rates.input, usual.cache_write);
    rates.cache_write_1h = std::max(rates.input, usual.cache_write_1h);
  }
  return rates;
}

std::optional<PricedModel> Compiler::model(const std::string& name, const ModelPolicy& policy) {
  PricedModel model;
  const std::string where = fmt::format("models.{}", name);
  const bool rates = policy.input || policy.output || policy.cached_input || policy.cache_write;
  const bool units = policy.image || policy.characters;
  for (const auto& amount : {policy.cost, policy.input, policy.cached_input, policy.cache_write,
                             policy.output, policy.reasoning, policy.image, policy.characters}) {
    check_amount(where, amount);
  }
  if (policy.cost && rates) complain(where, "has a cost per call and rates per token; choose one");
  if (rates && !(policy.input && policy.output)) complain(where, "needs both input and output");
  if (policy.max_output == 0u) complain(where + ".max_output", "must be above zero");
  if (policy.cost && (units || policy.reasoning || !policy.tiers.empty() || policy.batch)) {
    complain(where, "has a cost per call and prices by another measure; choose one");
  }
  if (!policy.cost && !rates) {
    const auto it = tables_->builtin_models.find(name);
    if (it != tables_->builtin_models.end()) {
      model = it->second;
    } else if (!units) {
      complain(where, "has no price: write cost, or input and output per million tokens");
      return std::nullopt;
    } else {
      model.only_units = true;
    }
  }
  model.name = name;
  model.rule = where;
  if (policy.context) model.context = *policy.context;
  if (policy.max_output) model.max_output = *policy.max_output;
  if (policy.cost) {
    model.per_call = true;
    model.call_cost = *policy.cost;
  } else if (rates) {
    const int64_t input = policy.input.value_or(Money()).nano();
    model.base = {input, policy.cached_input.value_or(Money::nano(input)).nano(),
                  policy.cache_write.value_or(Money::nano(input)).nano(),
                  policy.output.value_or(Money()).nano(),
                  policy.cache_write.value_or(Money::nano(input)).nano()};
    model.long_context = model.base;
  }
  if (policy.reasoning) model.reasoning = policy.reasoning->nano();
  model.image = policy.image;
  model.characters = policy.characters;
  for (const auto& [tier, prices] : policy.tiers)
    model.tiers[static_cast<size_t>(tier)] = tier_rates(where + ".serviceTiers", prices);
  model.batch = batch_rates(where + ".batch", policy, model.base);
  return model;
}

void Compiler::add_models() {
  for (const auto& [name, policy] : policy_.models) {
    auto compiled = model(name, policy);
    if (!compiled) continue;
    if (!name.contains('*')) {
      tables_->config_models.emplace(name, std::move(*compiled));
    } else {
      tables_->model_patterns.push_back(std::move(*compiled));
    }
  }
  std::ranges::sort(tables_->model_patterns, [](const auto& a, const auto& b) {
    const auto order = [](const PricedModel& m) {
      return std::tuple(glob_weight(m.name), m.call_cost, m.base.output, std::string_view(m.name));
    };
    return order(a) > order(b);
  });
}

}  // namespace

Result<std::unique_ptr<const Tariff>> Tariff::create(Policy policy) {
  TRY_ASSIGN(auto tables, Compiler(std::move(policy)).run());
  return std::unique_ptr<const Tariff>(new Tariff(std::move(tables)));
}

}  // namespace satgate::tariff
