#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {

std::optional<flow::PayTerms> read_pay(YamlMap& route, const Currency& currency) {
  std::optional<YamlMap> map = route.map("pay");
  if (!map) return std::nullopt;
  using Reuse = flow::PayTerms::Reuse;
  flow::PayTerms terms;
  if (auto most = map->amount("max", currency)) {
    terms.max = *most;
    if (most->is_zero()) map->complain("max", "must be more than nothing");
  } else if (!map->has("max")) {
    map->complain("max", "is missing: what one purchase may cost at most, with its routing fee");
  }
  if (auto text = map->text("feeMax")) {
    const std::optional<int> percent = parse_percent(*text);
    if (!percent) map->complain("feeMax", "must be a share of the amount, from 0% to 100%");
    terms.fee_percent = percent.value_or(0);
  }
  terms.daily = map->amount("totalPerDay", currency);
  terms.reuse = map->choice<Reuse>("reuse", {{"path", Reuse::path}, {"route", Reuse::route}})
                    .value_or(Reuse::path);
  terms.shared = map->boolean("shared").value_or(false);
  map->finish();
  return terms;
}

void check_pay(const flow::Settings& settings, std::vector<std::string>& errors) {
  for (const flow::Route& route : settings.routes) {
    if (!route.pay) continue;
    const auto complain = [&](std::string_view what) {
      errors.push_back(fmt::format("route '{}' has `pay`, but {}", route.name, what));
    };
    const flow::Upstream& upstream = settings.upstreams[route.upstream];
    if (!settings.lightning) complain("there is no `lightning`: name the node that pays");
    if (route.mode == Mode::charge) {
      complain("is in mode charge: what a route sells is not bought for its buyers");
    }
    if (upstream.kind != flow::UpstreamKind::http) {
      complain(fmt::format("upstream '{}' is not of kind http", upstream.name));
    }
    if (equals_ignore_case(upstream.credential.first, "authorization")) {
      complain(
          fmt::format("upstream '{}' has a `credential` in Authorization, which is where what "
                      "was bought is shown",
                      upstream.name));
    }
  }
}

}  // namespace satgate::app
