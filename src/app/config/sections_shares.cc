// share: what partners get of what calls cost, wherever a price stands.
#include "app/config/sections.h"
#include "base/text.h"

namespace satgate::app {

std::optional<uint32_t> parse_share(std::string_view text) {
  constexpr size_t kDecimals = 4;
  constexpr uint64_t kPerPercent = kWholeShare / 100;
  if (text.ends_with('%')) text.remove_suffix(1);
  const size_t point = text.find('.');
  const auto whole = parse_uint(text.substr(0, point));
  if (!whole || *whole > 100) return std::nullopt;
  uint64_t millionths = *whole * kPerPercent;
  if (point != text.npos) {
    std::string decimals(text.substr(point + 1));
    if (decimals.empty() || decimals.size() > kDecimals) return std::nullopt;
    decimals.resize(kDecimals, '0');
    const auto part = parse_uint(decimals);
    if (!part) return std::nullopt;
    millionths += *part;
  }
  if (millionths > kWholeShare) return std::nullopt;
  return static_cast<uint32_t>(millionths);
}

// What is wrong with names and their sum, the tariff says.
std::optional<Shares> read_shares(YamlMap& map) {
  std::optional<YamlMap> shares = map.map("share");
  if (!shares) return std::nullopt;
  Shares read;
  for (const auto& [partner, node] : shares->entries()) {
    const auto text = shares->text(partner);
    if (!text) continue;
    const auto share = parse_share(*text);
    if (!share) {
      shares->complain(partner,
                       "must be a share of the price, such as 20% or 12.5%, with at most "
                       "four decimals");
      continue;
    }
    read.push_back({partner, *share});
  }
  return read;
}

}  // namespace satgate::app
