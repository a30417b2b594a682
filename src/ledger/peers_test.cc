// Failures that users of other gateways reported, by class; each is here the test that we do not
// have it. What the ledger cannot break (routes, prices, parsing) is tested where it could break.
#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ledger/ledger.h"

namespace satgate::ledger {
namespace {

SpendLimits limit(Window window, int64_t credits) {
  SpendLimits limits;
  limits[window] = Money::credits(credits);
  return limits;
}

class Peers : public testing::Test {
 protected:
  static AccountId id(const std::string& name) { return account_id("test", name); }

  Path path(const std::string& name, const SpendLimits& limits) {
    Path path;
    EXPECT_TRUE(path.add({id(name), AccountKind::token, limits, {}}));
    ledger_.raise_ceiling(id(name), AccountKind::token, Money::max());
    return path;
  }

  std::optional<Reservation> reserve(const Path& path, int64_t credits, Time now = {}) {
    HoldRecord record;
    auto result = ledger_.reserve(path, Money::credits(credits), now, record);
    if (!result) return std::nullopt;
    holds_.push_back(record);
    return std::move(*result);
  }

  void settle(std::optional<Reservation> reservation, int64_t credits) {
    ASSERT_TRUE(reservation);
    EndRecord record;
    ledger_.settle(std::move(*reservation), Money::credits(credits), record);
    ends_.push_back(record);
  }

  Balance balance(const std::string& name, Time now = {}) const {
    return ledger_.balance(id(name), now);
  }

  Ledger ledger_;
  std::vector<HoldRecord> holds_;
  std::vector<EndRecord> ends_;
};

// A. Overshoot under concurrency: several gateways admitted 4 calls of 300k tokens where 3 fit.
TEST_F(Peers, LitellmAdmitsConcurrentCallsPastTheCap) {
  constexpr int kFits = 1000;
  constexpr int kThreads = 8;
  const Path shared = path("A", limit(Window::lifetime, kFits));
  std::atomic<int> settled = 0;
  const auto hammer = [&](int thread) {
    for (int i = 0;; ++i) {
      HoldRecord hold;
      auto result = ledger_.reserve(shared, Money::credits(1), {}, hold);
      if (!result) {
        // Holds of others may still come back; only spent money is final.
        const auto& misfit = std::get<Misfit>(result.error());
        if (misfit.refusal == Refusal::budget_exhausted) return;
        std::this_thread::yield();
        continue;
      }
      EndRecord end;
      if ((i + thread) % 3 == 0) {
        ledger_.release(std::move(*result), end);
      } else {
        ledger_.settle(std::move(*result), Money::credits(1), end);
        ++settled;
      }
    }
  };
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back(hammer, t);
  threads.clear();
  EXPECT_EQ(settled, kFits);
  EXPECT_EQ(balance("A").spent, Money::credits(kFits));
  EXPECT_EQ(ledger_.held_count(), 0u);
}

TEST_F(Peers, LitellmResizesReservationToHeadroom) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 6), 6);
  HoldRecord record;
  const auto result = ledger_.reserve(shared, Money::credits(5), {}, record);
  ASSERT_FALSE(result);
  EXPECT_EQ(std::get<Misfit>(result.error()).remaining, Money::credits(4));
  EXPECT_EQ(std::get<Misfit>(result.error()).required, Money::credits(5));
  EXPECT_EQ(balance("A").held, Money());
}

TEST_F(Peers, TelnyxLetsTheCrossingCallComplete) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 9), 9);
  EXPECT_FALSE(reserve(shared, 2));
  EXPECT_TRUE(reserve(shared, 1));
}

// B. Each replica with the whole budget: authority must come from the store.
TEST_F(Peers, BifrostReplicasMultiplyTheBudget) {
  Path shared;
  ASSERT_TRUE(shared.add({id("A"), AccountKind::token, limit(Window::lifetime, 10), {}}));
  Ledger first;
  Ledger second;
  HoldRecord record;
  first.raise_ceiling(id("A"), AccountKind::token, Money::credits(6));
  second.raise_ceiling(id("A"), AccountKind::token, Money::credits(4));
  ASSERT_TRUE(first.reserve(shared, Money::credits(6), {}, record));
  ASSERT_TRUE(second.reserve(shared, Money::credits(4), {}, record));
  for (Ledger* ledger : {&first, &second}) {
    const auto more = ledger->reserve(shared, Money::credits(1), {}, record);
    ASSERT_FALSE(more);
    EXPECT_TRUE(std::holds_alternative<LeaseShortage>(more.error()));
  }
}

// C. Lost on restart.
TEST_F(Peers, LitellmLosesSpendOnRestart) {
  const Path shared = path("A", limit(Window::hour, 10));
  settle(reserve(shared, 6), 5);
  reserve(shared, 3).reset();  // in flight when the process dies
  Ledger again;
  again.replay(holds_[0]);
  again.replay(holds_[1]);
  EXPECT_TRUE(again.replay(ends_[0]));
  EXPECT_EQ(again.balance(id("A"), {}).held, Money::credits(3));
  const auto charged = again.finish_recovery(0);
  ASSERT_EQ(charged.size(), 1u);
  EXPECT_EQ(charged[0].reservation, holds_[1].reservation);
  EXPECT_EQ(charged[0].end, Receipt::End::forfeited);
  EXPECT_EQ(again.balance(id("A"), {}).spent, Money::credits(8));
  EXPECT_EQ(again.balance(id("A"), {}).window_spent[1], Money::credits(8));
  again.raise_ceiling(id("A"), AccountKind::token, Money::credits(100));
  HoldRecord record;
  EXPECT_FALSE(again.reserve(shared, Money::credits(3), {}, record));
  ASSERT_TRUE(again.reserve(shared, Money::credits(2), {}, record));
  EXPECT_GT(record.reservation, holds_[1].reservation);
}

TEST_F(Peers, DamagedJournalIsNamedNotGuessed) {
  EXPECT_FALSE(ledger_.replay(EndRecord{7, Receipt::End::settled, Money(), false}));
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 5), 5);
  Ledger again;
  again.replay(holds_[0]);
  EndRecord end = ends_[0];
  end.cost = Money::credits(6);  // more than was held
  EXPECT_FALSE(again.replay(end));
  Ledger third;
  third.replay(holds_[0]);
  EXPECT_TRUE(third.replay(ends_[0]));
  EXPECT_FALSE(third.replay(ends_[0]));
}

TEST_F(Peers, LitellmEvictsCountersAfter200Keys) {
  for (int i = 0; i < 1000; ++i) {
    settle(reserve(path(std::to_string(i), limit(Window::lifetime, 1)), 1), 1);
  }
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(reserve(path(std::to_string(i), limit(Window::lifetime, 1)), 1)) << i;
  }
}

TEST_F(Peers, OverrunStaysBlockedAfterRestart) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 2), 3);
  EXPECT_TRUE(ends_[0].overrun);
  Ledger again;
  again.replay(holds_[0]);
  EXPECT_TRUE(again.replay(ends_[0]));
  EXPECT_TRUE(again.balance(id("A"), {}).blocked);
}

// E. Streams that end badly.
TEST_F(Peers, LitellmForgetsStreamsWhoseClientLeft) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  reserve(shared, 7, Time::seconds(0)).reset();  // dropped without an end
  EXPECT_FALSE(reserve(shared, 4, Time::seconds(1)));
  EXPECT_EQ(ledger_.expire(Time::seconds(0)).size(), 1u);
  EXPECT_EQ(balance("A").spent, Money::credits(7));
}

TEST_F(Peers, AgentgatewayDoesNotChargeWithoutUsage) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  EndRecord record;
  const Receipt receipt = ledger_.forfeit(std::move(*reserve(shared, 7)), record);
  EXPECT_EQ(receipt.cost(), Money::credits(7));
  EXPECT_EQ(balance("A").spent, Money::credits(7));
}

// F. A cost that makes no sense is not a gift.
TEST_F(Peers, NegativeCostIsNotACredit) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 7), -100);
  EXPECT_EQ(balance("A").spent, Money::credits(7));
}

// G. Windows that reset when they should not, or do not when they should.
TEST_F(Peers, BifrostEditResetsUsage) {
  settle(reserve(path("A", limit(Window::hour, 10)), 8), 8);
  EXPECT_FALSE(reserve(path("A", limit(Window::hour, 11)), 4));
  EXPECT_FALSE(reserve(path("A", limit(Window::day, 11)), 4));
  EXPECT_TRUE(reserve(path("A", limit(Window::hour, 12)), 4));
}

TEST_F(Peers, LitellmBudgetsThatNeverReset) {
  constexpr std::array<int64_t, 5> kSeconds = {1, 60, 3600, 86400, 31 * 86400};
  for (size_t w = 0; w < kSeconds.size(); ++w) {
    const Path shared = path(std::to_string(w), limit(kAllWindows[w], 10));
    settle(reserve(shared, 10, Time::seconds(0)), 10);
    EXPECT_FALSE(reserve(shared, 1, Time{kSeconds[w] * kNanoPerSecond - 1}));
    EXPECT_TRUE(reserve(shared, 1, Time::seconds(kSeconds[w])));
  }
}

TEST_F(Peers, LitellmNegativeRemainingBudget) {
  settle(reserve(path("A", limit(Window::lifetime, 10)), 10), 10);
  const Path lowered = path("A", limit(Window::lifetime, 3));
  EXPECT_EQ(ledger_.headroom(lowered, {}), Money());
  HoldRecord record;
  const auto result = ledger_.reserve(lowered, Money::nano(1), {}, record);
  ASSERT_FALSE(result);
  EXPECT_EQ(std::get<Misfit>(result.error()).remaining, Money());
}

// H. Refusals without a reason.
TEST_F(Peers, LitellmPhantomReservationsLeak) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  for (int i = 0; i < 10'000; ++i) {
    EndRecord record;
    ledger_.release(std::move(*reserve(shared, 10)), record);
  }
  EXPECT_EQ(balance("A").held, Money());
  EXPECT_EQ(balance("A").spent, Money());
  EXPECT_EQ(ledger_.held_count(), 0u);
}

TEST_F(Peers, LitellmBurstFillsTheCounterForever) {
  const Path shared = path("A", limit(Window::lifetime, 100));
  std::vector<Reservation> burst;
  for (int i = 0; i < 10; ++i)
    burst.push_back(std::move(*reserve(shared, 10)));
  HoldRecord record;
  const auto refused = ledger_.reserve(shared, Money::credits(10), {}, record);
  ASSERT_FALSE(refused);
  EXPECT_EQ(std::get<Misfit>(refused.error()).refusal, Refusal::budget_in_flight);
  for (Reservation& reservation : burst) {
    EndRecord end;
    ledger_.settle(std::move(reservation), Money::credits(1), end);
  }
  EXPECT_TRUE(reserve(shared, 90));
}

TEST_F(Peers, LitellmCountsACallTwice) {
  const Path shared = path("A", limit(Window::lifetime, 10));
  settle(reserve(shared, 4), 3);
  EXPECT_EQ(balance("A").spent, Money::credits(3));
  EXPECT_EQ(balance("A").window_spent[2], Money::credits(3));
  EXPECT_EQ(ledger_.headroom(shared, {}), Money::credits(7));
}

TEST_F(Peers, PercentLeftIsThatOfTheTightestLimit) {
  EXPECT_EQ(ledger_.percent_left(Path(), {}), 100);
  Path two = path("A", limit(Window::hour, 10));
  ASSERT_TRUE(two.add({id("B"), AccountKind::budget, limit(Window::lifetime, 1000), {}}));
  ledger_.raise_ceiling(id("B"), AccountKind::budget, Money::credits(1000));
  EXPECT_EQ(ledger_.percent_left(two, {}), 100);
  settle(reserve(two, 7), 7);
  EXPECT_EQ(ledger_.percent_left(two, {}), 30);
  ASSERT_TRUE(reserve(two, 3));  // what is held is not left
  EXPECT_EQ(ledger_.percent_left(two, {}), 0);
  EXPECT_EQ(ledger_.percent_left(two, Time::seconds(3600)), 99);
  EXPECT_EQ(ledger_.percent_left(path("C", limit(Window::day, 0)), {}), 0);
}

TEST_F(Peers, RefusedCallsLeaveNoTrace) {
  for (int i = 0; i < 100; ++i) {
    Path shared;
    const AccountId account = id("refused " + std::to_string(i));
    ASSERT_TRUE(shared.add({account, AccountKind::lineage, limit(Window::lifetime, 1), {}}));
    EXPECT_FALSE(reserve(shared, 2));
  }
  EXPECT_TRUE(ledger_.snapshot().empty());
}

TEST_F(Peers, PowerFailureWriteOffCountsInEveryWindow) {
  const Path shared = path("A", limit(Window::hour, 10));
  ledger_.write_off(id("A"), ledger_.loss_of(id("A"), Money::credits(8), Time::seconds(10)));
  EXPECT_EQ(balance("A").spent, Money::credits(8));
  EXPECT_FALSE(reserve(shared, 3, Time::seconds(20)));
  EXPECT_TRUE(reserve(shared, 3, Time::seconds(3600)));
}

// A hold that is still open is charged where it was made; a later window knows nothing of it.
TEST_F(Peers, PowerFailureWriteOffDoesNotCountAnOlderHoldAsKnownInThisWindow) {
  const Path shared = path("A", limit(Window::hour, 10));
  auto open = reserve(shared, 6, Time::seconds(10));
  ASSERT_TRUE(open);
  const Loss same_hour = ledger_.loss_of(id("A"), Money::credits(9), Time::seconds(20));
  const Loss next_hour = ledger_.loss_of(id("A"), Money::credits(9), Time::seconds(3600));
  constexpr auto hour = static_cast<size_t>(Window::hour);
  constexpr auto day = static_cast<size_t>(Window::day);
  EXPECT_EQ(same_hour.amount, Money::credits(3));
  EXPECT_EQ(next_hour.amount, Money::credits(3));
  EXPECT_EQ(same_hour.in_window[hour], Money::credits(3));
  EXPECT_EQ(next_hour.in_window[hour], Money::credits(9));
  EXPECT_EQ(next_hour.in_window[day], Money::credits(3));
  EXPECT_FALSE(ledger_.loss_of(id("A"), Money::credits(6), Time::seconds(10)).any());
  EXPECT_TRUE(ledger_.loss_of(id("A"), Money::credits(6), Time::seconds(3600)).any());
}

}  // namespace
}  // namespace satgate::ledger
