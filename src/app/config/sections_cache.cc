#include <fmt/format.h>

#include <algorithm>

#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {

std::optional<int> parse_percent(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find('%'));
  const std::optional<uint64_t> percent = parse_uint(digits);
  if (!percent || *percent > 100 || digits.size() + 1 < text.size()) return std::nullopt;
  return static_cast<int>(*percent);
}

tariff::CacheScope read_cache_scope(YamlMap& map) {
  using Scope = tariff::CacheScope;
  return map
      .choice<Scope>(
          "scope",
          {{"token", Scope::token}, {"budget", Scope::budget}, {"everyone", Scope::everyone}})
      .value_or(Scope::token);
}

void read_cache(YamlMap& root, Draft& draft) {
  std::optional<YamlMap> map = root.map("cache");
  if (!map) return;
  flow::CacheRules& rules = draft.settings.cache.emplace();
  constexpr int64_t week = 7 * 86'400;
  if (auto ttl = map->seconds("ttl")) {
    rules.ttl = std::chrono::seconds(*ttl);
    if (*ttl < 1 || *ttl > week) map->complain("ttl", "must be from a second to a week");
  } else if (!map->has("ttl")) {
    map->complain("ttl", "is missing; for how long may an answer be given again?");
  }
  constexpr int64_t most = int64_t{1} << 36;
  if (auto bytes = map->whole("maxBytes", 1024, most)) {
    rules.bytes_max = static_cast<size_t>(*bytes);
  }
  if (auto bytes = map->whole("maxAnswerBytes", 1, most)) {
    rules.answer_bytes_max = static_cast<size_t>(*bytes);
  }
  if (auto text = map->text("hitPrice")) {
    const std::optional<int> percent = parse_percent(*text);
    if (!percent) map->complain("hitPrice", "must be a share of the price, from 0% to 100%");
    rules.hit_percent = percent.value_or(0);
  }
  rules.scope = read_cache_scope(*map);
  rules.upstreams = map->list("upstreams");
  for (const std::string& name : rules.upstreams) {
    const auto found = std::ranges::find(draft.settings.upstreams, name, &flow::Upstream::name);
    if (found == draft.settings.upstreams.end() || found->kind == flow::UpstreamKind::http) {
      map->complain("upstreams",
                    fmt::format("there is no LLM provider '{}' under `upstreams`", name));
    }
  }
  map->finish();
}

}  // namespace satgate::app
