// Windows in a time zone: exact where clocks are set, and remembered when the zone changes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace satgate::ledger {
namespace {

const AccountId kAccount = account_id("token", "t");

TimeZone zone(std::string_view name) {
  return TimeZone::named(name).value();
}

Time at(std::string_view text) {
  return *parse_time(text);
}

// A ledger with one account, over restarts.
class Spender {
 public:
  Spender(TimeZone zone, Window window, int64_t limit) : window_(window), limit_(limit) {
    restart(std::move(zone));
  }

  // As the store does it: what is at rest is loaded, holds without an end are charged.
  void restart(TimeZone zone) {
    auto next = std::make_unique<Ledger>(std::move(zone));
    if (ledger_) {
      for (const AccountState& state : ledger_->snapshot())
        next->load(state);
    }
    next->finish_recovery(next_id_);
    moved_ = next->move_windows();
    ledger_ = std::move(next);
    ledger_->raise_ceiling(kAccount, AccountKind::token, Money::credits(1'000'000));
  }

  // Nothing: it fits no more.
  std::optional<Reservation> hold(Time now, int64_t credits = 1) {
    Path path;
    PathEntry entry{kAccount, AccountKind::token, {}, "t"};
    entry.limits[window_] = Money::credits(limit_);
    EXPECT_TRUE(path.add(entry));
    HoldRecord record;
    auto held = ledger_->reserve(path, Money::credits(credits), now, record);
    next_id_ = std::max(next_id_, record.reservation + 1);
    if (held) return std::move(*held);
    resets_at_ = std::get<Misfit>(held.error()).resets_at;
    return std::nullopt;
  }
  bool spend(Time now, int64_t credits = 1) {
    auto held = hold(now, credits);
    if (!held) return false;
    EndRecord end;
    ledger_->settle(std::move(*held), Money::credits(credits), end);
    return true;
  }
  std::string resets_at() const { return resets_at_ ? format_rfc3339(*resets_at_) : ""; }
  const std::vector<MovedWindows>& moved() const { return moved_; }
  Ledger& ledger() { return *ledger_; }

 private:
  const Window window_;
  const int64_t limit_;
  std::unique_ptr<Ledger> ledger_;
  std::vector<MovedWindows> moved_;
  std::optional<Time> resets_at_;
  uint64_t next_id_ = 1;
};

TEST(TimeZoneWindows, ADayEndsAtMidnightOfThePlace) {
  Spender berlin(zone("Europe/Berlin"), Window::day, 2);
  EXPECT_TRUE(berlin.spend(at("2026-04-09T12:00:00Z"), 2));
  EXPECT_FALSE(berlin.spend(at("2026-04-09T21:59:59Z")));
  EXPECT_EQ(berlin.resets_at(), "2026-04-09T22:00:00Z");
  EXPECT_TRUE(berlin.spend(at("2026-04-09T22:00:00Z")));
  // A clock that steps back over midnight opens nothing.
  EXPECT_TRUE(berlin.spend(at("2026-04-09T21:00:00Z")));
  EXPECT_FALSE(berlin.spend(at("2026-04-09T21:00:00Z")));
}

TEST(TimeZoneWindows, DaysOf25And23HoursAreOneDay) {
  Spender berlin(zone("Europe/Berlin"), Window::day, 1);
  EXPECT_TRUE(berlin.spend(at("2026-10-24T22:00:00Z")));
  EXPECT_FALSE(berlin.spend(at("2026-10-25T22:59:59Z")));  // 25 hours
  EXPECT_TRUE(berlin.spend(at("2026-10-25T23:00:00Z")));
  EXPECT_TRUE(berlin.spend(at("2027-03-27T23:00:00Z")));
  EXPECT_FALSE(berlin.spend(at("2027-03-28T21:59:59Z")));
  EXPECT_TRUE(berlin.spend(at("2027-03-28T22:00:00Z")));  // 23 hours
}

TEST(TimeZoneWindows, AnHourThatComesTwiceIsNotOpenedAgain) {
  Spender berlin(zone("Europe/Berlin"), Window::hour, 1);
  EXPECT_TRUE(berlin.spend(at("2026-10-25T00:30:00Z")));  // 02:30, summer
  EXPECT_FALSE(berlin.spend(at("2026-10-25T00:59:59Z")));
  EXPECT_TRUE(berlin.spend(at("2026-10-25T01:00:00Z")));   // 02:00, winter: another hour
  EXPECT_FALSE(berlin.spend(at("2026-10-25T00:30:00Z")));  // the clock is set back by hand
  EXPECT_FALSE(berlin.spend(at("2026-10-25T01:59:59Z")));
  EXPECT_EQ(berlin.resets_at(), "2026-10-25T02:00:00Z");
  Spender kathmandu(zone("Asia/Kathmandu"), Window::hour, 1);
  EXPECT_TRUE(kathmandu.spend(at("2026-04-09T12:00:00Z")));
  EXPECT_FALSE(kathmandu.spend(at("2026-04-09T12:14:59Z")));
  EXPECT_EQ(kathmandu.resets_at(), "2026-04-09T12:15:00Z");
}

TEST(TimeZoneWindows, AMonthOfThePlaceAndADateThatIsSkipped) {
  Spender apia(zone("Pacific/Apia"), Window::month, 1);
  EXPECT_TRUE(apia.spend(at("2011-12-30T10:00:00Z")));
  EXPECT_FALSE(apia.spend(at("2011-12-31T09:59:59Z")));
  EXPECT_EQ(apia.resets_at(), "2011-12-31T10:00:00Z");
  Spender day(zone("Pacific/Apia"), Window::day, 1);
  EXPECT_TRUE(day.spend(at("2011-12-30T09:59:59Z")));  // the 29th
  EXPECT_TRUE(day.spend(at("2011-12-30T10:00:00Z")));  // the 31st
  EXPECT_FALSE(day.spend(at("2011-12-31T09:59:59Z")));
}

// The day of UTC ends two hours after that of Berlin, and is followed by the rest of Berlin's.
TEST(TimeZoneWindows, ANewZoneForgetsNothingOfARunningWindow) {
  Spender spender(TimeZone(), Window::day, 2);
  EXPECT_TRUE(spender.spend(at("2026-04-09T12:00:00Z"), 2));
  spender.restart(zone("Europe/Berlin"));
  ASSERT_EQ(spender.moved().size(), 1U);
  EXPECT_EQ(spender.moved()[0].account, kAccount);
  for (const char* still : {"2026-04-09T12:30:00Z", "2026-04-09T22:30:00Z", "2026-04-10T00:30:00Z",
                            "2026-04-10T21:59:59Z"}) {
    EXPECT_FALSE(spender.spend(at(still))) << still;
  }
  EXPECT_EQ(spender.resets_at(), "2026-04-10T22:00:00Z");
  EXPECT_TRUE(spender.spend(at("2026-04-10T22:00:00Z"), 2));
  // Back again: the day of Berlin runs in UTC until the next midnight there.
  spender.restart(TimeZone());
  EXPECT_FALSE(spender.spend(at("2026-04-11T22:30:00Z")));
  EXPECT_EQ(spender.resets_at(), "2026-04-12T00:00:00Z");
  EXPECT_TRUE(spender.spend(at("2026-04-12T00:00:00Z")));
  spender.restart(TimeZone());
  EXPECT_TRUE(spender.moved().empty()) << "the same zone moves nothing";
}

TEST(TimeZoneWindows, AClockThatStepsBackUnderANewZoneOpensNoWindowOfTheOldOne) {
  Spender spender(TimeZone(), Window::day, 1);
  EXPECT_TRUE(spender.spend(at("2026-04-09T23:00:00Z")));
  spender.restart(zone("Pacific/Apia"));
  EXPECT_FALSE(spender.spend(at("2026-04-10T10:00:00Z")));
  EXPECT_FALSE(spender.spend(at("2026-04-09T09:00:00Z")));
  EXPECT_FALSE(spender.spend(at("2026-04-09T23:00:00Z")));
}

// For every window of every zone that was ever in force: what was spent in it from then on, under
// this zone and under later ones, is within the limit. The clock moves and steps back, too; a call
// that comes while it is back counts as of the latest time before.
TEST(TimeZoneWindows, NoWindowOfAnyZoneEverHoldsMoreThanTheLimit) {
  constexpr int64_t kLimit = 3;
  constexpr std::array kZones = {"UTC",          "Europe/Berlin",       "America/St_Johns",
                                 "Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu"};
  int served = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    const auto below = [&](int64_t n) {
      return static_cast<int64_t>(random() % static_cast<uint64_t>(n));
    };
    const Window window = std::array{Window::hour, Window::day, Window::month}[seed % 3];
    const int64_t length = std::array{int64_t{3600}, int64_t{86400}, int64_t{31 * 86400}}[seed % 3];
    struct InForce {
      TimeZone zone;
      int64_t since;
    };
    int64_t now = at("2026-10-20T00:00:00Z").unix_seconds() - below(400 * 86400);
    int64_t latest = INT64_MIN;  // of the calls so far
    std::vector<InForce> zones = {{zone(kZones[seed % kZones.size()]), latest}};
    std::vector<int64_t> spent;
    Spender spender(zones.back().zone, window, kLimit);
    for (int step = 0; step < 400; ++step) {
      now += below(9) == 0 ? -below(length) : below(length / 4) + 1;
      if (below(12) == 0) {
        zones.push_back({zone(kZones[random() % kZones.size()]), latest});
        spender.restart(zones.back().zone);
      }
      if (!spender.spend(Time::seconds(now))) continue;
      ++served;
      latest = std::max(latest, now);
      spent.push_back(latest);
      for (const InForce& one : zones) {
        const Span span = window_span(window, Time::seconds(latest), one.zone);
        const int64_t from = std::max(span.begin, one.since);
        const auto within = std::ranges::count_if(
            spent, [&](int64_t second) { return from <= second && second < span.end; });
        const bool ran =
            one.since < span.end && (&one == &zones.back() || (&one + 1)->since >= span.begin);
        if (ran) {
          ASSERT_LE(within, kLimit)
              << "seed " << seed << " step " << step << " " << one.zone.name();
        }
      }
    }
  }
  EXPECT_GT(served, 1'000);  // windows do end
}

}  // namespace
}  // namespace satgate::ledger
