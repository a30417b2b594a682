#include "console/carved_children.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "store/carve_table.h"

namespace satgate::console {
namespace {

using Parents = std::unordered_map<AccountId, AccountId>;  // by point

// From the child up, as far as its lineage was seen. Where a link is missing the money stays out
// until the child itself ends: that is the safe side.
std::vector<AccountId> points_above(const TokenRecord& child, const Parents& parents) {
  std::vector<AccountId> points = {AccountId{child.id.bytes}};
  while (points.size() <= parents.size()) {
    const auto up = parents.find(points.back());
    if (up == parents.end()) break;
    points.push_back(up->second);
  }
  return points;
}

Parents parents_of(const store::Directory& directory, const TokenId& root) {
  Parents parents;
  for (const store::SeenPoint& seen : directory.points_of(root))
    parents.emplace(seen.point, seen.parent);
  return parents;
}

}  // namespace

Result<void> CarvedChildren::load(Time now) {
  TRY_ASSIGN(const auto open, store::read_open_carves(bank_.database_path()));
  std::unordered_map<TokenId, Parents> lineages;  // by root
  for (const store::OpenCarve& carve : open) {
    TRY_ASSIGN(const auto claim, bank_.directory().token_of_carve(carve.child));
    if (claim) {
      const TokenRecord& record = *claim;
      auto lineage = lineages.find(*record.parent);
      if (lineage == lineages.end()) {
        Parents parents = parents_of(bank_.directory(), *record.parent);
        lineage = lineages.emplace(*record.parent, std::move(parents)).first;
      }
      children_.push_back({record.id, carve.child, points_above(record, lineage->second)});
      continue;
    }
    AuditEvent event;
    event.time = now;
    event.kind = EventKind::recovery;
    event.subject = "gateway";
    const std::string detail =
        fmt::format("the carve of {} credits for account {} has no token: it is returned",
                    format_credits(carve.amount), to_string(carve.child));
    event.detail = detail;
    if (auto written = bank_.record(event); !written) return fail(written.error().reason);
    if (!bank_.close_carve(carve.child)) return fail(bank_.failure());
  }
  return_ended(now);
  return {};
}

void CarvedChildren::add(const TokenRecord& record, const TokenChain& chain) {
  children_.push_back({record.id, *record.carved_account, chain.points});
}

// Of what can not be read nobody knows that it has ended: its money stays out.
bool CarvedChildren::has_ended(const Child& child, Time now) const {
  const store::Directory& directory = bank_.directory();
  const store::FoundToken found = directory.token(child.id);
  if (!found) return false;
  const auto& record = *found;
  if (!record || record->revoked || (record->expires && now >= *record->expires)) return true;
  const store::FoundToken root = directory.token(*record->parent);
  if (!root) return false;
  if (!*root || (*root)->revoked) return true;
  return directory.has_revocations() &&
         std::ranges::any_of(child.points,
                             [&](const AccountId& point) { return directory.is_revoked(point); });
}

void CarvedChildren::return_ended(Time now) {
  if (!bank_.healthy()) return;
  std::erase_if(children_, [&](const Child& child) {
    if (!has_ended(child, now)) return false;
    bank_.close_carve(child.account);
    return true;
  });
}

}  // namespace satgate::console
