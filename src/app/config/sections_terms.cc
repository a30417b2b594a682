// volume, dynamic and outcome: what a price depends on besides the call.
#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "base/limits.h"
#include "base/text.h"
#include "wire/url.h"

namespace satgate::app {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int64_t kCallsMost = 1'000'000'000;

void read_volume(YamlMap& above, const Currency& currency, tariff::TermsPolicy& terms) {
  std::optional<YamlMap> map = above.map("volume");
  if (!map) return;
  tariff::VolumePolicy& volume = terms.volume.emplace();
  for (YamlMap& one : map->maps("tiers")) {
    tariff::UnitTier& tier = volume.tiers.emplace_back();
    tier.up_to = one.whole("upTo", 1, kCallsMost);
    tier.amount = one.amount("cost", currency).value_or(Money());
    if (!one.has("cost")) one.complain("cost", "is missing; what does one call cost?");
    one.finish();
  }
  volume.per = map->choice<Window>("per", {{"hour", Window::hour},
                                           {"day", Window::day},
                                           {"month", Window::month},
                                           {"lifetime", Window::lifetime}})
                   .value_or(Window::lifetime);
  map->finish();
}

Money read_factor(YamlMap& map, std::string_view key) {
  if (!map.has(key)) map.complain(key, "is missing: what is the price multiplied by?");
  const std::optional<std::string> text = map.text(key);
  if (!text) return {};
  const bool is_number = text->find_first_not_of("0123456789.") == text->npos;
  const Result<Money> factor = parse_amount(*text);
  if (is_number && factor) return *factor;
  map.complain(key, fmt::format("'{}' must be a number, such as 1.5", *text));
  return {};
}

// "22:00"
std::optional<int64_t> parse_clock(std::string_view text) {
  const auto hour = parse_uint(text.substr(0, text.find(':')));
  const auto minute = text.size() == 5 ? parse_uint(text.substr(3)) : std::nullopt;
  const bool is_clock = minute && hour && text[2] == ':' && *minute < 60 && *hour <= 24;
  if (!is_clock || (*hour == 24 && *minute > 0)) return std::nullopt;
  return static_cast<int64_t>(*hour * 3600 + *minute * 60);
}

int64_t read_clock(YamlMap& map, std::string_view key, int64_t otherwise) {
  const std::optional<std::string> text = map.text(key);
  if (!text) return otherwise;
  const std::optional<int64_t> clock = parse_clock(*text);
  if (!clock) map.complain(key, fmt::format("'{}' must be a time such as \"08:30\"", *text));
  return clock.value_or(otherwise);
}

void read_times(YamlMap& map, tariff::DynamicPolicy& dynamic) {
  constexpr int64_t day = 86'400;
  for (YamlMap& one : map.maps("times")) {
    tariff::TimeFactor& time = dynamic.times.emplace_back();
    const std::vector<std::string> days = one.list("days");
    if (!days.empty()) time.days = {};
    for (const std::string& name : days) {
      const auto found = std::ranges::find(kDays, name);
      if (found == kDays.end()) {
        one.complain("days",
                     fmt::format("'{}' must be one of mon, tue, wed, thu, fri, sat, sun", name));
        continue;
      }
      time.days[static_cast<size_t>(found - kDays.begin())] = true;
    }
    time.from_second = read_clock(one, "from", 0);
    time.to_second = read_clock(one, "to", day);
    if (one.has("from") != one.has("to")) {
      one.complain(one.has("from") ? "to" : "from", "is missing; both or neither");
    }
    time.factor = read_factor(one, "factor");
    one.finish();
  }
}

void read_load(YamlMap& map, tariff::DynamicPolicy& dynamic) {
  for (YamlMap& one : map.maps("load")) {
    tariff::LoadFactor& load = dynamic.load.emplace_back();
    load.above = one.whole("above", 0, kCallsMost).value_or(0);
    if (!one.has("above")) one.complain("above", "is missing: how many calls in flight?");
    load.factor = read_factor(one, "factor");
    one.finish();
  }
}

void read_priority(YamlMap& above, tariff::DynamicPolicy& dynamic) {
  std::optional<YamlMap> map = above.map("priority");
  if (!map) return;
  dynamic.urgency_header = map->text("header").value_or("x-priority");
  if (std::optional<YamlMap> factors = map->map("factors")) {
    for (const auto& [name, node] : factors->entries())
      dynamic.urgencies.push_back({name, read_factor(*factors, name)});
    factors->finish();
  } else {
    map->complain("factors", "is missing, such as `{high: 2, low: 0.5}`");
  }
  map->finish();
}

void read_pricer(YamlMap& above, tariff::DynamicPolicy& dynamic) {
  std::optional<YamlMap> map = above.map("pricer");
  if (!map) return;
  tariff::PricerPolicy& pricer = dynamic.pricer.emplace();
  pricer.url = map->text("url").value_or("");
  if (const auto url = wire::parse_url(pricer.url); !url) {
    map->complain("url", map->has("url") ? url.error().message : "is missing: who is asked?");
  }
  constexpr int64_t day = 86'400;
  pricer.keep_seconds = map->seconds("keep").value_or(pricer.keep_seconds);
  if (pricer.keep_seconds < 0 || pricer.keep_seconds > day) {
    map->complain("keep", "must be at most a day");
  }
  pricer.timeout_ms = map->whole("timeoutMs", 1, 60'000).value_or(pricer.timeout_ms);
  pricer.required =
      map->choice<bool>("onFailure", {{"cost", false}, {"refuse", true}}).value_or(pricer.required);
  map->finish();
}

void read_upstream_cost(YamlMap& above, tariff::DynamicPolicy& dynamic) {
  std::optional<YamlMap> map = above.map("upstreamCost");
  if (!map) return;
  tariff::UpstreamCostPolicy& cost = dynamic.upstream_cost.emplace();
  cost.header = map->text("header").value_or("");
  if (cost.header.empty()) map->complain("header", "is missing: where does the answer say it?");
  if (map->has("factor")) cost.factor = read_factor(*map, "factor");
  map->finish();
}

void read_dynamic(YamlMap& above, const Currency& currency, tariff::TermsPolicy& terms) {
  std::optional<YamlMap> map = above.map("dynamic");
  if (!map) return;
  tariff::DynamicPolicy& dynamic = terms.dynamic.emplace();
  read_times(*map, dynamic);
  read_load(*map, dynamic);
  read_priority(*map, dynamic);
  read_pricer(*map, dynamic);
  read_upstream_cost(*map, dynamic);
  dynamic.max = map->amount("max", currency);
  map->finish();
}

void read_outcome(YamlMap& above, tariff::TermsPolicy& terms) {
  std::optional<YamlMap> map = above.map("outcome");
  if (!map) return;
  tariff::OutcomePolicy& outcome = terms.outcome.emplace();
  constexpr size_t shortest = 16;
  outcome.secret = map->secret("secret").value_or("");
  if (outcome.secret.size() < shortest) {
    map->complain("secret", "must have at least 16 characters: who knows it decides what is paid");
    outcome.secret.assign(shortest, '?');
  }
  constexpr int64_t most = limits::reservation_seconds_max - 60;
  if (auto timeout = map->seconds("timeout")) {
    outcome.timeout_seconds = *timeout;
    if (*timeout < 1 || *timeout > most) {
      map->complain("timeout",
                    fmt::format("must be from 1 to {} seconds: longer nothing is held", most));
      outcome.timeout_seconds = most;
    }
  }
  outcome.charge_otherwise = map->choice<bool>("otherwise", {{"charge", true}, {"release", false}})
                                 .value_or(outcome.charge_otherwise);
  map->finish();
}

}  // namespace

tariff::TermsPolicy read_terms(YamlMap& map, std::string_view price, const Currency& currency) {
  tariff::TermsPolicy terms;
  read_volume(map, currency, terms);
  read_dynamic(map, currency, terms);
  read_outcome(map, terms);
  if (terms.volume && map.has(price)) {
    map.complain("volume", fmt::format("stands beside `{}`; choose one", price));
  }
  if (terms.any() && !terms.volume && !map.has(price)) {
    map.complain(terms.dynamic ? "dynamic" : "outcome",
                 fmt::format("needs a price, but there is no `{}`", price));
  }
  return terms;
}

}  // namespace satgate::app
