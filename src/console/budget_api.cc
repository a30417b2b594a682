#include "console/budget_api.h"

#include <fmt/format.h>

namespace satgate::console {

Json BudgetApi::describe(const BudgetRecord& record) const {
  const ledger::Balance balance =
      gateway_.bank.balance(budget_account(record.name), gateway_.clock.now());
  Json out = {{"name", record.name},
              {"parent", record.parent},
              {"limits", limits_json(record.limits)},
              {"spent", money_json(balance.spent)},
              {"held", money_json(balance.held)},
              {"carved", money_json(balance.carved)}};
  Json windows = Json::object();
  for (const Window w : {Window::hour, Window::day, Window::month}) {
    windows[std::string(to_string(w))] = money_json(balance.window_spent[static_cast<size_t>(w)]);
  }
  out["spent_in"] = windows;
  out["from_config"] = record.from_config;
  return out;
}

Reply BudgetApi::store(const BudgetRecord& record, std::string_view what) {
  AuditEvent event;
  event.time = gateway_.clock.now();
  event.kind = EventKind::budget;
  event.subject = "admin";
  event.budget = record.name;
  const std::string detail = fmt::format("{}: {}", what, limits_json(record.limits).dump());
  event.detail = detail;
  if (auto written = gateway_.bank.record(event); !written) {
    return unavailable(written.error().reason);
  }
  if (auto stored = gateway_.bank.directory().put_budgets({record}); !stored) {
    return bad_request(stored.error().message);
  }
  return describe(record);
}

Reply BudgetApi::create(const Json& body) {
  Fields fields(body, currency_);
  BudgetRecord record;
  record.name = fields.text("name").value_or("");
  record.parent = fields.text("parent").value_or("");
  record.limits = fields.limits();
  TRY(fields.finish());
  if (record.name.empty()) return bad_request("'name' is missing");
  if (!record.limits.any()) {
    return bad_request("a budget needs a limit: hourly, daily, monthly or total");
  }
  if (gateway_.bank.directory().budget(record.name)) {
    return conflict(
        fmt::format("there is a budget '{}' already; change it with 'satgate budget "
                    "update'",
                    record.name));
  }
  return store(record, "created");
}

Reply BudgetApi::list() {
  Json out = Json::array();
  for (const auto& record : gateway_.bank.directory().budgets())
    out.push_back(describe(*record));
  return out;
}

Reply BudgetApi::show(std::string_view name) {
  const auto record = gateway_.bank.directory().budget(name);
  if (!record) return not_found(fmt::format("there is no budget '{}'", name));
  return describe(*record);
}

Reply BudgetApi::update(std::string_view name, const Json& body) {
  const auto found = gateway_.bank.directory().budget(name);
  if (!found) return not_found(fmt::format("there is no budget '{}'", name));
  if (found->from_config) {
    return conflict(
        fmt::format("'{}' is declared in the config file; change it there and reload", name));
  }
  Fields fields(body, currency_);
  const LimitChange change = fields.limit_change();
  const std::optional<std::string> parent = fields.text("parent");
  TRY(fields.finish());
  BudgetRecord record = *found;
  record.limits = change.applied_to(record.limits);
  if (!record.limits.any()) return bad_request("a budget keeps at least one of its limits");
  if (parent) record.parent = *parent;
  return store(record, "changed");
}

}  // namespace satgate::console
