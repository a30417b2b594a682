#include "flow/mcp/budget_view.h"

namespace satgate::flow::mcp {

BudgetView::BudgetView(Worker& worker, const Settings& settings, const Caller& caller, Time now)
    : worker_(worker), settings_(settings), caller_(caller), now_(now) {
  if (!caller.token || !caller.record) return;
  is_known_ =
      add_token_accounts(of_token_, *caller.token, *caller.record, now) &&
      add_budget_accounts(of_token_, *caller.record, worker.gateway.bank.directory(), budgets_);
  if (is_known_) left_ = worker.gateway.bank.headroom(of_token_, now);
}

std::optional<Money> BudgetView::left_for(const Call& call) const {
  if (!is_known_) return std::nullopt;
  Path of_call;
  if (!settings_.tariff->add_accounts(of_call, call, caller_.name())) return std::nullopt;
  if (of_call.empty()) return bounded(left_);
  return bounded(min(left_, worker_.gateway.bank.headroom(of_call, now_)));
}

}  // namespace satgate::flow::mcp
