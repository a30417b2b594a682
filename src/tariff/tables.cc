#include "tariff/tables.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace satgate::tariff {
namespace {

bool is_pattern(std::string_view name) {
  return name.contains('*');
}

// How closely a rule names a call: what is named counts before how many characters name it.
enum class Closeness : uint64_t { none, any, server_pattern, server, tool_pattern, tool };

uint64_t rank(Closeness closeness, size_t weight) {
  return (static_cast<uint64_t>(closeness) << 32) | std::min<size_t>(weight, UINT32_MAX);
}

uint64_t pattern_rank(std::string_view pattern, const Names& names) {
  const size_t weight = glob_weight(pattern);
  if (weight == 0) return rank(Closeness::any, 0);
  // A pattern without a dot does not reach across the dot of "SERVER.TOOL".
  const std::string_view joined = pattern.contains('.') ? names.joined : std::string_view();
  for (const std::string_view name : {names.tool, names.listed, joined}) {
    if (!name.empty() && glob_match(pattern, name)) return rank(Closeness::tool_pattern, weight);
  }
  if (glob_match(pattern, names.server)) return rank(Closeness::server_pattern, weight);
  return 0;
}

// Dated variants: "-2024-08-06" or "-20240806".
std::optional<std::string_view> without_date(std::string_view name) {
  const auto shape_is = [&](std::string_view shape) {
    if (name.size() <= shape.size()) return false;
    const std::string_view end = name.substr(name.size() - shape.size());
    return std::ranges::equal(end, shape, [](char c, char want) {
      return want == '0' ? c >= '0' && c <= '9' : c == want;
    });
  };
  for (const std::string_view shape : {"-0000-00-00", "-00000000"}) {
    if (shape_is(shape)) return name.substr(0, name.size() - shape.size());
  }
  return std::nullopt;
}

}  // namespace

std::optional<Names> NameBuffer::names(std::string_view server, std::string_view tool,
                                       std::string_view listed) {
  if (tool.empty()) return Names{server, tool, listed, {}};
  const size_t size = server.size() + 1 + tool.size();
  if (size > bytes_.size()) return std::nullopt;
  server.copy(bytes_.data(), server.size());
  bytes_[server.size()] = '.';
  tool.copy(bytes_.data() + server.size() + 1, tool.size());
  return Names{server, tool, listed, {bytes_.data(), size}};
}

void ToolTable::add(ToolRule rule) {
  rules_.push_back(std::move(rule));
}

void ToolTable::freeze() {
  for (size_t i = 0; i < rules_.size(); ++i) {
    ToolRule& rule = rules_[i];
    if (rule.rate) rule.rate->label = rule.rate_label;
    has_argument_rules_ = has_argument_rules_ || !rule.arguments.empty();
    has_prices_by_argument_ =
        has_prices_by_argument_ || (rule.price && rule.price->depends_on_arguments());
    has_caches_ = has_caches_ || rule.cache;
    if (is_pattern(rule.name)) {
      patterns_.push_back(i);
    } else {
      exact_.emplace(rule.name, i);
    }
  }
}

// Visits each rule that names the call, once, with its rank.
template <class Visit>
void ToolTable::each_match(const Names& names, Visit&& visit) const {
  const std::array spellings = {names.joined, names.tool, names.listed};
  for (size_t i = 0; i < spellings.size(); ++i) {
    const bool repeated =
        std::find(spellings.begin(), spellings.begin() + i, spellings[i]) != spellings.begin() + i;
    if (spellings[i].empty() || repeated) continue;
    const auto it = exact_.find(spellings[i]);
    if (it != exact_.end()) visit(rules_[it->second], rank(Closeness::tool, 0));
  }
  const bool is_tool =
      std::find(spellings.begin(), spellings.end(), names.server) != spellings.end();
  if (const auto it = exact_.find(names.server); it != exact_.end() && !is_tool) {
    visit(rules_[it->second], rank(Closeness::server, 0));
  }
  for (const size_t i : patterns_) {
    const uint64_t closeness = pattern_rank(rules_[i].name, names);
    if (closeness > 0) visit(rules_[i], closeness);
  }
}

ToolVerdict ToolTable::look_up(const Names& names) const {
  ToolVerdict verdict;
  uint64_t priced_rank = 0, cached_rank = 0, deciding_rank = 0, asking_rank = 0, shared_rank = 0;
  each_match(names, [&](const ToolRule& rule, uint64_t closeness) {
    const ToolPolicy& policy = rule.policy;
    if (rule.price &&
        (closeness > priced_rank ||
         (closeness == priced_rank && rule.price->bound() > verdict.priced->price->bound()))) {
      priced_rank = closeness;
      verdict.priced = &rule;
    }
    if (rule.cache && (closeness > cached_rank ||
                       (closeness == cached_rank &&
                        rule.cache->ttl_seconds < verdict.cached->cache->ttl_seconds))) {
      cached_rank = closeness;
      verdict.cached = &rule;
    }
    if (policy.share && closeness > shared_rank) {
      shared_rank = closeness;
      verdict.shared = &rule;
    }
    const auto& above = policy.approval_above;
    if (above && (closeness > asking_rank ||
                  (closeness == asking_rank && *above < *verdict.approval_above))) {
      asking_rank = closeness;
      verdict.approval_above = above;
    }
    if (closeness > deciding_rank) {
      deciding_rank = closeness;
      verdict.enabled = policy.enabled;
      verdict.require_approval = policy.require_approval;
    } else if (closeness == deciding_rank) {
      verdict.enabled = verdict.enabled && policy.enabled;
      verdict.require_approval = verdict.require_approval || policy.require_approval;
    }
  });
  return verdict;
}

bool ToolTable::add_rates(Path& path, const Names& names) const {
  bool fits = true;
  each_match(names, [&](const ToolRule& rule, uint64_t) {
    if (rule.rate) fits = path.add(*rule.rate) && fits;
  });
  return fits;
}

void ToolTable::add_argument_rules(std::vector<const ArgumentRule*>& rules,
                                   const Names& names) const {
  if (!has_argument_rules_) return;
  each_match(names, [&](const ToolRule& rule, uint64_t) {
    for (const ArgumentRule& argument : rule.arguments)
      rules.push_back(&argument);
  });
}

const PricedModel* Tables::find_model(std::string_view name) const {
  if (const auto it = config_models.find(name); it != config_models.end()) return &it->second;
  for (const PricedModel& model : model_patterns) {
    if (glob_match(model.name, name)) return &model;
  }
  if (const auto it = builtin_models.find(name); it != builtin_models.end()) return &it->second;
  const auto stem = without_date(name);
  if (!stem) return nullptr;
  const auto it = builtin_models.find(*stem);
  return it != builtin_models.end() && it->second.dated ? &it->second : nullptr;
}

const EndpointRule* Tables::find_endpoint(std::string_view path) const {
  std::string_view exact = path;
  while (exact.size() > 1 && exact.ends_with('/'))
    exact.remove_suffix(1);
  if (const auto it = endpoints.find(exact); it != endpoints.end()) return &it->second;
  for (const EndpointRule& rule : endpoint_patterns) {
    if (glob_match(rule.path, path)) return &rule;
  }
  return nullptr;
}

const TokenRules* Tables::find_token(std::string_view name) const {
  const auto it = tokens.find(name);
  return it == tokens.end() ? nullptr : &it->second;
}

const ServerRule* Tables::find_server(const Call& call) const {
  if (call.protocol != Protocol::mcp) return nullptr;
  const auto it = servers.find(call.upstream);
  return it == servers.end() ? nullptr : &it->second;
}

}  // namespace satgate::tariff
