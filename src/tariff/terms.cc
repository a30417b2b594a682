#include "tariff/terms.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace satgate::tariff {
namespace {

using Wide = unsigned __int128;

constexpr int64_t kDaySeconds = 86'400;
constexpr int64_t kWeekDays = 7;
constexpr int64_t kThursday = 4;  // the first day of Unix time, of a week from Sunday on
constexpr size_t kTiersMax = 32;
constexpr Money kFactorMost = Money::credits(1000);
constexpr Money kOne = Money::credits(1);

ArgumentMistake mistake(std::string_view key, std::string what) {
  return {std::string(key), std::move(what)};
}

// A factor is nano-parts, as amounts are. Rounded up.
Money times(Money cost, Money factor) {
  const Wide product = static_cast<Wide>(cost.nano()) * static_cast<Wide>(factor.nano());
  const Wide nano = (product + (kNanoPerCredit - 1)) / kNanoPerCredit;
  return nano > static_cast<Wide>(INT64_MAX) ? Money::max()
                                             : Money::nano(static_cast<int64_t>(nano));
}

bool is_factor(Money factor) {
  return !factor.is_negative() && factor <= kFactorMost;
}

// Of a day; one that ends before it begins goes over midnight, and belongs to the day on which it
// began.
bool holds(const TimeFactor& factor, int64_t local) {
  const int64_t second = local % kDaySeconds;
  int64_t day = local / kDaySeconds;
  const bool over_midnight = factor.to_second <= factor.from_second;
  const bool is_late = second >= factor.from_second;
  const bool is_early = second < factor.to_second;
  if (over_midnight ? !is_late && !is_early : !is_late || !is_early) return false;
  if (over_midnight && !is_late) --day;
  return factor.days[static_cast<size_t>((day + kThursday) % kWeekDays)];
}

Money most_of(const auto& factors) {
  Money most = kOne;
  for (const auto& one : factors)
    most = max(most, one.factor);
  return most;
}

}  // namespace

std::expected<Terms, ArgumentMistake> Terms::create(std::string_view rule, Money cost,
                                                    const TermsPolicy& policy,
                                                    const TimeZone& zone) {
  Terms terms;
  terms.policy_ = policy;
  terms.zone_ = zone;
  terms.cost_ = cost;
  terms.rule_ = rule;
  terms.label_ = fmt::format("calls of {}", rule);
  if (auto wrong = terms.check_volume()) return std::unexpected(std::move(*wrong));
  if (auto wrong = terms.check_dynamic()) return std::unexpected(std::move(*wrong));
  if (policy.outcome && (policy.outcome->secret.empty() || policy.outcome->timeout_seconds < 1)) {
    return std::unexpected(mistake("outcome", "needs a secret and a time"));
  }
  terms.most_ = terms.dearest();
  return terms;
}

std::optional<ArgumentMistake> Terms::check_volume() {
  if (!policy_.volume) return std::nullopt;
  const std::vector<UnitTier>& tiers = policy_.volume->tiers;
  if (tiers.empty()) return mistake("volume.tiers", "has no tier");
  if (tiers.size() > kTiersMax) {
    return mistake("volume.tiers", fmt::format("has more than {} tiers", kTiersMax));
  }
  int64_t before = 0;
  for (const UnitTier& tier : tiers) {
    const bool is_last = &tier == &tiers.back();
    if (tier.amount.is_negative()) return mistake("volume.tiers", "must not be negative");
    if (is_last == tier.up_to.has_value()) {
      return mistake("volume.tiers", "each tier needs `upTo` but the last, which has none");
    }
    if (tier.up_to && *tier.up_to <= before) {
      return mistake("volume.tiers", "each `upTo` must be more than that of the tier before it");
    }
    before = tier.up_to.value_or(before);
    if (tier.up_to && tier.amount.is_zero() && &tier == &tiers.front()) free_calls_ = before;
  }
  return std::nullopt;
}

std::optional<ArgumentMistake> Terms::check_dynamic() {
  if (!policy_.dynamic) return std::nullopt;
  const DynamicPolicy& dynamic = *policy_.dynamic;
  if (policy_.volume && (dynamic.pricer || dynamic.upstream_cost)) {
    return mistake("volume", "has prices of its own; choose that, or who says the price");
  }
  if (dynamic.upstream_cost && dynamic.upstream_cost->factor > kFactorMost) {
    return mistake("dynamic.upstreamCost.factor", "must be at most 1000");
  }
  const auto one_of = [](const auto& factors) {
    return std::ranges::all_of(factors, [](const auto& one) { return is_factor(one.factor); });
  };
  const std::string range = "needs factors from 0 to 1000";
  if (!one_of(dynamic.times)) return mistake("dynamic.times", range);
  if (!one_of(dynamic.load)) return mistake("dynamic.load", range);
  if (!one_of(dynamic.urgencies)) return mistake("dynamic.priority", range);
  if ((dynamic.pricer || dynamic.upstream_cost) && !dynamic.max) {
    return mistake("dynamic.max", "is missing: what may a call cost at most?");
  }
  if (dynamic.max && dynamic.max->is_negative()) {
    return mistake("dynamic.max", "must not be negative");
  }
  return std::nullopt;
}

Money Terms::dearest() const {
  Money cost = cost_;
  if (policy_.volume) {
    cost = std::ranges::max(policy_.volume->tiers, {}, &UnitTier::amount).amount;
  }
  if (!policy_.dynamic) return cost;
  const DynamicPolicy& dynamic = *policy_.dynamic;
  if (dynamic.upstream_cost) return *dynamic.max;
  if (dynamic.pricer) cost = max(cost, *dynamic.max);
  cost = times(cost, most_of(dynamic.times));
  cost = times(cost, most_of(dynamic.load));
  cost = times(cost, most_of(dynamic.urgencies));
  return min(cost, dynamic.max.value_or(Money::max()));
}

const UnitTier& Terms::tier(const Circumstances& under) const {
  const int64_t calls = under.calls + (under.has_paid ? free_calls_ : 0);
  const std::vector<UnitTier>& tiers = policy_.volume->tiers;
  return *std::ranges::find_if(
      tiers, [calls](const UnitTier& one) { return !one.up_to || calls < *one.up_to; });
}

std::optional<int64_t> Terms::tier_end(const Circumstances& under) const {
  const std::optional<int64_t> up_to = tier(under).up_to;
  if (!up_to) return std::nullopt;
  return *up_to - (under.has_paid ? free_calls_ : 0);
}

AccountId Terms::account(const AccountId& who) const {
  return account_id("volume", fmt::format("{} {}", to_hex(who.view()), rule_));
}

Money Terms::settled(std::optional<Money> upstream) const {
  const UpstreamCostPolicy& told = *policy_.dynamic->upstream_cost;
  return upstream ? times(*upstream, told.factor) : min(cost_, most_);
}

Money Terms::price(const Circumstances& under) const {
  if (is_told_by_upstream()) return most_;
  const Money cost = policy_.volume ? tier(under).amount : under.asked.value_or(cost_);
  return policy_.dynamic ? min(adjusted(cost, under), most_) : cost;
}

Money Terms::adjusted(Money cost, const Circumstances& under) const {
  const DynamicPolicy& dynamic = *policy_.dynamic;
  const int64_t local = zone_.local(under.at.unix_seconds());
  const auto time = std::ranges::find_if(
      dynamic.times, [local](const TimeFactor& one) { return holds(one, local); });
  if (time != dynamic.times.end()) cost = times(cost, time->factor);
  Money load = kOne;
  int64_t above = -1;
  for (const LoadFactor& one : dynamic.load) {
    if (under.in_flight <= one.above || one.above <= above) continue;
    above = one.above;
    load = one.factor;
  }
  cost = times(cost, load);
  const auto urgency = std::ranges::find(dynamic.urgencies, under.urgency, &UrgencyFactor::name);
  return urgency == dynamic.urgencies.end() ? cost : times(cost, urgency->factor);
}

}  // namespace satgate::tariff
