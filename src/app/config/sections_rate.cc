// currency.usdPerSat, where it is asked for: {url, path, per, every, maxAge, fallback, maxChange}.
#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "node/rate_source.h"
#include "wire/url.h"

namespace satgate::app {
namespace {

constexpr int64_t kDay = 86'400;

void read_where(YamlMap& map, payment::RateTerms& terms) {
  terms.url = map.text("url").value_or("");
  terms.path = map.text("path").value_or("");
  terms.ca_file = map.text("caFile").value_or("");
  if (terms.url.empty()) return map.complain("url", "is missing: where the price is asked for");
  const auto [origin, target] = node::split_target(terms.url);
  if (const auto url = wire::parse_url(origin); !url) map.complain("url", url.error().message);
  const bool is_plain = std::ranges::all_of(target, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!is_plain || target.find('#') != target.npos) {
    map.complain("url", "must not have blanks or a fragment");
  }
  if (terms.path.empty()) {
    map.complain("path", "is missing: where the price stands in the answer, like data.amount");
  }
}

void read_times(YamlMap& map, payment::RateTerms& terms) {
  terms.every_seconds = map.seconds("every").value_or(terms.every_seconds);
  terms.max_age_seconds = map.seconds("maxAge").value_or(terms.max_age_seconds);
  if (terms.every_seconds < 1 || terms.every_seconds > kDay) {
    map.complain("every", "must be from a second to a day");
  }
  if (terms.max_age_seconds <= terms.every_seconds || terms.max_age_seconds > 7 * kDay) {
    map.complain("maxAge", "must be longer than `every`, and at most a week");
  }
}

}  // namespace

int64_t nano_per_sat(Money usd, const Currency& currency) {
  const __int128 product = static_cast<__int128>(usd.nano()) * currency.nano_per_usd;
  return static_cast<int64_t>((product + kNanoPerCredit - 1) / kNanoPerCredit);
}

payment::RateTerms read_rate_terms(YamlMap& map, Currency& currency) {
  payment::RateTerms terms;
  read_where(map, terms);
  read_times(map, terms);
  terms.nano_per_usd = currency.nano_per_usd;
  using payment::RatePer;
  terms.per = map.choice<RatePer>("per", {{"btc", RatePer::btc}, {"sat", RatePer::sat}})
                  .value_or(RatePer::btc);
  if (const auto text = map.text("maxChange")) {
    const auto percent = parse_percent(*text);
    if (!percent || *percent == 0) map.complain("maxChange", "must be from 1% to 100%");
    terms.change_percent_max = percent.value_or(1);
  }
  if (const auto usd = map.amount("fallback", {})) {
    currency.nano_per_sat = terms.fallback = nano_per_sat(*usd, currency);
  }
  map.finish();
  return terms;
}

}  // namespace satgate::app
