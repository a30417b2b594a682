#include "tariff/tool_price.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace satgate::tariff {
namespace {

using Wide = unsigned __int128;

constexpr int64_t kUnitsMax = 1'000'000'000'000;  // all programs read such numbers alike
constexpr int64_t kResultKibMax = 1024 * 1024;
constexpr uint64_t kKib = 1024;

std::optional<ArgumentMistake> mistake(std::string_view key, std::string what) {
  return ArgumentMistake{std::string(key), std::move(what)};
}

// Each unit at the price of its tier: one more never makes the sum less, so that the sum of the
// most units is the bound of all. REQUIRES: the tiers are in order, and the last has no end.
Wide cost_of_units(const UnitPolicy& units, int64_t count) {
  const auto times = [](int64_t number, Money amount) {
    return static_cast<Wide>(number) * static_cast<uint64_t>(amount.nano());
  };
  if (units.tiers.empty()) return times(count, units.amount);
  Wide sum = 0;
  int64_t before = 0;
  for (const UnitTier& tier : units.tiers) {
    const int64_t end = std::min(count, tier.up_to.value_or(count));
    if (end <= before) break;
    sum += times(end - before, tier.amount);
    before = end;
  }
  return sum;
}

std::optional<ArgumentMistake> tier_mistake(const UnitPolicy& units) {
  int64_t before = 0;
  for (const UnitTier& tier : units.tiers) {
    const bool is_last = &tier == &units.tiers.back();
    if (tier.amount.is_negative()) return mistake("perUnit.tiers", "must not be negative");
    if (is_last == tier.up_to.has_value()) {
      return mistake("perUnit.tiers", "each tier needs `upTo` but the last, which has none");
    }
    if (tier.up_to && *tier.up_to <= before) {
      return mistake("perUnit.tiers", "each `upTo` must be more than that of the tier before it");
    }
    before = tier.up_to.value_or(before);
  }
  return std::nullopt;
}

// Of a rule that the price brings: the keys are those of the price.
std::optional<ArgumentMistake> mistake_of(std::string_view part, const ArgumentMistake& of_rule) {
  return mistake(fmt::format("{}.argument", part), of_rule.what);
}

}  // namespace

Money cost_of_bytes(uint64_t bytes, Money per_kib) {
  const Wide product = static_cast<Wide>(bytes) * static_cast<uint64_t>(per_kib.nano());
  const Wide nano = product / kKib + (product % kKib != 0 ? 1 : 0);
  return nano > static_cast<Wide>(INT64_MAX) ? Money::max()
                                             : Money::nano(static_cast<int64_t>(nano));
}

ToolPrice ToolPrice::flat(Money cost) {
  ToolPrice price;
  price.base_ = price.bound_ = cost;
  return price;
}

std::expected<ToolPrice, ArgumentMistake> ToolPrice::create(const PricePolicy& policy) {
  ToolPrice price;
  price.base_ = policy.base;
  price.policy_ = policy;
  if (policy.base.is_negative()) return std::unexpected(*mistake("base", "must not be negative"));
  if (!policy.per_unit && !policy.by_argument && !policy.result) {
    return std::unexpected(
        *mistake("", "says no more than `cost` would: write perUnit, byArgument or perResultKiB"));
  }
  for (const auto add : {&ToolPrice::add_units, &ToolPrice::add_choice, &ToolPrice::add_result,
                         &ToolPrice::sum_up}) {
    if (auto wrong = (price.*add)()) return std::unexpected(std::move(*wrong));
  }
  return price;
}

std::optional<ArgumentMistake> ToolPrice::add_units() {
  if (!policy_->per_unit) return std::nullopt;
  const UnitPolicy& units = *policy_->per_unit;
  if (units.amount.is_negative()) return mistake("perUnit.amount", "must not be negative");
  if (units.min < 0) return mistake("perUnit.min", "must not be negative");
  if (units.max < std::max<int64_t>(units.min, 1) || units.max > kUnitsMax) {
    return mistake("perUnit.max", fmt::format("must be from 1, and from `min`, to {}", kUnitsMax));
  }
  if (auto wrong = tier_mistake(units)) return wrong;
  const auto& missing = units.when_missing;
  if (missing && (*missing < units.min || *missing > units.max)) {
    return mistake("perUnit.default", "must be from `min` to `max`");
  }
  ArgumentPolicy policy;
  policy.min = std::to_string(units.min);
  policy.max = std::to_string(units.max);
  policy.optional = missing.has_value();
  policy.whole = policy.single = true;
  auto rule = ArgumentRule::create(units.argument, policy);
  if (!rule) return mistake_of("perUnit", rule.error());
  units_.emplace(std::move(*rule));
  return std::nullopt;
}

std::optional<ArgumentMistake> ToolPrice::add_choice() {
  if (!policy_->by_argument) return std::nullopt;
  const ChoicePolicy& choice = *policy_->by_argument;
  if (choice.values.empty()) return mistake("byArgument.values", "names no value");
  if (choice.each && !policy_->per_unit) {
    return mistake("byArgument.each", "needs `perUnit`, which says how many there are");
  }
  ArgumentPolicy policy;
  policy.optional = choice.when_missing.has_value();
  policy.single = true;
  Money dearest;
  for (const auto& [text, amount] : choice.values) {
    if (amount.is_negative()) return mistake("byArgument.values", "must not be negative");
    dearest = max(dearest, amount);
    choices_.push_back({text, Decimal::parse(text), amount});
    if (!choice.other) policy.one_of.push_back(text);
  }
  // A server may take `LARGE` for `large`: what is not named must not be cheaper than that.
  if (choice.other && *choice.other < dearest) {
    return mistake("byArgument.other", "must be at least as much as each of `values`");
  }
  if (choice.when_missing && !choice.values.contains(*choice.when_missing)) {
    return mistake("byArgument.default", "must be one of `values`");
  }
  auto rule = ArgumentRule::create(choice.argument, policy);
  if (!rule) return mistake_of("byArgument", rule.error());
  choice_.emplace(std::move(*rule));
  return std::nullopt;
}

std::optional<ArgumentMistake> ToolPrice::add_result() {
  if (!policy_->result) return std::nullopt;
  const ResultPolicy& result = *policy_->result;
  if (result.per_kib.is_negative()) return mistake("perResultKiB", "must not be negative");
  if (result.max_kib < 1 || result.max_kib > kResultKibMax) {
    return mistake("maxResultKiB", fmt::format("must be from 1 to {}", kResultKibMax));
  }
  result_bytes_ = static_cast<uint64_t>(result.max_kib) * kKib;
  return std::nullopt;
}

// Money saturates, so a sum that does not fit would bound nothing.
std::optional<ArgumentMistake> ToolPrice::sum_up() {
  Wide sum = static_cast<uint64_t>(base_.nano());
  if (const auto& units = policy_->per_unit) {
    sum += cost_of_units(*units, units->max);
  }
  if (const auto& choice = policy_->by_argument) {
    Money most = choice->other.value_or(Money());
    for (const auto& [text, amount] : choice->values)
      most = max(most, amount);
    const int64_t times = choice->each ? policy_->per_unit->max : 1;
    sum += static_cast<Wide>(times) * static_cast<uint64_t>(most.nano());
  }
  if (const auto& result = policy_->result) {
    sum += static_cast<Wide>(result->max_kib) * static_cast<uint64_t>(result->per_kib.nano());
  }
  if (sum >= static_cast<Wide>(INT64_MAX)) {
    return mistake("", "can cost more than money can count; lower `max`, or the amounts");
  }
  bound_ = Money::nano(static_cast<int64_t>(sum));
  return std::nullopt;
}

Money ToolPrice::per_result_kib() const {
  return policy_ && policy_->result ? policy_->result->per_kib : Money();
}

void ToolPrice::add_argument_rules(std::vector<const ArgumentRule*>& rules) const {
  for (const auto* rule : {&units_, &choice_})
    if (*rule) rules.push_back(&**rule);
}

// As the rule reads values: of two that are the same number the dearer.
Money ToolPrice::chosen(const ArgumentRule::Value& value) const {
  const bool is_number = value.kind == ArgumentRule::Value::Kind::number;
  const auto number = is_number ? Decimal::parse(value.text) : std::nullopt;
  std::optional<Money> found;
  for (const Choice& choice : choices_) {
    const bool same = is_number ? number && choice.number == number : choice.text == value.text;
    if (same) found = max(found.value_or(choice.amount), choice.amount);
  }
  return found.value_or(policy_->by_argument->other.value_or(bound_));
}

std::optional<Money> ToolPrice::fixed(std::string_view arguments) const {
  if (!depends_on_arguments()) return base_;
  std::vector<const ArgumentRule*> rules;
  add_argument_rules(rules);
  std::vector<GivenArgument> given;
  if (argument_breach(rules, arguments.empty() ? "{}" : arguments, &given)) return std::nullopt;
  const auto value_of = [&](const std::optional<ArgumentRule>& rule) {
    const auto found = std::ranges::find(given, &*rule, &GivenArgument::rule);
    return found == given.end() ? nullptr : &found->value;
  };
  Money sum = base_;
  int64_t times = 1;
  if (units_) {
    const ArgumentRule::Value* value = value_of(units_);
    const auto number = value ? Decimal::parse(value->text) : std::nullopt;
    const auto said = number ? number->whole() : std::nullopt;
    const auto count = value ? said : policy_->per_unit->when_missing;
    if (!count) return std::nullopt;
    sum += Money::nano(static_cast<int64_t>(cost_of_units(*policy_->per_unit, *count)));
    times = *count;
  }
  if (choice_) {
    const ArgumentRule::Value* value = value_of(choice_);
    const ChoicePolicy& choice = *policy_->by_argument;
    const Money amount = value ? chosen(*value) : choice.values.at(*choice.when_missing);
    sum += choice.each ? amount * times : amount;
  }
  return sum;
}

}  // namespace satgate::tariff
