#include "tariff/argument_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace satgate::tariff {
namespace {

// Numbers beyond are read as others by some programs, which then compare as others, too.
constexpr std::string_view kLeast = "-9223372036854775808";
constexpr std::string_view kMost = "9223372036854775807";
constexpr size_t kListedMax = 20;

std::string listed(const std::vector<std::string>& items) {
  const size_t shown = std::min(items.size(), kListedMax);
  const auto first = items.begin() + static_cast<ptrdiff_t>(shown);
  std::string text = fmt::format("{}", fmt::join(items.begin(), first, ", "));
  if (shown < items.size()) text += ", ...";
  return text;
}

bool is_name(std::string_view name) {
  return std::ranges::none_of(split(name, '.'), [](std::string_view part) { return part.empty(); });
}

ArgumentMistake mistake(std::string_view key, std::string what) {
  return {std::string(key), std::move(what)};
}

}  // namespace

void ArgumentRule::demand(std::string_view what) {
  demand_ += demand_.empty() ? "must " : " and must ";
  demand_ += what;
}

std::optional<ArgumentMistake> ArgumentRule::add_choices(const ArgumentPolicy& policy) {
  if (policy.one_of.empty()) return std::nullopt;
  for (const std::string& text : policy.one_of)
    choices_.push_back({text, Decimal::parse(text)});
  demand(fmt::format("be one of {}", listed(policy.one_of)));
  return std::nullopt;
}

std::optional<ArgumentMistake> ArgumentRule::add_bounds(const ArgumentPolicy& policy) {
  const auto limit = [](const std::optional<std::string>& text, std::string_view other) {
    return Decimal::parse(text ? std::string_view(*text) : other);
  };
  if (!policy.min && !policy.max) return std::nullopt;
  min_ = limit(policy.min, kLeast);
  max_ = limit(policy.max, kMost);
  const auto is_bound = [](const std::optional<Decimal>& number) {
    return number && *number >= *Decimal::parse(kLeast) && *number <= *Decimal::parse(kMost);
  };
  constexpr std::string_view kWhat = "must be a number like 10 or -0.5, below 2^63";
  if (!is_bound(min_)) return mistake("min", std::string(kWhat));
  if (!is_bound(max_)) return mistake("max", std::string(kWhat));
  if (*min_ > *max_) return mistake("min", "is above `max`");
  if (policy.min) demand(fmt::format("be at least {}", *policy.min));
  demand(fmt::format("be at most {}", policy.max ? *policy.max : std::string(kMost)));
  return std::nullopt;
}

std::optional<ArgumentMistake> ArgumentRule::add_text_rules(const ArgumentPolicy& policy) {
  if (policy.pattern) {
    auto compiled = TextPattern::compile(*policy.pattern);
    if (!compiled) return mistake("pattern", compiled.error().message);
    pattern_.emplace(std::move(*compiled));
    demand(fmt::format("match {} as a whole", *policy.pattern));
  }
  if (!policy.hosts.empty()) {
    auto hosts = UrlHosts::create(policy.hosts);
    if (!hosts) return mistake("hosts", hosts.error().message);
    hosts_.emplace(std::move(*hosts));
    demand(fmt::format("be a plain http(s) URL of {}", listed(policy.hosts)));
  }
  return std::nullopt;
}

std::expected<ArgumentRule, ArgumentMistake> ArgumentRule::create(std::string name,
                                                                  const ArgumentPolicy& policy) {
  ArgumentRule rule;
  rule.name_ = std::move(name);
  rule.absent_ = policy.absent;
  rule.optional_ = policy.optional;
  rule.whole_ = policy.whole;
  rule.single_ = policy.single;
  if (!is_name(rule.name_)) {
    return std::unexpected(mistake("",
                                   "must be the name of an argument, or names with dots "
                                   "between them"));
  }
  for (const auto add :
       {&ArgumentRule::add_choices, &ArgumentRule::add_bounds, &ArgumentRule::add_text_rules}) {
    if (auto wrong = (rule.*add)(policy)) return std::unexpected(std::move(*wrong));
  }
  if (policy.absent && (policy.optional || !rule.demand_.empty())) {
    return std::unexpected(mistake("absent", "leaves nothing for the other keys to say"));
  }
  if (policy.absent) rule.demand("not be given");
  if (policy.whole) rule.demand("be a whole number");
  if (policy.single && rule.demand_.empty()) rule.demand("be a single value");
  if (rule.demand_.empty()) {
    return std::unexpected(
        mistake("", "says nothing: write oneOf, min, max, pattern, hosts or absent"));
  }
  return rule;
}

// The config does not tell 3 from "3", and servers often do not either.
bool ArgumentRule::is_chosen(const Value& value) const {
  const auto number = value.kind == Value::Kind::number ? Decimal::parse(value.text) : std::nullopt;
  return std::ranges::any_of(choices_, [&](const Choice& choice) {
    if (value.kind == Value::Kind::number) return number && choice.number == number;
    return choice.text == value.text;
  });
}

bool ArgumentRule::allows(const Value& value) const {
  using Kind = Value::Kind;
  if (absent_ || value.kind == Kind::object || value.kind == Kind::nothing) return false;
  if (!choices_.empty() && !is_chosen(value)) return false;
  if (min_ || whole_) {
    const auto number = value.kind == Kind::number ? Decimal::parse(value.text) : std::nullopt;
    if (!number || (min_ && (*number < *min_ || *number > *max_))) return false;
    if (whole_ && !number->whole()) return false;
  }
  const bool is_text = value.kind == Kind::string;
  if (pattern_ && !(is_text && pattern_->matches(value.text))) return false;
  return !hosts_ || (is_text && hosts_->allow(value.text));
}

}  // namespace satgate::tariff
