// routing, and policies.TOKENNAME.routing.
#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

// `gpt-4o-mini`, or a mapping of patterns of the asked model to models.
flow::ModelChoice read_choice(YamlMap& map, const std::string& key) {
  flow::ModelChoice choice;
  const std::optional<YAML::Node> node = map.node(key);
  if (!node) return choice;
  if (node->IsScalar()) {
    if (const auto model = map.text(key)) choice.add("*", *model);
    return choice;
  }
  YamlMap inner = map.child(key, *node);
  for (const auto& [asked, value] : inner.entries()) {
    if (const auto model = inner.text(asked)) choice.add(asked, *model);
  }
  inner.finish();
  return choice;
}

void read_low_stakes(YamlMap& parent, flow::RoutingRule& rule) {
  const std::optional<YAML::Node> node = parent.node("lowStakes");
  if (!node) return;
  flow::LowStakes low;
  if (node->IsScalar()) {
    low.use = read_choice(parent, "lowStakes");
    rule.low_stakes = std::move(low);
    return;
  }
  YamlMap map = parent.child("lowStakes", *node);
  if (!map.has("use")) map.complain("use", "is missing; which model serves calls of low stakes?");
  low.use = read_choice(map, "use");
  constexpr int64_t most = 100'000'000;
  low.input_below = static_cast<uint64_t>(map.whole("inputBelow", 1, most).value_or(0));
  low.output_below = static_cast<uint64_t>(map.whole("outputBelow", 1, most).value_or(0));
  if ((low.input_below == 0) != (low.output_below == 0)) {
    map.complain("inputBelow", "and `outputBelow` belong together; give both, or none of them");
  }
  map.finish();
  rule.low_stakes = std::move(low);
}

void read_budget_steps(YamlMap& parent, flow::RoutingRule& rule) {
  std::optional<YamlMap> map = parent.map("onBudgetBelow");
  if (!map) return;
  for (const auto& [key, node] : map->entries()) {
    const std::optional<int> percent = parse_percent(key);
    if (percent.value_or(0) < 1) {
      map->complain(key, "must be a share of the budget, from 1% to 100%");
      continue;
    }
    rule.budget_steps.push_back({*percent, read_choice(*map, key)});
  }
  map->finish();
  std::ranges::sort(rule.budget_steps, {}, &flow::BudgetStep::below_percent);
}

flow::ModelTarget read_target(YamlMap& map, const std::string& asked, const YAML::Node& node) {
  flow::ModelTarget target;
  if (node.IsScalar()) {
    target.model = node.Scalar();
    return target;
  }
  YamlMap inner = map.child(asked, node);
  target.model = inner.text("model").value_or("");
  target.upstream = inner.text("upstream").value_or("");
  inner.finish();
  return target;
}

void read_fallbacks(YamlMap& parent, flow::RoutingRule& rule) {
  std::optional<YamlMap> map = parent.map("fallbacks");
  if (!map) return;
  for (const auto& [asked, node] : map->entries()) {
    std::vector<flow::ModelTarget>& targets = rule.fallbacks[asked];
    if (!node.IsSequence()) {
      targets.push_back(read_target(*map, asked, node));
    } else {
      for (const YAML::Node& one : node)
        targets.push_back(read_target(*map, asked, one));
    }
    const auto is_empty = [](const flow::ModelTarget& target) {
      return target.model.empty() && target.upstream.empty();
    };
    if (std::ranges::any_of(targets, is_empty)) {
      map->complain(asked, "each fallback needs a model, an upstream, or both");
    }
  }
  map->finish();
}

std::optional<flow::RoutingRule> read_rule(YamlMap& parent) {
  std::optional<YamlMap> map = parent.map("routing");
  if (!map) return std::nullopt;
  flow::RoutingRule rule;
  read_low_stakes(*map, rule);
  read_budget_steps(*map, rule);
  read_fallbacks(*map, rule);
  map->finish();
  return rule;
}

// What a rule names must be there: a call is never sent where nobody knows its price.
class RuleCheck {
 public:
  RuleCheck(const flow::Settings& settings, std::vector<std::string>& errors)
      : settings_(settings), errors_(errors) {}

  void check(const std::string& where, const flow::RoutingRule& rule) {
    if (rule.low_stakes) check(where + ".lowStakes", rule.low_stakes->use);
    for (const flow::BudgetStep& step : rule.budget_steps)
      check(fmt::format("{}.onBudgetBelow.{}%", where, step.below_percent), step.use);
    for (const auto& [asked, targets] : rule.fallbacks) {
      for (const flow::ModelTarget& target : targets)
        check(fmt::format("{}.fallbacks.{}", where, asked), target);
    }
  }

 private:
  void check(const std::string& where, const flow::ModelChoice& choice) {
    for (const flow::ModelChoice::Entry& entry : choice.entries())
      check_model(where, entry.model);
  }

  void check(const std::string& where, const flow::ModelTarget& target) {
    if (!target.model.empty()) check_model(where, target.model);
    if (target.upstream.empty()) return;
    const auto found =
        std::ranges::find(settings_.upstreams, target.upstream, &flow::Upstream::name);
    if (found == settings_.upstreams.end()) {
      complain(where, fmt::format("there is no upstream '{}' under `upstreams`", target.upstream));
    } else if (found->kind == flow::UpstreamKind::http) {
      complain(where, fmt::format("upstream '{}' is no LLM provider: its `kind` is http",
                                  target.upstream));
    } else if (std::ranges::count(settings_.upstreams, found->kind, &flow::Upstream::kind) < 2) {
      complain(where,
               fmt::format("no other upstream is of the kind of '{}', so no call can be sent "
                           "there in its place",
                           target.upstream));
    } else if (found->passthrough) {
      complain(where, fmt::format("upstream '{}' has no credential of its own", target.upstream));
    }
  }

  void check_model(const std::string& where, const std::string& model) {
    if (settings_.tariff->has_price(model)) return;
    complain(where,
             fmt::format("there is no price for the model '{}'; write one under `models`", model));
  }

  void complain(const std::string& where, const std::string& what) {
    errors_.push_back(fmt::format("{}: {}", where, what));
  }

  const flow::Settings& settings_;
  std::vector<std::string>& errors_;
};

}  // namespace

void check_routing(const flow::Settings& settings, std::vector<std::string>& errors) {
  if (!settings.routing) return;
  RuleCheck checks(settings, errors);
  checks.check("routing", settings.routing->everywhere);
  for (const auto& [token, rule] : settings.routing->tokens)
    checks.check(fmt::format("policies.{}.routing", token), rule);
}

void read_routing(YamlMap& root, Draft& draft) {
  if (auto rule = read_rule(root)) {
    draft.settings.routing.emplace().everywhere = std::move(*rule);
  }
}

void read_routing_of(YamlMap& policy, const std::string& token, Draft& draft) {
  auto rule = read_rule(policy);
  if (!rule) return;
  if (!draft.settings.routing) draft.settings.routing.emplace();
  draft.settings.routing->tokens[token] = std::move(*rule);
}

}  // namespace satgate::app
