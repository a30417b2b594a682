// The price of a tool, ready to be asked: a base, so many units as an argument says, a choice by
// another argument, and the size of the answer (docs/reference/config.md, "Prices by argument").
//
// Every part is bounded before the call is sent, by what the server will be given: an argument that
// it could read as another, or that is not what the price asks for, has no price.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "tariff/argument_rules.h"
#include "tariff/decimal.h"
#include "tariff/policy.h"

namespace satgate::tariff {

class ToolPrice {
 public:
  static ToolPrice flat(Money cost);
  // A mistake names the key: "perUnit.max".
  static std::expected<ToolPrice, ArgumentMistake> create(const PricePolicy& policy);

  // The most that any call can cost.
  Money bound() const { return bound_; }
  // What a call with these arguments costs, its answer aside. Nothing: they do not say.
  std::optional<Money> fixed(std::string_view arguments) const;
  // What its answer costs at most, and how large it then is; nothing: its size costs nothing.
  std::optional<uint64_t> result_bytes_bound() const { return result_bytes_; }
  Money per_result_kib() const;

  bool depends_on_arguments() const { return units_.has_value() || choice_.has_value(); }
  // What the arguments must be to have a price.
  void add_argument_rules(std::vector<const ArgumentRule*>& rules) const;
  // As the config has it; null: flat.
  const PricePolicy* policy() const { return policy_ ? &*policy_ : nullptr; }

 private:
  struct Choice {
    std::string text;
    std::optional<Decimal> number;
    Money amount;
  };
  std::optional<ArgumentMistake> add_units();
  std::optional<ArgumentMistake> add_choice();
  std::optional<ArgumentMistake> add_result();
  std::optional<ArgumentMistake> sum_up();
  Money chosen(const ArgumentRule::Value& value) const;

  Money bound_, base_;
  std::optional<PricePolicy> policy_;
  std::optional<ArgumentRule> units_, choice_;
  std::vector<Choice> choices_;
  std::optional<uint64_t> result_bytes_;
};

// tools.NAME.cache, with the name of the rule for the record.
struct ToolCache : ToolCachePolicy {
  std::string rule;
};

// Bytes of an answer at a price per KiB, rounded up to a nano-credit; saturates.
Money cost_of_bytes(uint64_t bytes, Money per_kib);

}  // namespace satgate::tariff
