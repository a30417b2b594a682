// The reference model of model_test.cc: it keeps every hold and every charge and adds them up anew
// for each question, so it is slow and plain. Only tests include it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ledger/ledger.h"

namespace satgate::ledger {

using Number = size_t;  // of an account
inline constexpr size_t kCalendar = kWindowCount - 1;
inline constexpr std::array kModelLongestFirst = {Window::lifetime, Window::month,  Window::day,
                                                  Window::hour,     Window::minute, Window::second};

// Which window of UTC an instant falls into: hours since the epoch, months since January 1970, ...
inline int64_t window_index(Window window, Time t) {
  static constexpr std::array<int64_t, 4> kLengths = {1, 60, 3600, 86400};
  using namespace std::chrono;
  const auto day = floor<days>(sys_seconds(seconds(t.unix_seconds())));
  if (window == Window::month) {
    const year_month_day date{day};
    return (static_cast<int>(date.year()) - 1970) * int64_t{12} +
           static_cast<unsigned>(date.month()) - 1;
  }
  if (window == Window::lifetime) return 0;
  const int64_t length = kLengths.at(static_cast<size_t>(window));
  const int64_t second = t.unix_seconds();
  return second / length - (second % length < 0 ? 1 : 0);
}

struct Item {
  Number account = 0;
  bool is_rate = false;
  SpendLimits limits;
  size_t entry = 0;
  std::array<int64_t, kCalendar> window{};

  int64_t charge(int64_t amount) const { return is_rate ? kNanoPerCredit : amount; }
};

struct Verdict {
  Refusal refusal = Refusal::budget_exhausted;
  size_t entry = 0;
  Window window = Window::lifetime;
  bool operator==(const Verdict&) const = default;
};

class Model {
 public:
  struct Hold {
    int64_t amount = 0;
    Time at;
    std::vector<Item> items;
  };
  struct Charged {
    int64_t spent = 0;
    std::map<std::pair<size_t, int64_t>, int64_t> in_window;
    std::array<int64_t, kCalendar> index{};  // the newest window with a hold or a charge
    bool blocked = false;
  };
  struct CarvedOut {
    int64_t amount = 0;
    std::vector<Number> from;
  };

  explicit Model(size_t accounts) : accounts_(accounts) {}

  Charged& account(Number a) { return accounts_[a]; }
  const Charged& account(Number a) const { return accounts_[a]; }
  std::map<uint64_t, Hold>& open() { return open_; }
  std::map<Number, CarvedOut>& carves() { return carves_; }
  const std::map<Number, CarvedOut>& carves() const { return carves_; }
  size_t size() const { return accounts_.size(); }

  int64_t held(Number a) const {
    return sum([&](const Item& item) { return item.account == a; });
  }
  // By a hold, were it one of nothing: its end may still block the account.
  bool is_named(Number a) const {
    return std::ranges::any_of(open_, [a](const auto& one) {
      return std::ranges::find(one.second.items, a, &Item::account) != one.second.items.end();
    });
  }
  int64_t held_in(Number a, size_t w, int64_t index) const {
    return sum([&](const Item& item) { return item.account == a && item.window[w] == index; });
  }
  int64_t spent_in(Number a, size_t w, int64_t index) const {
    const auto found = accounts_[a].in_window.find({w, index});
    return found == accounts_[a].in_window.end() ? 0 : found->second;
  }
  int64_t index(Number a, size_t w, Time now) const {
    return std::max(accounts_[a].index[w], window_index(kAllWindows[w], now));
  }
  int64_t left(Number child) const {
    return std::max<int64_t>(0, carves_.at(child).amount - accounts_[child].spent - held(child));
  }
  int64_t carved(Number a) const {
    int64_t total = 0;
    for (const auto& [child, carve] : carves_) {
      if (std::ranges::find(carve.from, a) != carve.from.end()) total += left(child);
    }
    return total;
  }
  // What carves of this very path have set aside on `a`; nothing if none of them names it.
  std::optional<int64_t> covered(const std::vector<Item>& items, Number a) const {
    std::optional<int64_t> total;
    for (const Item& item : items) {
      const auto carve = carves_.find(item.account);
      if (carve == carves_.end()) continue;
      const auto& from = carve->second.from;
      if (std::ranges::find(from, a) != from.end()) total = total.value_or(0) + left(item.account);
    }
    return total;
  }

  std::optional<Verdict> judge(const std::vector<Item>& items, int64_t amount, Time now) const {
    std::optional<Verdict> worst;
    const auto report = [&](const Verdict& verdict) {
      if (!worst || verdict.refusal < worst->refusal) worst = verdict;
    };
    for (const Item& item : items) {
      const Number a = item.account;
      if (accounts_[a].blocked) report({Refusal::account_blocked, item.entry, Window::lifetime});
      for (const Window window : kModelLongestFirst) {
        if (!item.limits.limits(window)) continue;
        const int64_t charge = item.charge(amount);
        if (fits(items, item, window, charge, now, true)) continue;
        const bool is_life = window == Window::lifetime;
        const Refusal refusal =
            item.is_rate                                    ? Refusal::rate_limited
            : charge > item.limits[window].nano()           ? Refusal::request_exceeds_budget
            : fits(items, item, window, charge, now, false) ? Refusal::budget_in_flight
            : is_life                                       ? Refusal::budget_exhausted
                                                            : Refusal::budget_exceeded;
        report({refusal, item.entry, window});
      }
    }
    return worst;
  }

  std::optional<Verdict> judge_carve(std::vector<Item> items, Number child, int64_t amount) const {
    const Charged& known = accounts_[child];
    if (known.spent != 0 || held(child) != 0 || carved(child) != 0 || carves_.contains(child)) {
      return Verdict{Refusal::account_blocked, 0, Window::lifetime};
    }
    const std::vector<Item> path = items;
    std::erase_if(items, [](const Item& item) { return item.is_rate; });
    std::optional<Verdict> worst;
    for (const Item& item : path) {
      if (accounts_[item.account].blocked) {
        return Verdict{Refusal::account_blocked, item.entry, Window::lifetime};
      }
    }
    for (const Item& item : items) {
      for (const Window window : kModelLongestFirst) {
        const bool is_life = window == Window::lifetime;
        if (!item.limits.limits(window)) continue;
        if (is_life && covered(path, item.account)) continue;
        std::optional<Refusal> refusal;
        if (amount > item.limits[window].nano()) {
          refusal = Refusal::request_exceeds_budget;
        } else if (is_life && !fits(path, item, window, amount, {}, true)) {
          refusal = fits(path, item, window, amount, {}, false) ? Refusal::budget_in_flight
                                                                : Refusal::budget_exhausted;
        }
        if (refusal && (!worst || *refusal < worst->refusal)) {
          worst = Verdict{*refusal, item.entry, window};
        }
      }
    }
    return worst;
  }

  void hold(uint64_t id, int64_t amount, Time now, std::vector<Item> items) {
    for (Item& item : items) {
      for (size_t w = 0; w < kCalendar; ++w) {
        item.window[w] = accounts_[item.account].index[w] = index(item.account, w, now);
      }
    }
    open_[id] = Hold{amount, now, std::move(items)};
  }

  void end(uint64_t id, int64_t cost, bool call_counts, bool overrun) {
    const auto node = open_.extract(id);
    const Hold& hold = node.mapped();
    for (const Item& item : hold.items) {
      const int64_t spent = item.is_rate ? (call_counts ? kNanoPerCredit : 0) : cost;
      Charged& account = accounts_[item.account];
      account.spent += spent;
      for (size_t w = 0; w < kCalendar; ++w)
        account.in_window[{w, item.window[w]}] += spent;
    }
    if (overrun && !hold.items.empty()) accounts_[hold.items[0].account].blocked = true;
  }

  // So much more than is known may have been spent, be it under the holds that are open or not.
  void write_off(Number a, int64_t unknown, Time now) {
    accounts_[a].spent += std::max<int64_t>(0, unknown - held(a));
    for (size_t w = 0; w < kCalendar; ++w) {
      accounts_[a].index[w] = index(a, w, now);
      accounts_[a].in_window[{w, accounts_[a].index[w]}] +=
          std::max<int64_t>(0, unknown - held_in(a, w, accounts_[a].index[w]));
    }
  }

 private:
  int64_t sum(auto&& counts) const {
    int64_t total = 0;
    for (const auto& [id, hold] : open_) {
      for (const Item& item : hold.items) {
        if (counts(item)) total += item.charge(hold.amount);
      }
    }
    return total;
  }

  bool fits(const std::vector<Item>& items, const Item& item, Window window, int64_t charge,
            Time now, bool with_holds) const {
    if (charge == 0) return true;
    const Number a = item.account;
    const int64_t limit = item.limits[window].nano();
    if (window != Window::lifetime) {
      const auto w = static_cast<size_t>(window);
      const int64_t at = index(a, w, now);
      const int64_t in_flight = with_holds ? held_in(a, w, at) : 0;
      return spent_in(a, w, at) + in_flight + charge <= limit;
    }
    const int64_t used = accounts_[a].spent + (with_holds ? held(a) : 0) + charge;
    const int64_t set_aside = covered(items, a).value_or(0);
    return used <= limit && (charge <= set_aside || used + carved(a) - set_aside <= limit);
  }

  std::vector<Charged> accounts_;
  std::map<uint64_t, Hold> open_;
  std::map<Number, CarvedOut> carves_;  // open ones, by child
};

}  // namespace satgate::ledger
