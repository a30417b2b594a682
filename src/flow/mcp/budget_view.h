// What a caller may still spend, tool by tool: for lists, which hold and decide nothing.
#pragma once

#include <optional>

#include "flow/account_path.h"
#include "flow/caller.h"

namespace satgate::flow::mcp {

class BudgetView {
 public:
  // Keeps references to all of them.
  BudgetView(Worker& worker, const Settings& settings, const Caller& caller, Time now);

  // False: nobody knows who calls, or a budget above can not be read.
  bool is_known() const { return is_known_; }
  // The accounts of the token, of its lineage and of the budgets above.
  const Path& of_token() const { return of_token_; }
  // On these. Nothing: no limit stands on them.
  std::optional<Money> left() const { return bounded(left_); }
  // On all accounts that the call would spend from, those of tools and servers among them.
  std::optional<Money> left_for(const Call& call) const;

 private:
  static std::optional<Money> bounded(Money left) {
    return left == Money::max() ? std::nullopt : std::optional(left);
  }

  Worker& worker_;
  const Settings& settings_;
  const Caller& caller_;
  const Time now_;
  Path of_token_;
  BudgetLine budgets_;
  bool is_known_ = false;
  Money left_ = Money::max();
};

}  // namespace satgate::flow::mcp
