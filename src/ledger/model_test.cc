// Random histories against a model that is too simple to be wrong (reference_model.h). After every
// step an auditor compares all balances and checks Law 1; at random points the ledger is rebuilt
// from a snapshot and its journal.
//
// SATGATE_MODEL_STEPS=n runs longer; SATGATE_MODEL_SEED=s repeats a run. Both are printed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "base/text.h"
#include "ledger/ledger.h"
#include "ledger/reference_model.h"

namespace satgate::ledger {
namespace {

// Accounts: 0-2 root tokens, 3-4 budgets, 5-6 rates, the others children three levels deep.
constexpr Number kBudgets = 3;
constexpr Number kRates = 5;
constexpr Number kChildren = 7;
constexpr Number kAccounts = 19;

class History {
 public:
  explicit History(uint64_t seed) : random_(seed), model_(kAccounts), parent_(kAccounts, 0) {
    for (Number a = 0; a < kAccounts; ++a) {
      ids_.push_back(account_id("model", std::to_string(a)));
      limits_.push_back(some_limits(a));
    }
    for (Number a = kChildren; a < kAccounts; ++a) {
      parent_[a] = a < kChildren + 6 ? a % 3 : kChildren + a % 6;
    }
    take_snapshot();
  }

  void step() {
    const uint64_t dice = below(1000);
    if (dice < 350) {
      reserve();
    } else if (dice < 640) {
      end();
    } else if (dice < 650) {
      lose();
    } else if (dice < 680) {
      expire();
    } else if (dice < 740) {
      carve();
    } else if (dice < 780) {
      close_carve();
    } else if (dice < 880) {
      move_clock();
    } else if (dice < 930) {
      edit();
    } else if (dice < 950) {
      block();
    } else if (dice < 955) {
      write_off();
    } else if (dice < 965) {
      take_snapshot();
    } else if (dice < 980) {
      rebuild();
    } else if (dice < 983) {
      crash();
    }
    audit(*ledger_, true);
  }

  const std::map<std::string, int>& seen() const { return seen_; }

 private:
  uint64_t below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }
  int64_t amount_up_to(int64_t most) {
    // Small whole numbers, so that limits are hit exactly and often.
    return static_cast<int64_t>(below(static_cast<uint64_t>(most) + 1)) * 1000;
  }
  static AccountKind kind(Number a) {
    if (a >= kRates && a < kChildren) return AccountKind::rate;
    if (a >= kBudgets && a < kRates) return AccountKind::budget;
    return a < kBudgets ? AccountKind::token : AccountKind::lineage;
  }

  SpendLimits some_limits(Number a) {
    SpendLimits limits;
    for (const Window w : kAllWindows) {
      if (below(3) != 0) continue;
      limits[w] = kind(a) == AccountKind::rate
                      ? Money::credits(static_cast<int64_t>(below(30)))
                      : Money::nano(amount_up_to(w == Window::lifetime ? 1000 : 150));
    }
    return limits;
  }

  // The lineage of `a` from its root down, then the root's budget, then perhaps a rate.
  std::vector<Number> accounts_of(Number a) {
    std::vector<Number> numbers = {a};
    while (a >= kChildren)
      numbers.insert(numbers.begin(), a = parent_[a]);
    if (budget_[a] != 0) numbers.push_back(budget_[a]);
    if (below(3) == 0) numbers.push_back(kRates + below(2));
    if (below(10) == 0) numbers.push_back(numbers[below(numbers.size())]);  // twice on the path
    return numbers;
  }

  Path path_of(const std::vector<Number>& numbers, std::vector<Item>& items) {
    Path path;
    for (size_t i = 0; i < numbers.size(); ++i) {
      const Number a = numbers[i];
      SpendLimits limits = limits_[a];
      const auto same = std::ranges::find(items, a, &Item::account);
      if (same != items.end()) {
        limits = some_limits(a);
        for (const Window w : kAllWindows)
          same->limits[w] = min(same->limits[w], limits[w]);
      } else {
        items.push_back({a, kind(a) == AccountKind::rate, limits, i, {}});
      }
      EXPECT_TRUE(path.add({ids_[a], kind(a), limits, {}}));
    }
    return path;
  }

  // Rather one with an open carve: there the rules are the most.
  Number some_leaf() {
    const auto& carves = model_.carves();
    if (!carves.empty() && below(2) == 0) {
      return std::next(carves.begin(), static_cast<std::ptrdiff_t>(below(carves.size())))->first;
    }
    return below(3) == 0 ? below(3) : kChildren + below(kAccounts - kChildren);
  }

  void reserve() {
    std::vector<Item> items;
    const Path path = path_of(accounts_of(some_leaf()), items);
    const int64_t amount = amount_up_to(below(8) == 0 ? 100 : 12);
    check_headroom(path, items);
    const auto expected = model_.judge(items, amount, now_);
    std::vector<int64_t> before;
    for (const Item& item : items)
      before.push_back(promised(item.account));
    HoldRecord record;
    auto result = ledger_->reserve(path, Money::nano(amount), now_, record);
    if (!result && std::holds_alternative<LeaseShortage>(result.error())) {
      ++seen_["lease"];
      EXPECT_FALSE(expected);
      const auto& shortage = std::get<LeaseShortage>(result.error());
      for (size_t i = 0; i < shortage.size; ++i) {
        const auto& need = shortage.needs[i];
        const Money ceiling = need.ceiling_min + Money::nano(amount_up_to(20));
        ledger_->raise_ceiling(need.account, need.kind, ceiling);
        ceilings_[need.account] = max(ceilings_[need.account], ceiling);
      }
      result = ledger_->reserve(path, Money::nano(amount), now_, record);
    }
    if (!result) {
      ASSERT_TRUE(std::holds_alternative<Misfit>(result.error()));
      const auto& misfit = std::get<Misfit>(result.error());
      ASSERT_TRUE(expected) << code(misfit.refusal);
      ++seen_[std::string(code(misfit.refusal))];
      EXPECT_EQ((Verdict{misfit.refusal, misfit.entry, misfit.window}), *expected);
      EXPECT_FALSE(misfit.remaining.is_negative());
      EXPECT_GT(misfit.resets_at.value_or(Time{INT64_MAX}), now_);
      return;
    }
    ASSERT_FALSE(expected) << code(expected->refusal);
    ++seen_["reserved"];
    if (std::ranges::any_of(items, [&](const Item& item) {
          return model_.carves().contains(item.account) && model_.carved(item.account) > 0;
        })) {
      ++seen_["below two carves"];
    }
    model_.hold(record.reservation, amount, now_, items);
    journal_.emplace_back(record);
    records_[record.reservation] = record;
    handles_.push_back(std::move(*result));
    check_law_one(items, amount, before);
  }

  int64_t promised(Number a) const {
    const Balance balance = ledger_->balance(ids_[a], now_);
    return (balance.spent + balance.held + balance.carved).nano();
  }

  // From the ledger's own balances: nothing grew beyond a limit.
  void check_law_one(const std::vector<Item>& items, int64_t amount,
                     const std::vector<int64_t>& before) {
    for (size_t i = 0; i < items.size(); ++i) {
      const Item& item = items[i];
      if (item.charge(amount) == 0) continue;
      const Balance balance = ledger_->balance(ids_[item.account], now_);
      EXPECT_LE((balance.spent + balance.held), item.limits[Window::lifetime]);
      EXPECT_LE(promised(item.account), std::max(before[i], item.limits[Window::lifetime].nano()));
      for (size_t w = 0; w < kCalendar; ++w) {
        EXPECT_LE(balance.window_spent[w] + balance.window_held[w], item.limits.max[w]);
      }
    }
  }

  // What is said to fit does, and one nano-credit more does not.
  void check_headroom(const Path& path, std::vector<Item> items) {
    const Money fits = ledger_->headroom(path, now_);
    if (std::ranges::any_of(items,
                            [&](const Item& i) { return model_.account(i.account).blocked; })) {
      EXPECT_EQ(fits, Money());
      return;
    }
    // Rates are not money; without their limits only money decides.
    for (Item& item : items) {
      if (item.is_rate) item.limits = {};
    }
    if (fits == Money::max()) {
      for (const Item& item : items)
        EXPECT_FALSE(item.limits.any());
      return;
    }
    EXPECT_FALSE(model_.judge(items, fits.nano(), now_));
    EXPECT_TRUE(model_.judge(items, fits.nano() + 1, now_));
  }

  std::optional<Reservation> take_handle() {
    if (handles_.empty()) return std::nullopt;
    std::swap(handles_[below(handles_.size())], handles_.back());
    std::optional<Reservation> handle = std::move(handles_.back());
    handles_.pop_back();
    return handle;
  }

  void end() {
    std::optional<Reservation> handle = take_handle();
    if (!handle) return;
    const uint64_t id = handle->id();
    const int64_t held = handle->amount().nano();
    EndRecord record;
    const uint64_t how = below(20);
    const int64_t actual = how == 0 ? held + 1 : amount_up_to(held / 1000);
    const Receipt receipt = how < 12
                                ? ledger_->settle(std::move(*handle), Money::nano(actual), record)
                            : how < 16 ? ledger_->release(std::move(*handle), record)
                                       : ledger_->forfeit(std::move(*handle), record);
    if (!model_.open().contains(id)) {
      ++seen_["late end"];
      EXPECT_EQ(record.reservation, 0u);
      EXPECT_EQ(receipt.end(), Receipt::End::forfeited);
      return;
    }
    ++seen_[how == 0 ? "overrun" : how < 12 ? "settled" : how < 16 ? "released" : "forfeited"];
    const int64_t cost = how == 0 || how >= 16 ? held : how < 12 ? actual : 0;
    EXPECT_EQ(record.reservation, id);
    EXPECT_EQ(record.cost.nano(), cost);
    EXPECT_EQ(receipt.cost().nano(), cost);
    EXPECT_EQ(receipt.overrun(), how == 0);
    EXPECT_FALSE(receipt.remaining().is_negative());
    model_.end(id, cost, how < 12 || how >= 16, how == 0);
    journal_.emplace_back(record);
  }

  void lose() { take_handle(); }

  void expire() {
    const Time deadline{now_.unix_ns - static_cast<int64_t>(below(7200)) * kNanoPerSecond};
    std::vector<uint64_t> expected;
    for (const auto& [id, hold] : model_.open()) {
      if (hold.at <= deadline) expected.push_back(id);
    }
    charge_all(ledger_->expire(deadline), expected);
  }

  void charge_all(const std::vector<EndRecord>& ends, const std::vector<uint64_t>& expected) {
    std::vector<uint64_t> ended;
    for (const EndRecord& record : ends) {
      ended.push_back(record.reservation);
      journal_.emplace_back(record);
      ++seen_["expired"];
    }
    ASSERT_EQ(ended, expected);
    for (const EndRecord& record : ends) {
      EXPECT_EQ(record.cost.nano(), model_.open().at(record.reservation).amount);
      model_.end(record.reservation, record.cost.nano(), true, false);
    }
  }

  void carve() {
    const Number child = kChildren + below(kAccounts - kChildren);
    std::vector<Item> items;
    const Path path = path_of(accounts_of(parent_[child]), items);
    const int64_t amount = amount_up_to(80);
    const auto expected = model_.judge_carve(items, child, amount);
    CarveState state;
    const auto result = ledger_->carve(path, ids_[child], Money::nano(amount), now_, state);
    ASSERT_EQ(result.has_value(), !expected);
    if (!result) {
      const Misfit& misfit = result.error();
      EXPECT_EQ((Verdict{misfit.refusal, misfit.entry, misfit.window}), *expected);
      return;
    }
    ++seen_["carved"];
    Model::CarvedOut carved{amount, {}};
    std::vector<AccountId> from;
    for (const Item& item : items) {
      const bool is_limited = !item.is_rate && item.limits.limits(Window::lifetime);
      if (!is_limited || model_.covered(items, item.account)) continue;
      carved.from.push_back(item.account);
      from.push_back(ids_[item.account]);
    }
    EXPECT_EQ(state.from, from);
    model_.carves()[child] = carved;
    carve_states_[child] = state;
    if (below(4) != 0) limits_[child][Window::lifetime] = Money::nano(amount);
  }

  void close_carve() {
    const Number child = kChildren + below(kAccounts - kChildren);
    EXPECT_EQ(ledger_->close_carve(ids_[child]), model_.carves().contains(child));
    seen_["closed"] += static_cast<int>(model_.carves().erase(child));
    carve_states_.erase(child);
  }

  void move_clock() {
    static constexpr std::array<int64_t, 6> kSteps = {1, 30, 600, 3600, 86400, 40 * 86400};
    const int64_t seconds = kSteps[std::min(below(6), below(6))];
    if (below(8) == 0) {
      now_.unix_ns -= std::min(seconds, int64_t{5000}) * kNanoPerSecond;
      ++seen_["clock back"];
    } else {
      now_.unix_ns += seconds * kNanoPerSecond;
    }
  }

  void edit() {
    if (below(4) == 0) {
      budget_[below(3)] = below(3) == 0 ? 0 : kBudgets + below(2);
    } else {
      const Number a = below(kAccounts);
      limits_[a] = some_limits(a);
    }
    // Fresh children, so that carving never comes to an end.
    if (below(4) == 0) return;
    const Number child = kChildren + below(kAccounts - kChildren);
    if (model_.carved(child) != 0 || model_.held(child) != 0) return;
    if (model_.carves().contains(child)) {
      if (below(3) != 0) return;
      EXPECT_TRUE(ledger_->close_carve(ids_[child]));
      model_.carves().erase(child);
      carve_states_.erase(child);
    }
    ids_[child] = account_id("model", "again " + std::to_string(++renamed_));
    model_.account(child) = {};
  }

  void block() {
    const Number a = below(kAccounts);
    if (below(6) == 0) {
      ledger_->block(ids_[a]);
      model_.account(a).blocked = true;
      return;
    }
    for (Number b = 0; b < kAccounts; ++b) {
      EXPECT_EQ(ledger_->unblock(ids_[b]), model_.account(b).blocked);
      model_.account(b).blocked = false;
    }
  }

  // Not in the journal, so the store takes it into its next snapshot; so does this test.
  void write_off() {
    const Number a = below(kAccounts);
    const int64_t amount = amount_up_to(5);
    const Money ceiling = ledger_->balance(ids_[a], now_).spent + Money::nano(amount);
    ledger_->write_off(ids_[a], ledger_->loss_of(ids_[a], ceiling, now_));
    model_.write_off(a, amount, now_);
    take_snapshot();
  }

  void take_snapshot() {
    snapshot_ = ledger_->snapshot();
    journal_.clear();
    for (const auto& [id, hold] : model_.open())
      journal_.emplace_back(records_.at(id));
  }

  std::unique_ptr<Ledger> recovered() {
    auto ledger = std::make_unique<Ledger>();
    const bool carves_first = below(2) == 0;
    const auto load_carves = [&] {
      for (const auto& [child, state] : carve_states_)
        ledger->load(state);
    };
    if (carves_first) load_carves();
    for (const AccountState& state : snapshot_)
      ledger->load(state);
    if (!carves_first) load_carves();
    for (const auto& record : journal_) {
      if (const auto* hold = std::get_if<HoldRecord>(&record)) {
        ledger->replay(*hold);
      } else {
        EXPECT_TRUE(ledger->replay(std::get<EndRecord>(record)));
      }
    }
    return ledger;
  }

  void rebuild() {
    ++seen_["rebuilt"];
    audit(*recovered(), false);
  }

  void crash() {
    ++seen_["crashed"];
    std::vector<uint64_t> open;
    for (const auto& [id, hold] : model_.open())
      open.push_back(id);
    const uint64_t last = records_.empty() ? 0 : records_.rbegin()->first;
    ledger_ = recovered();
    charge_all(ledger_->finish_recovery(last + 1), open);
    handles_.clear();
    for (Number a = 0; a < kAccounts; ++a) {
      ledger_->unblock(ids_[a]);
      if (model_.account(a).blocked) ledger_->block(ids_[a]);
    }
    for (const auto& [id, ceiling] : ceilings_) {
      ledger_->raise_ceiling(id, AccountKind::token, ceiling);
    }
    take_snapshot();
  }

  void audit(const Ledger& ledger, bool with_blocked) {
    EXPECT_EQ(ledger.held_count(), model_.open().size());
    for (Number a = 0; a < kAccounts; ++a) {
      const Balance balance = ledger.balance(ids_[a], now_);
      ASSERT_EQ(balance.spent.nano(), model_.account(a).spent) << "account " << a;
      ASSERT_EQ(balance.held.nano(), model_.held(a)) << "account " << a;
      ASSERT_EQ(balance.carved.nano(), model_.carved(a)) << "account " << a;
      if (with_blocked) {
        ASSERT_EQ(balance.blocked, model_.account(a).blocked) << "account " << a;
      }
      for (size_t w = 0; w < kCalendar; ++w) {
        const int64_t index = model_.index(a, w, now_);
        ASSERT_EQ(balance.window_spent[w].nano(), model_.spent_in(a, w, index)) << a << " " << w;
        ASSERT_EQ(balance.window_held[w].nano(), model_.held_in(a, w, index)) << a << " " << w;
      }
    }
  }

  std::mt19937_64 random_;
  Model model_;
  std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
  Time now_ = Time::seconds(1'775'757'600);
  std::vector<AccountId> ids_;
  std::vector<SpendLimits> limits_;
  std::vector<Number> parent_;
  std::array<Number, 3> budget_ = {kBudgets, kBudgets, kBudgets + 1};
  int renamed_ = 0;

  std::vector<Reservation> handles_;
  std::map<uint64_t, HoldRecord> records_;
  std::map<AccountId, Money> ceilings_;
  std::map<Number, CarveState> carve_states_;
  std::vector<AccountState> snapshot_;
  std::vector<std::variant<HoldRecord, EndRecord>> journal_;  // since the snapshot
  std::map<std::string, int> seen_;
};

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : parse_uint(text).value_or(otherwise);
}

TEST(ModelTest, RandomHistoriesAgreeWithTheModel) {
  const uint64_t steps = from_environment("SATGATE_MODEL_STEPS", 20'000);
  constexpr uint64_t kStepsPerHistory = 2'000;
  uint64_t seed = from_environment("SATGATE_MODEL_SEED", 1);
  std::map<std::string, int> seen;
  for (uint64_t done = 0; done < steps; done += kStepsPerHistory, ++seed) {
    SCOPED_TRACE("SATGATE_MODEL_SEED=" + std::to_string(seed));
    History history(seed);
    for (uint64_t i = 0; i < kStepsPerHistory && !HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      history.step();
    }
    for (const auto& [what, times] : history.seen())
      seen[what] += times;
    if (HasFailure()) break;
  }
  std::cout << "steps " << steps << ", last seed " << seed - 1 << ":";
  for (const auto& [what, times] : seen)
    std::cout << " " << what << "=" << times;
  std::cout << "\n";
  // A test that never gets into a situation proves nothing about it.
  for (const char* what :
       {"reserved", "lease", "rate_limited", "request_exceeds_budget", "budget_exhausted",
        "budget_exceeded", "budget_in_flight", "account_blocked", "overrun", "settled", "released",
        "forfeited", "expired", "late end", "carved", "closed", "clock back", "rebuilt",
        "crashed"}) {
    EXPECT_GT(seen[what], 10) << what;
  }
}

}  // namespace
}  // namespace satgate::ledger
