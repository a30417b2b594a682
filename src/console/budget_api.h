// Named budgets: the envelopes of teams and departments.
#pragma once

#include <string_view>

#include "console/api.h"
#include "flow/gateway.h"

namespace satgate::console {

class BudgetApi {
 public:
  explicit BudgetApi(flow::Gateway& gateway)
      : gateway_(gateway), currency_(gateway.settings()->currency) {}

  Reply create(const Json& body);
  Reply list();
  Reply show(std::string_view name);
  Reply update(std::string_view name, const Json& body);

 private:
  Json describe(const BudgetRecord& record) const;
  Reply store(const BudgetRecord& record, std::string_view what);

  flow::Gateway& gateway_;
  Currency currency_;
};

}  // namespace satgate::console
