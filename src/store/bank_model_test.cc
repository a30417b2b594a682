// Random histories of the whole bank against the reference model, on a machine that crashes: a
// process that dies at any write of the journal or of SQLite, also in the middle of it, and a power
// failure that takes what was not synced. After every step an auditor compares every account with
// the model and with what upstreams really served (Laws 1 and 2).
//
// SATGATE_MODEL_STEPS=n runs longer; SATGATE_MODEL_SEED=s repeats a run. A failure prints the seed
// and the last operations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <functional>
#include <future>
#include <iostream>
#include <thread>

#include "base/text.h"
#include "store/bank_hooks.h"
#include "store/bank_world.h"
#include "store/fault_disk.h"
#include "store/lease_book.h"
#include "store/sqlite/database.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using ledger::Verdict;
using std::chrono::milliseconds;

// Memory, where there is some: the disk's failures are made by FaultDisk, not by a disk.
std::filesystem::path fast_directory() {
  std::error_code error;
  const char* memory = "/dev/shm";
  return std::filesystem::is_directory(memory, error) ? memory : testing::TempDir();
}

class History {
 public:
  explicit History(uint64_t seed) : random_(seed), strict_(seed % 4 == 0), grouped_(seed % 2 == 0) {
    for (Number a = 0; a < kPoints; ++a)
      be_born(truth_, a);
    open();
    if (bank_ == nullptr) return;
    for (Number b = kBudgets; b < kRate; ++b)
      EXPECT_TRUE(bank_->directory().put_budgets({truth_.budget_record(b)}));
    for (Number root = 0; root < kBudgets; ++root)
      EXPECT_TRUE(bank_->directory().add_token(truth_.token_record(root)));
  }

  void step() {
    struct Choice {
      uint64_t weight;
      void (History::*run)();
    };
    static constexpr std::array<Choice, 17> kChoices = {{{340, &History::reserve},
                                                         {300, &History::finish},
                                                         {8, &History::lose},
                                                         {20, &History::expire},
                                                         {90, &History::attenuate},
                                                         {50, &History::mint_child},
                                                         {10, &History::revoke},
                                                         {50, &History::prune},
                                                         {40, &History::mint_root},
                                                         {70, &History::move_clock},
                                                         {25, &History::edit_token},
                                                         {25, &History::edit_budget},
                                                         {20, &History::unblock},
                                                         {14, &History::sync},
                                                         {10, &History::arm},
                                                         {4, &History::die},
                                                         {3, &History::restart}}};
    uint64_t total = 0;
    for (const Choice& choice : kChoices)
      total += choice.weight;
    uint64_t dice = below(total);
    const Choice* choice = kChoices.data();
    while (dice >= choice->weight)
      dice -= choice++->weight;
    (this->*choice->run)();
    if (disk_.crashed()) come_back();
    if (bank_ != nullptr) audit();
  }

  const std::map<std::string, int>& seen() const { return seen_; }
  std::string last_operations() const { return fmt::format("{}", fmt::join(log_, "\n")); }

 private:
  using Effect = std::function<void(Truth&)>;

  struct Call {
    Reservation handle;
    int64_t served = 0;  // what it costs at the upstream
    bool unsent = false;
  };

  uint64_t below(uint64_t n) { return std::uniform_int_distribution<uint64_t>(0, n - 1)(random_); }
  // Small whole numbers, so that limits are hit exactly and often.
  int64_t amount_up_to(uint64_t most) { return static_cast<int64_t>(below(most + 1)) * 1000; }

  void log(std::string line) {
    log_.push_back(std::move(line));
    if (log_.size() > 100) log_.pop_front();
  }

  // Money always has some limit here: without one nothing is leased, and a power failure may
  // forget.
  SpendLimits some_limits(Number a) {
    SpendLimits limits;
    const bool is_rate = kind_of(a) == AccountKind::rate;
    // Eight levels deep, the tightest of many limits decides: each is wide, and rare.
    const uint64_t rarity = kind_of(a) == AccountKind::lineage ? 8 : 3;
    for (const Window w : kAllWindows) {
      if (below(rarity) != 0) continue;
      limits[w] = is_rate ? Money::credits(static_cast<int64_t>(below(60)))
                          : Money::nano(amount_up_to(w == Window::lifetime ? 3000 : 400));
    }
    if (!is_rate && !limits.any()) limits[Window::lifetime] = Money::nano(amount_up_to(2000));
    return limits;
  }

  // Gives a number to somebody who never was.
  void be_born(Truth& truth, Number a) {
    Party party;
    party.name = fmt::format("{}-{}", a, ++born_);
    party.limits = some_limits(a);
    party.alive = true;
    if (a < kBudgets) {
      const AccountId bytes = account_id("model token", party.name);
      party.token = TokenId{bytes.bytes};
      party.id = token_account(party.token);
      if (below(3) != 0) party.above = kBudgets + below(2);
    } else if (a < kRate) {
      party.name = fmt::format("budget-{}", a);
      party.id = budget_account(party.name);
      if (a == kBudgets + 1) party.above = kBudgets;
    } else {
      party.id = account_id("model", party.name);
    }
    truth.parties[a] = party;
    truth.model.account(a) = {};
  }

  // What is certain is true; what was under way when the process died may be.
  bool take(bool done, const Effect& effect) {
    if (done) {
      effect(truth_);
      return true;
    }
    EXPECT_TRUE(disk_.crashed()) << "refused without a reason: " << bank_->failure();
    maybe_ = truth_;
    effect(*maybe_);
    return false;
  }

  template <class Start>
  static bool await(const Start& start) {
    std::promise<bool> promise;
    auto result = promise.get_future();
    start([&promise](bool ok) { promise.set_value(ok); });
    return result.get();
  }

  bool written() { return !grouped_ || bank_->flush(); }

  bool durable() {
    if (!strict_) return true;
    const uint64_t seq = bank_->queued();
    bank_->hurry();
    while (bank_->durable() < seq && bank_->healthy())
      std::this_thread::yield();
    EXPECT_TRUE(bank_->durable() >= seq || disk_.crashed());
    return bank_->durable() >= seq;
  }

  std::expected<Reservation, ReserveError> hold(const Path& path, Money worst) {
    while (true) {
      auto held = bank_->reserve(path, worst, now_);
      if (held) return held;
      const auto* shortage = std::get_if<ledger::LeaseShortage>(&held.error());
      if (shortage == nullptr) return held;
      ++seen_["lease"];
      if (!await([&](auto done) { bank_->extend_leases(*shortage, done); })) {
        return std::unexpected(ReserveError(Unavailable{bank_->failure()}));
      }
      // The keeper writes its books now. A seed that is to repeat waits for it.
      if (!strict_) bank_->flush_books();
    }
  }

  // The path as the flow builds it, from the records that the bank has.
  Path path_of(const std::vector<Item>& items) {
    Path path;
    for (const Item& item : items) {
      const Party& party = truth_.parties[item.account];
      PathEntry entry{party.id, kind_of(item.account), party.limits, party.name};
      if (entry.kind == AccountKind::token) {
        const auto record = bank_->directory().token(party.token).value_or(nullptr);
        if (record) entry.limits = effective_limits(*record, now_);
        EXPECT_TRUE(record);
      } else if (entry.kind == AccountKind::budget) {
        const auto record = bank_->directory().budget(party.name);
        if (record) entry.limits = record->limits;
        EXPECT_TRUE(record);
      }
      EXPECT_TRUE(path.add(entry));
    }
    return path;
  }

  template <class Filter>
  Number some(Number first, Number end, const Filter& filter) {
    std::vector<Number> fitting;
    for (Number a = first; a < end; ++a)
      if (filter(a)) fitting.push_back(a);
    return fitting.empty() ? kNobody : fitting[below(fitting.size())];
  }

  // A token that may spend; rather a deep one.
  Number some_leaf() {
    const auto valid = [&](Number a) { return truth_.parties[a].alive && !truth_.is_revoked(a); };
    Number leaf = below(4) != 0 ? some(kPoints, kAccounts, valid) : kNobody;
    if (leaf == kNobody) return some(0, kBudgets, valid);
    for (Number deeper = leaf; deeper != kNobody && below(8) != 0;) {
      leaf = deeper;
      deeper = some(kPoints, kAccounts,
                    [&](Number a) { return valid(a) && truth_.parties[a].above == leaf; });
    }
    return leaf;
  }

  void reserve() {
    const Number leaf = some_leaf();
    if (leaf == kNobody) return;
    const std::vector<Item> items = truth_.items(leaf, below(3) == 0, now_);
    const Path path = path_of(items);
    int64_t amount = amount_up_to(below(8) == 0 ? 150 : 15);
    // A hold of nothing that a crash cuts off is seen in no balance, written or not: it only opens
    // windows. Then nobody could tell which of both is true.
    if (disk_.armed()) amount = std::max<int64_t>(amount, 1000);
    const auto expected = truth_.model.judge(items, amount, now_);
    log(fmt::format("reserve {} for {} at {}", amount, leaf, now_.unix_seconds()));
    auto held = hold(path, Money::nano(amount));
    if (!held) {
      if (const auto* misfit = std::get_if<ledger::Misfit>(&held.error())) {
        ++seen_["refused"];
        ASSERT_TRUE(expected) << code(misfit->refusal);
        EXPECT_EQ((Verdict{misfit->refusal, misfit->entry, misfit->window}), *expected);
        return;
      }
      // Whether the hold is in the journal nobody knows; the call was not forwarded.
      take(false, [&](Truth& truth) {
        if (!expected) truth.model.hold(UINT64_MAX, amount, now_, items);
      });
      return;
    }
    ASSERT_FALSE(expected) << code(expected->refusal);
    if (!written()) {  // and so not forwarded
      take(false, [&](Truth& truth) { truth.model.hold(UINT64_MAX, amount, now_, items); });
      return;
    }
    ++seen_["reserved"];
    if (truth_.parties[leaf].depth == kDepthMax) ++seen_["reserved at depth 8"];
    const uint64_t id = held->id();
    truth_.model.hold(id, amount, now_, items);
    Call call{std::move(*held)};
    call.unsent = !durable() || below(6) == 0;
    if (!call.unsent) {
      call.served = static_cast<int64_t>(below(static_cast<uint64_t>(amount) + 1));
      served_.add(truth_.model.open().at(id).items, call.served);
      check_caps(items, amount);
    }
    if (!disk_.crashed()) calls_.push_back(std::move(call));
  }

  // Law 1, by what upstreams served.
  void check_caps(const std::vector<Item>& items, int64_t amount) {
    for (const Item& item : items) {
      if (item.charge(amount) == 0) continue;  // fits anywhere
      const Number a = item.account;
      const ledger::Balance balance = bank_->balance(truth_.parties[a].id, now_);
      EXPECT_LE(served_.life(a), item.limits[Window::lifetime].nano()) << "account " << a;
      EXPECT_LE(balance.spent + balance.held, item.limits[Window::lifetime]) << "account " << a;
      for (size_t w = 0; w < kCalendar; ++w) {
        const int64_t index = truth_.model.index(a, w, now_);
        EXPECT_LE(served_.in_window(a, w, index), item.limits.max[w].nano()) << a << " " << w;
        EXPECT_LE(balance.window_spent[w] + balance.window_held[w], item.limits.max[w]);
      }
    }
  }

  void finish() {
    if (calls_.empty()) return;
    std::swap(calls_[below(calls_.size())], calls_.back());
    Call call = std::move(calls_.back());
    calls_.pop_back();
    const uint64_t id = call.handle.id();
    const int64_t held = call.handle.amount().nano();
    const bool is_late = !truth_.model.open().contains(id);
    const uint64_t how = call.unsent ? 99 : below(20);
    const bool overrun = how == 0;
    AuditEvent event;
    event.time = now_;
    event.subject = "model";
    event.decision = Decision::allow;
    const int64_t cost = how == 99 ? 0 : how < 3 ? held : call.served;
    log(fmt::format("end {} of {} costs {}{}", id, held, cost, is_late ? ", late" : ""));
    const auto receipt =
        how == 99  ? bank_->release(std::move(call.handle), event)
        : how == 0 ? bank_->settle(std::move(call.handle), Money::nano(held + 1), event)
        : how < 3  ? bank_->forfeit(std::move(call.handle), event)
                   : bank_->settle(std::move(call.handle), Money::nano(cost), event);
    ++seen_[is_late ? "late end" : how == 99 ? "void" : overrun ? "overrun" : "ended"];
    const bool ended = take(receipt.has_value() && written(), [&](Truth& truth) {
      if (!is_late) truth.end(id, cost, how != 99, overrun);
      ++truth.calls;
    });
    if (ended) {
      EXPECT_EQ(event.cost, Money::nano(is_late ? 0 : cost));
    }
    if (ended && strict_ && durable()) durable_calls_ = truth_.calls;
  }

  void lose() {
    if (!calls_.empty()) calls_.pop_back();
  }

  // Whether each was written or not: a restart charges the rest, so the end is the same.
  void expire() {
    const Time deadline{now_.unix_ns - limits::reservation_seconds_max * kNanoPerSecond};
    std::vector<uint64_t> ids;
    for (const auto& [id, hold] : truth_.model.open())
      if (hold.at <= deadline) ids.push_back(id);
    if (ids.empty()) return;
    log(fmt::format("expire {}", fmt::join(ids, " ")));
    bank_->expire(now_);
    for (const uint64_t id : ids) {
      truth_.end(id, truth_.model.open().at(id).amount, true, false);
      ++seen_["expired"];
    }
  }

  // A number for a new point below somebody who may still be narrowed, or nobody.
  Number find_place(Number& parent) {
    parent = some_leaf();
    if (parent == kNobody || truth_.parties[parent].depth == kDepthMax) return kNobody;
    return some(kPoints, kAccounts, [&](Number a) { return !truth_.parties[a].alive; });
  }

  static void put_below(Truth& truth, Number point, Number parent) {
    truth.parties[point].above = parent;
    truth.parties[point].depth = truth.parties[parent].depth + 1;
  }

  // Offline: the gateway is not asked, so nothing can fail.
  void attenuate() {
    Number parent = kNobody;
    const Number point = find_place(parent);
    if (point == kNobody) return;
    log(fmt::format("attenuate {} to {}", parent, point));
    be_born(truth_, point);
    put_below(truth_, point, parent);
    served_.begin_anew(point);
    bank_->directory().note_point({truth_.parties[point].id, truth_.parties[parent].id,
                                   truth_.parties[truth_.root_of(parent)].token, "", "", now_},
                                  1'000'000);
  }

  void mint_child() {
    Number parent = kNobody;
    const Number child = find_place(parent);
    if (child == kNobody) return;
    const std::vector<Item> items = truth_.items(parent, false, now_);
    const int64_t amount = amount_up_to(120);
    Truth born = truth_;
    be_born(born, child);
    put_below(born, child, parent);
    born.parties[child].limits[Window::lifetime] = Money::nano(amount);
    const auto expected = born.model.judge_carve(items, child, amount);
    log(fmt::format("carve {} of {} for {}", amount, parent, child));
    const auto carved =
        bank_->carve(path_of(items), born.parties[child].id, Money::nano(amount), now_);
    if (!carved && std::holds_alternative<ledger::Misfit>(carved.error())) {
      const auto& misfit = std::get<ledger::Misfit>(carved.error());
      ASSERT_TRUE(expected) << code(misfit.refusal);
      EXPECT_EQ((Verdict{misfit.refusal, misfit.entry, misfit.window}), *expected);
      return;
    }
    ASSERT_FALSE(carved && expected) << code(expected->refusal);
    Model::CarvedOut out{amount, {}};
    for (const Item& item : items) {
      const bool gives = !item.is_rate && item.limits.limits(Window::lifetime) &&
                         !born.model.covered(items, item.account);
      if (gives) out.from.push_back(item.account);
    }
    served_.begin_anew(child);
    const bool stored = take(carved.has_value(), [&](Truth& truth) {
      if (expected) return;
      truth = born;
      truth.model.carves()[child] = out;
    });
    if (!stored) return;
    ++seen_["carved"];
    for (const Item& item : items)
      if (truth_.model.carves().contains(item.account)) ++seen_["carved out of a carve"];
  }

  bool close_carve(Number child) {
    log(fmt::format("close the carve of {}", child));
    const bool closed = bank_->close_carve(truth_.parties[child].id);
    ++seen_["carve closed"];
    return take(closed, [&](Truth& truth) { truth.model.carves().erase(child); });
  }

  void revoke() {
    const Number top = below(8) == 0 ? below(kBudgets) : some_leaf();
    if (top == kNobody) return;
    log(fmt::format("revoke {}", top));
    const Effect revoked = [top](Truth& truth) { truth.parties[top].revoked = true; };
    Truth after = truth_;
    revoked(after);
    auto& directory = bank_->directory();
    const bool done = top < kBudgets ? directory.update_token(after.token_record(top)).has_value()
                                     : directory.revoke_point(truth_.parties[top].id).has_value();
    if (!take(done, revoked)) return;
    ++seen_["revoked"];
    for (Number a = kPoints; a < kAccounts; ++a) {
      const bool is_carve = truth_.model.carves().contains(a) && truth_.is_below(a, top);
      if (is_carve && below(4) != 0 && !close_carve(a)) return;
    }
  }

  void prune() {
    const Number a = some(kPoints, kAccounts, [&](Number p) {
      const Party& party = truth_.parties[p];
      return party.alive && !truth_.has_children(p) && truth_.model.held(p) == 0 &&
             (truth_.is_revoked(p) || below(12) == 0);
    });
    if (a == kNobody) return;
    if (truth_.model.carves().contains(a) && !close_carve(a)) return;
    if (truth_.is_idle(a)) truth_.parties[a].alive = false;
  }

  void mint_root() {
    const Number root =
        some(0, kBudgets, [&](Number a) { return truth_.parties[a].revoked || below(6) == 0; });
    if (root == kNobody || !truth_.is_idle(root)) return;
    Truth born = truth_;
    be_born(born, root);
    log(fmt::format("mint {}", born.parties[root].name));
    const bool done = bank_->directory().add_token(born.token_record(root)).has_value();
    served_.begin_anew(root);
    if (take(done, [&](Truth& truth) { truth = born; })) ++seen_["minted"];
  }

  void edit_token() {
    const Number root = below(kBudgets);
    Truth edited = truth_;
    Party& party = edited.parties[root];
    if (below(2) == 0) {
      party.override_limits = LimitOverride{{some_limits(root), {}}, {}};
      if (below(3) == 0) party.override_limits->change.lifted[below(kWindowCount)] = true;
      party.override_limits->until.unix_ns =
          now_.unix_ns + static_cast<int64_t>(1 + below(7200)) * kNanoPerSecond;
      ++seen_["override"];
    } else {
      party.limits = some_limits(root);
    }
    log(fmt::format("edit token {}", root));
    const bool done = bank_->directory().update_token(edited.token_record(root)).has_value();
    take(done, [&](Truth& truth) { truth = edited; });
  }

  void edit_budget() {
    const Number budget = kBudgets + below(2);
    Truth edited = truth_;
    edited.parties[budget].limits = some_limits(budget);
    if (budget == kBudgets + 1) edited.parties[budget].above = below(3) == 0 ? kNobody : kBudgets;
    log(fmt::format("edit budget {}", budget));
    const bool done = bank_->directory().put_budgets({edited.budget_record(budget)}).has_value();
    if (take(done, [&](Truth& truth) { truth = edited; })) ++seen_["budget edited"];
  }

  void unblock() {
    for (Number a = 0; a < kAccounts && !disk_.crashed(); ++a) {
      if (!truth_.model.account(a).blocked) continue;
      log(fmt::format("unblock {}", a));
      const bool done = bank_->unblock(truth_.parties[a].id);
      take(done, [&](Truth& truth) { truth.model.account(a).blocked = false; });
      ++seen_["unblocked"];
    }
  }

  void move_clock() {
    static constexpr std::array<int64_t, 6> kSteps = {1, 30, 600, 3600, 86400, 40 * 86400};
    const int64_t seconds = kSteps[std::min(below(6), below(6))];
    if (below(6) == 0) {
      now_.unix_ns -= std::min(seconds, int64_t{90'000}) * kNanoPerSecond;
      now_ = std::max(now_, oldest_);
      ++seen_["clock back"];
    } else if (below(3) == 0) {
      const Window window = kAllWindows[below(kCalendar)];
      now_ = Time::seconds(window_span(window, now_).end);  // the first instant of the next one
      ++seen_["roll-over"];
    } else {
      now_.unix_ns += seconds * kNanoPerSecond;
    }
    newest_ = std::max(newest_, now_);
    clock_.set(now_);
  }

  void sync() {
    bank_->flush_books();
    if (!disk_.crashed()) durable_calls_ = truth_.calls;
    ++seen_["synced"];
  }

  void arm() {
    const uint64_t steps = below(below(4) == 0 ? 60 : 8);
    log(fmt::format("the process will die at write {}", steps));
    disk_.crash_after(steps, below(3) == 0 ? below(1001) : below(2) * 1000);
  }

  void die() {
    log("the process dies");
    disk_.crash_now();
  }

  void restart() {
    log("restart");
    calls_.clear();
    bank_.reset();
    if (disk_.crashed()) return;
    truth_.charge_open();
    open();
    ++seen_["restarted"];
    if (bank_ == nullptr) return;
    durable_calls_ = truth_.calls;
    EXPECT_EQ(bank_->recovery().leases_written_off, 0U);
    expect_events(truth_);
  }

  void open() {
    BankOptions options;
    options.data_dir = dir_.path() / "data";
    options.group_writes = grouped_;
    options.sync_ms = 3'600'000;  // only when somebody waits: so the test decides what is synced
    BankHooks hooks;
    hooks.files = &disk_;
    hooks.boot_id = fmt::format("boot-{}", boots_);
    hooks.segment_bytes = 16 * 1024;
    hooks.keeper_ms = 3'600'000;
    auto bank = Bank::open(options, clock_, hooks);
    EXPECT_TRUE(bank || disk_.crashed()) << bank.error().message;
    bank_ = bank ? std::move(*bank) : nullptr;
  }

  // The end of a process, and perhaps of the machine; then a start, which may die as well.
  void come_back() {
    calls_.clear();
    bank_.reset();
    bool power_failed = false;
    std::map<AccountId, int64_t> leases;
    for (int deaths = 0; bank_ == nullptr; ++deaths) {
      ASSERT_LT(deaths, 20) << "it does not start any more";
      if (below(3) == 0) fail_power(power_failed);
      disk_.revive();
      read_leases(leases);
      if (deaths < 3 && below(4) == 0) {
        disk_.crash_after(below(25), below(1001));
        ++seen_["crashed while starting"];
      }
      open();
      if (bank_ == nullptr && !disk_.crashed()) return;  // said already
      if (disk_.crashed()) bank_.reset();
    }
    disk_.revive();
    ++seen_[power_failed ? "power failure" : "crashed"];
    log(fmt::format("back at {}", now_.unix_seconds()));
    adopt(power_failed, leases);
    maybe_.reset();
  }

  void fail_power(bool& power_failed) {
    log("power fails");
    disk_.lose_unsynced(random_);
    power_failed = true;
    ++boots_;
    // Rates have no leases (docs/decisions/0004-leases.md): the last calls may be forgotten.
    served_.begin_anew(kRate);
    // From here on no account stands in another window than the model thinks: nobody could tell.
    now_ = oldest_ = newest_;
    clock_.set(now_);
  }

  void read_leases(std::map<AccountId, int64_t>& leases) {
    auto database = sqlite::Database::open_read_only(dir_.path() / "data/satgate.db");
    ASSERT_TRUE(database) << database.error().message;
    const auto found = LeaseBook::read(*database);
    ASSERT_TRUE(found) << found.error().message;
    for (const Lease& lease : *found) {
      int64_t& ceiling = leases[lease.account];
      ceiling = std::max(ceiling, lease.ceiling.nano());
    }
  }

  // The books must now say what was certain, or that and what was under way.
  void adopt(bool power_failed, const std::map<AccountId, int64_t>& leases) {
    std::vector<Truth> candidates = {truth_};
    if (maybe_) candidates.push_back(*maybe_);
    std::string differences;
    for (Truth& candidate : candidates) {
      candidate.charge_open();
      std::string wrong = difference(bank_->directory(), candidate);
      // One of which nothing is left shows in no balance.
      if (std::ssize(candidate.model.carves()) != count_carves()) wrong += " number of carves;";
      if (power_failed) {
        wrong += adopt_balances(candidate, leases);
      } else {
        // Also from as far back as the clock may go: a hold of nothing shows only in what it
        // opened.
        for (Number a = 0; a < kAccounts; ++a)
          wrong +=
              difference(*bank_, candidate, a, now_) + difference(*bank_, candidate, a, oldest_);
        if (candidate.calls != count_calls()) wrong += " number of events;";
      }
      if (wrong.empty()) {
        truth_ = candidate;
        expect_events(truth_);
        durable_calls_ = truth_.calls;
        return;
      }
      differences += "\nif this is true:" + wrong;
    }
    ADD_FAILURE() << (power_failed ? "after a power failure:" : "after a crash:") << differences;
  }

  // A power failure may cost the spender the rest of a lease, and never forgets what was served.
  std::string adopt_balances(Truth& candidate, const std::map<AccountId, int64_t>& leases) {
    std::string wrong;
    for (Number a = 0; a < kAccounts; ++a) {
      const ledger::Balance balance = bank_->balance(candidate.parties[a].id, now_);
      Model::Charged& charged = candidate.model.account(a);
      const auto lease = leases.find(candidate.parties[a].id);
      const int64_t most = std::max(charged.spent, lease == leases.end() ? 0 : lease->second);
      if (balance.spent.nano() > most && a != kRate)
        wrong += fmt::format(" account {} spent {}, at most {} was held or leased;", a,
                             balance.spent.nano(), most);
      charged = {};
      charged.spent = balance.spent.nano();
      charged.blocked = balance.blocked;
      for (size_t w = 0; w < kCalendar; ++w) {
        charged.index[w] = ledger::window_index(kAllWindows[w], now_);
        charged.in_window[{w, charged.index[w]}] = balance.window_spent[w].nano();
      }
    }
    for (Number a = 0; a < kAccounts; ++a)
      wrong += difference(*bank_, candidate, a, now_);
    candidate.calls = count_calls();
    candidate.cost = sum_of_costs();
    if (candidate.calls < durable_calls_) wrong += " an event that was on disk is gone;";
    return wrong;
  }

  void expect_events(const Truth& truth) {
    const int64_t calls = count_calls();
    const int64_t cost = sum_of_costs();
    const int64_t holds = query("SELECT count(*) FROM holds");
    if (disk_.crashed()) return;  // while it was asked
    EXPECT_EQ(calls, truth.calls);
    EXPECT_EQ(cost, truth.cost);
    EXPECT_EQ(holds, 0);
  }

  int64_t count_calls() {
    return query(
        "SELECT coalesce(sum(events), 0) FROM spend JOIN spend_keys ON id = key "
        "WHERE kind = 'call'");
  }
  int64_t sum_of_costs() { return query("SELECT coalesce(sum(spent), 0) FROM spend"); }

  int64_t count_carves() { return query("SELECT count(*) FROM carves WHERE open = 1"); }

  int64_t query(std::string_view sql) {
    bank_->flush_books();
    auto database = sqlite::Database::open_read_only(bank_->database_path());
    EXPECT_TRUE(database) << database.error().message;
    return database ? database->query_integer(sql).value_or(-1) : -1;
  }

  void audit() {
    EXPECT_EQ(bank_->held_count(), truth_.model.open().size());
    // The keeper may die at any time, in the background.
    EXPECT_TRUE(bank_->healthy() || disk_.crashed()) << bank_->failure();
    std::string wrong = difference(bank_->directory(), truth_);
    for (Number a = 0; a < kAccounts; ++a) {
      wrong += difference(*bank_, truth_, a, now_);
      check_served(a);
    }
    EXPECT_EQ(wrong, "");
  }

  // Nobody was served for free.
  void check_served(Number a) {
    const ledger::Balance balance = bank_->balance(truth_.parties[a].id, now_);
    EXPECT_GE((balance.spent + balance.held).nano(), served_.life(a)) << "account " << a;
    for (size_t w = 0; w < kCalendar; ++w) {
      const int64_t index = truth_.model.index(a, w, now_);
      EXPECT_GE((balance.window_spent[w] + balance.window_held[w]).nano(),
                served_.in_window(a, w, index))
          << "account " << a << " window " << w;
    }
  }

  std::mt19937_64 random_;
  const bool strict_;
  const bool grouped_;  // holds and ends are queued, and written by flush()
  TempDir dir_{fast_directory()};
  FaultDisk disk_;
  Time now_ = Time::seconds(1'775'757'600);
  Time newest_ = now_;
  Time oldest_{0};  // how far back the clock may step
  ManualClock clock_{now_};
  int boots_ = 1;
  int born_ = 0;
  std::unique_ptr<Bank> bank_;
  Truth truth_;
  std::optional<Truth> maybe_;  // what is true instead if the last operation was written
  Served served_;
  std::vector<Call> calls_;
  int64_t durable_calls_ = 0;  // events that not even a power failure may take
  std::deque<std::string> log_;
  std::map<std::string, int> seen_;
};

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : parse_uint(text).value_or(otherwise);
}

TEST(BankModelTest, RandomHistoriesWithCrashesAgreeWithTheModel) {
  const uint64_t steps = from_environment("SATGATE_MODEL_STEPS", 20'000);
  constexpr uint64_t kStepsPerHistory = 2'000;
  uint64_t seed = from_environment("SATGATE_MODEL_SEED", 1);
  std::map<std::string, int> seen;
  for (uint64_t done = 0; done < steps && !HasFailure(); done += kStepsPerHistory, ++seed) {
    SCOPED_TRACE(fmt::format("SATGATE_MODEL_SEED={}", seed));
    History history(seed);
    for (uint64_t i = 0; i < kStepsPerHistory && !HasFailure(); ++i) {
      SCOPED_TRACE(fmt::format("step {}", i));
      history.step();
    }
    for (const auto& [what, times] : history.seen())
      seen[what] += times;
    if (HasFailure()) std::cout << "The last operations:\n" << history.last_operations() << "\n";
  }
  std::cout << "steps " << steps << ", last seed " << seed - 1 << ":";
  for (const auto& [what, times] : seen)
    std::cout << " " << what << "=" << times;
  std::cout << "\n";
  if (steps < 20'000) return;
  // A test that never gets into a situation proves nothing about it.
  for (const char* what : {"reserved",
                           "reserved at depth 8",
                           "refused",
                           "lease",
                           "ended",
                           "void",
                           "overrun",
                           "late end",
                           "expired",
                           "carved",
                           "carved out of a carve",
                           "carve closed",
                           "revoked",
                           "minted",
                           "override",
                           "budget edited",
                           "unblocked",
                           "clock back",
                           "roll-over",
                           "synced",
                           "restarted",
                           "crashed",
                           "crashed while starting",
                           "power failure"}) {
    EXPECT_GT(seen[what], 3) << what;
  }
}

}  // namespace
}  // namespace satgate::store
