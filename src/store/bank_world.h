// Who may spend in the bank's model test, and what must be true of them: the reference model of the
// ledger, and beside it a plain account of what upstreams really served. Only tests include it.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "contract/records.h"
#include "ledger/reference_model.h"
#include "store/bank.h"
#include "store/directory.h"

namespace satgate::store {

using ledger::Item;
using ledger::kCalendar;
using ledger::Model;
using ledger::Number;

// Accounts: 0-2 root tokens, 3-4 named budgets, 5 a rate, the others points of lineages.
inline constexpr Number kBudgets = 3;
inline constexpr Number kRate = 5;
inline constexpr Number kPoints = 6;
inline constexpr Number kAccounts = 30;
inline constexpr int kDepthMax = 8;
inline constexpr Number kNobody = kAccounts;

struct Party {
  AccountId id;
  SpendLimits limits;
  std::optional<LimitOverride> override_limits;  // of a root
  Number above = kNobody;  // of a point: what it narrows; of a root or budget: its budget
  int depth = 0;           // points above and with it
  bool alive = false;
  bool revoked = false;
  TokenId token;  // of a root
  std::string name;
};

inline AccountKind kind_of(Number a) {
  if (a < kBudgets) return AccountKind::token;
  if (a < kRate) return AccountKind::budget;
  return a == kRate ? AccountKind::rate : AccountKind::lineage;
}

// Everything that a restart must find again.
struct Truth {
  Model model{kAccounts};
  std::array<Party, kAccounts> parties;
  int64_t cost = 0;   // of all events
  int64_t calls = 0;  // events of calls

  Number root_of(Number a) const {
    while (a >= kPoints)
      a = parties[a].above;
    return a;
  }
  bool is_revoked(Number a) const {
    for (; a >= kPoints; a = parties[a].above)
      if (parties[a].revoked) return true;
    return parties[a].revoked;
  }
  bool has_children(Number a) const {
    return std::ranges::any_of(parties, [&](const Party& party) {
      return party.alive && &party >= &parties[kPoints] && party.above == a;
    });
  }
  bool is_below(Number a, Number top) const {
    for (; a >= kPoints; a = parties[a].above)
      if (a == top) return true;
    return a == top;
  }
  // Nothing stands in the way of giving the account's number to a new one.
  bool is_idle(Number a) const {
    return !model.is_named(a) && model.carved(a) == 0 && !model.carves().contains(a) &&
           !has_children(a);
  }

  // The path of a call as the flow builds it: lineage from its root down, then budgets upwards.
  std::vector<Item> items(Number leaf, bool with_rate, Time now) const {
    std::vector<Number> numbers;
    for (Number a = leaf; a >= kPoints; a = parties[a].above)
      numbers.insert(numbers.begin(), a);
    const Number root = root_of(leaf);
    numbers.insert(numbers.begin(), root);
    for (Number b = parties[root].above; b != kNobody; b = parties[b].above)
      numbers.push_back(b);
    if (with_rate) numbers.push_back(kRate);
    std::vector<Item> items;
    for (const Number a : numbers)
      items.push_back({a, a == kRate, limits_of(a, now), items.size(), {}});
    return items;
  }

  SpendLimits limits_of(Number a, Time now) const {
    const Party& party = parties[a];
    SpendLimits limits = party.limits;
    if (!party.override_limits || now >= party.override_limits->until) return limits;
    const LimitChange& change = party.override_limits->change;
    for (const Window w : kAllWindows) {
      if (change.limits.limits(w) || change.lifted[static_cast<size_t>(w)])
        limits[w] = change.limits[w];
    }
    return limits;
  }

  TokenRecord token_record(Number root) const {
    const Party& party = parties[root];
    TokenRecord record;
    record.id = party.token;
    record.name = party.name;
    record.limits = party.limits;
    record.override_limits = party.override_limits;
    if (party.above != kNobody) record.budget = parties[party.above].name;
    record.revoked = party.revoked;
    return record;
  }
  BudgetRecord budget_record(Number budget) const {
    const Party& party = parties[budget];
    BudgetRecord record;
    record.name = party.name;
    if (party.above != kNobody) record.parent = parties[party.above].name;
    record.limits = party.limits;
    return record;
  }

  void end(uint64_t id, int64_t charge, bool call_counts, bool overrun) {
    model.end(id, charge, call_counts, overrun);
    cost += charge;
  }
  // What a restart does with the calls that were under way.
  void charge_open() {
    while (!model.open().empty()) {
      const auto& [id, hold] = *model.open().begin();
      end(id, hold.amount, true, false);
    }
  }
};

// What upstreams served, kept by nobody who could forget it.
class Served {
 public:
  void add(const std::vector<Item>& items, int64_t cost) {
    for (const Item& item : items) {
      const int64_t charge = item.charge(cost);
      life_[item.account] += charge;
      for (size_t w = 0; w < kCalendar; ++w)
        window_[{item.account, w, item.window[w]}] += charge;
    }
  }
  void begin_anew(Number a) {
    life_[a] = 0;
    std::erase_if(window_, [a](const auto& entry) { return std::get<0>(entry.first) == a; });
  }
  int64_t life(Number a) const { return life_[a]; }
  int64_t in_window(Number a, size_t w, int64_t index) const {
    const auto found = window_.find({a, w, index});
    return found == window_.end() ? 0 : found->second;
  }

 private:
  std::array<int64_t, kAccounts> life_{};
  std::map<std::tuple<Number, size_t, int64_t>, int64_t> window_;
};

// Where bank and truth differ; empty: nowhere.
inline std::string difference(Bank& bank, const Truth& truth, Number a, Time now) {
  const ledger::Balance balance = bank.balance(truth.parties[a].id, now);
  const auto say = [a](const char* what, int64_t is, int64_t should) {
    return is == should ? std::string()
                        : " account " + std::to_string(a) + " " + what + " " + std::to_string(is) +
                              ", not " + std::to_string(should) + ";";
  };
  const Model& model = truth.model;
  std::string all = say("spent", balance.spent.nano(), model.account(a).spent) +
                    say("held", balance.held.nano(), model.held(a)) +
                    say("carved", balance.carved.nano(), model.carved(a)) +
                    say("blocked", balance.blocked, model.account(a).blocked);
  for (size_t w = 0; w < kCalendar; ++w) {
    const int64_t index = model.index(a, w, now);
    static constexpr std::array<const char*, kCalendar> kSpentIn = {
        "spent in its second", "spent in its minute", "spent in its hour", "spent in its day",
        "spent in its month"};
    all += say(kSpentIn[w], balance.window_spent[w].nano(), model.spent_in(a, w, index)) +
           say("held in a window", balance.window_held[w].nano(), model.held_in(a, w, index));
  }
  return all;
}

// The same of what people decided.
inline std::string difference(const Directory& directory, const Truth& truth) {
  std::string all;
  for (Number a = 0; a < kAccounts; ++a) {
    const Party& party = truth.parties[a];
    if (!party.alive) continue;
    if (a < kBudgets) {
      const auto record = directory.token(party.token).value_or(nullptr);
      const TokenRecord should = truth.token_record(a);
      const bool agree = record && record->limits == should.limits &&
                         record->budget == should.budget && record->revoked == should.revoked &&
                         record->override_limits == should.override_limits;
      if (!agree) all += " token " + party.name + ";";
    } else if (a < kRate) {
      const auto record = directory.budget(party.name);
      const BudgetRecord should = truth.budget_record(a);
      const bool agree =
          record && record->limits == should.limits && record->parent == should.parent;
      if (!agree) all += " budget " + party.name + ";";
    } else if (a >= kPoints && directory.is_revoked(party.id) != party.revoked) {
      all += " revocation of " + std::to_string(a) + ";";
    }
  }
  return all;
}

}  // namespace satgate::store
