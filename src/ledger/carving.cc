// Carves: a child's budget, moved out of its parents.
#include <utility>

#include "base/assert.h"
#include "ledger/ledger_impl.h"
#include "ledger/stakes.h"

namespace satgate::ledger {

void Ledger::Impl::open_carve(const AccountId& child, Money amount, std::vector<Account*> from) {
  Account& account = accounts.open(child, AccountKind::lineage);
  Carve& carve = carves[child];
  carve = Carve{amount, &account, std::move(from)};
  account.carve = &carve;
  for (Account* giver : carve.from) {
    giver->carved += carve.left();
  }
}

std::expected<void, Misfit> Ledger::carve(const Path& parent_path, const AccountId& child,
                                          Money amount, Time, CarveState& state) {
  RELEASE_ASSERT(!amount.is_negative());
  const std::lock_guard lock(impl_->mutex);
  const Account* known = impl_->accounts.find(child);
  if (known != nullptr && known->has_history()) {
    Misfit misfit;
    misfit.refusal = Refusal::account_blocked;
    misfit.required = amount;
    return std::unexpected(misfit);
  }
  Stakes stakes(parent_path, impl_->accounts);
  if (const auto misfit = find_carve_misfit(stakes, amount)) return std::unexpected(*misfit);
  state = CarveState{child, amount, {}, true};
  std::vector<Account*> from;
  for (const Stake& stake : stakes.list()) {
    if (stake.is_rate() || stake.is_covered || !stake.limits.limits(Window::lifetime)) continue;
    state.from.push_back(stake.id);
    from.push_back(&impl_->accounts.open(stake.id, stake.kind));
  }
  impl_->open_carve(child, amount, std::move(from));
  return {};
}

bool Ledger::close_carve(const AccountId& child) {
  const std::lock_guard lock(impl_->mutex);
  const auto found = impl_->carves.find(child);
  if (found == impl_->carves.end()) return false;
  const Carve& carve = found->second;
  for (Account* giver : carve.from) {
    giver->carved -= carve.left();
  }
  carve.child->carve = nullptr;
  impl_->carves.erase(found);
  return true;
}

}  // namespace satgate::ledger
