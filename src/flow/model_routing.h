// routing, policies.TOKENNAME.routing: which model serves a call in place of the one it asks for.
// Rules say what may be tried; the Passage takes it only where the token allows it, and prices it
// before it is sent.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace satgate::flow {

// One model for all, or one by a pattern of the model that was asked for, most specific first.
class ModelChoice {
 public:
  void add(std::string asked, std::string model);
  // Empty: none for this model.
  std::string_view of(std::string_view asked) const;

  struct Entry {
    std::string asked;  // `*` matches any run
    std::string model;
  };
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

struct LowStakes {
  ModelChoice use;
  // A call that is not marked counts as low if it is smaller than both: tokens, as far as they are
  // bounded. 0: only what is marked does.
  uint64_t input_below = 0;
  uint64_t output_below = 0;
};

// onBudgetBelow: when the tightest limit has less than this left, in percent.
struct BudgetStep {
  int below_percent = 0;
  ModelChoice use;
};

struct ModelTarget {
  std::string model;     // empty: the one that was asked for
  std::string upstream;  // empty: the one that failed
};

struct RoutingRule {
  std::optional<LowStakes> low_stakes;
  std::vector<BudgetStep> budget_steps;                                    // the lowest first
  std::map<std::string, std::vector<ModelTarget>, std::less<>> fallbacks;  // by the asked model

  // The fallbacks of the closest pattern that fits; null: none.
  const std::vector<ModelTarget>* fallbacks_of(std::string_view asked) const;
};

struct RoutingRules {
  RoutingRule everywhere;
  std::map<std::string, RoutingRule, std::less<>> tokens;  // by name of the root token

  const RoutingRule& of(std::string_view token_name) const {
    const auto found = tokens.find(token_name);
    return found == tokens.end() ? everywhere : found->second;
  }
};

}  // namespace satgate::flow
