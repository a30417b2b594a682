// The tree of what was delegated from a token: every point that was seen or minted, from the root
// down, with what was spent through it.
#include <optional>
#include <unordered_map>
#include <vector>

#include "console/token_api.h"
#include "token/caveat.h"

namespace satgate::console {
namespace {

using Points = std::vector<store::SeenPoint>;
using Below = std::unordered_map<AccountId, std::vector<const store::SeenPoint*>>;

// What a token's own tree grows from: points whose parent nobody saw are the root's, which holds
// the caveats it was minted with.
Below index(const Points& points) {
  std::unordered_map<AccountId, bool> known;
  for (const store::SeenPoint& seen : points)
    known[seen.point] = true;
  Below below;
  for (const store::SeenPoint& seen : points)
    below[known.contains(seen.parent) ? seen.parent : AccountId()].push_back(&seen);
  return below;
}

// The account that the point opened, if its caveat is a budget.
std::optional<AccountId> account_of(const store::SeenPoint& seen, const Currency& currency) {
  const auto caveat = token::parse_caveat(seen.caveat, currency);
  if (!caveat) return std::nullopt;
  switch (caveat->key) {
    case CaveatKey::budget_max:
    case CaveatKey::budget_hourly:
    case CaveatKey::budget_daily:
    case CaveatKey::budget_monthly:
      return account_id("lineage", seen.point.view());
    default:
      return std::nullopt;
  }
}

struct Step {
  const store::SeenPoint* point;
  int64_t depth;
  bool is_revoked;  // itself or above it
};

}  // namespace

Json TokenApi::describe_point(const store::SeenPoint& seen, Time now) const {
  const store::FoundToken found = gateway_.bank.directory().token(TokenId{seen.point.bytes});
  const auto child = found.value_or(nullptr);
  Json out = {{"point", to_string(seen.point)},
              {"parent", to_string(seen.parent)},
              {"kind", !found  ? "unreadable"
                       : child ? "carved"
                               : "attenuated"},
              {"holder", seen.holder},
              {"caveat", seen.caveat},
              {"first_seen", format_rfc3339(seen.first_seen)}};
  if (child) out["name"] = child->name;
  const std::optional<AccountId> account =
      child ? child->carved_account : account_of(seen, currency());
  if (account) {
    const ledger::Balance balance = gateway_.bank.balance(*account, now);
    out["spent"] = money_json(balance.spent);
    out["held"] = money_json(balance.held);
    out["carved"] = money_json(balance.carved);
  }
  return out;
}

Json TokenApi::describe_lineage(const TokenRecord& record) const {
  const Time now = gateway_.clock.now();
  const store::Directory& directory = gateway_.bank.directory();
  const Points points = directory.points_of(record.parent.value_or(record.id));
  const Below below = index(points);
  std::vector<Step> steps;
  const auto descend = [&](const AccountId& from, int64_t depth, bool is_revoked) {
    const auto found = below.find(from);
    if (found == below.end()) return;
    // Last in, first out: the oldest comes first.
    for (auto it = found->second.rbegin(); it != found->second.rend(); ++it) {
      steps.push_back({*it, depth, is_revoked || directory.is_revoked((*it)->point)});
    }
  };
  descend(record.parent ? AccountId{record.id.bytes} : AccountId(), 0, record.revoked);
  Json out = Json::array();
  while (!steps.empty()) {
    const Step step = steps.back();
    steps.pop_back();
    Json described = describe_point(*step.point, now);
    described["depth"] = step.depth;
    described["revoked"] = step.is_revoked;
    out.push_back(std::move(described));
    descend(step.point->point, step.depth + 1, step.is_revoked);
  }
  return out;
}

}  // namespace satgate::console
