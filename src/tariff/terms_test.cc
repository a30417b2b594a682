#include "tariff/terms.h"

#include <gtest/gtest.h>

namespace satgate::tariff {
namespace {

Money amount(std::string_view text) {
  return parse_amount(text).value();
}

Terms make(Money cost, TermsPolicy policy, TimeZone zone = {}) {
  auto made = Terms::create("endpoints./x", cost, policy, zone);
  EXPECT_TRUE(made) << made.error().key << " " << made.error().what;
  return std::move(*made);
}

std::string mistake_of(TermsPolicy policy) {
  const auto made = Terms::create("r", amount("1"), policy, {});
  return made ? "" : made.error().key;
}

Money price(const Terms& terms, std::string_view when) {
  Circumstances under;
  under.at = parse_time(when).value();
  return terms.price(under);
}

VolumePolicy volume() {
  return {
      {{100, Money()}, {1100, amount("0.01")}, {11'100, amount("0.005")}, {{}, amount("0.001")}},
      Window::month};
}

TEST(Terms, EachCallHasThePriceOfItsTier) {
  const Terms terms = make({}, {volume(), {}});
  EXPECT_EQ(terms.most(), amount("0.01"));
  struct Row {
    int64_t calls;
    bool has_paid;
    std::string_view price;
    std::optional<int64_t> end;
  };
  const Row rows[] = {
      {0, false, "0", 100},
      {99, false, "0", 100},
      {100, false, "0.01", 1100},
      {1099, false, "0.01", 1100},
      {1100, false, "0.005", 11'100},
      {11'099, false, "0.005", 11'100},
      {11'100, false, "0.001", {}},
      {INT64_MAX / 2, false, "0.001", {}},
      // Who has paid begins behind what is free.
      {0, true, "0.01", 1000},
      {999, true, "0.01", 1000},
      {1000, true, "0.005", 11'000},
  };
  for (const Row& row : rows) {
    Circumstances under;
    under.calls = row.calls;
    under.has_paid = row.has_paid;
    EXPECT_EQ(terms.price(under), amount(row.price)) << row.calls << row.has_paid;
    EXPECT_EQ(terms.tier_end(under), row.end) << row.calls << row.has_paid;
  }
}

TEST(Terms, CallersAndRulesAreCountedApart) {
  const Terms terms = make({}, {volume(), {}});
  const auto other = Terms::create("endpoints./y", {}, {volume(), {}}, {});
  const AccountId one = account_id("token", "1"), two = account_id("token", "2");
  EXPECT_NE(terms.account(one), terms.account(two));
  EXPECT_NE(terms.account(one), other->account(one));
}

TEST(Terms, TimesAreThoseOfTheZone) {
  DynamicPolicy dynamic;
  TimeFactor weekend;
  weekend.days = {true, false, false, false, false, false, true};
  weekend.to_second = 86'400;
  weekend.factor = amount("0.5");
  TimeFactor night;
  night.from_second = 22 * 3600;
  night.to_second = 6 * 3600;
  night.factor = amount("0.8");
  TimeFactor noon;
  noon.from_second = 12 * 3600;
  noon.to_second = 13 * 3600;
  noon.factor = amount("3");
  dynamic.times = {weekend, night, noon};
  const Terms terms = make(amount("1"), {{}, dynamic}, TimeZone::named("Europe/Berlin").value());
  EXPECT_EQ(terms.most(), amount("3"));
  // 2026-11-27 is a Friday, two in the afternoon in Berlin is one in UTC.
  EXPECT_EQ(price(terms, "2026-11-27T08:00:00Z"), amount("1"));
  EXPECT_EQ(price(terms, "2026-11-27T11:00:00Z"), amount("3"));
  EXPECT_EQ(price(terms, "2026-11-27T11:59:59Z"), amount("3"));
  EXPECT_EQ(price(terms, "2026-11-27T12:00:00Z"), amount("1"));
  EXPECT_EQ(price(terms, "2026-11-27T20:59:59Z"), amount("1"));
  EXPECT_EQ(price(terms, "2026-11-27T21:00:00Z"), amount("0.8"));
  EXPECT_EQ(price(terms, "2026-11-27T23:30:00Z"), amount("0.5")) << "Saturday has begun";
  EXPECT_EQ(price(terms, "2026-11-29T22:59:59Z"), amount("0.5"));
  EXPECT_EQ(price(terms, "2026-11-29T23:00:00Z"), amount("0.8")) << "the night of Sunday";
  EXPECT_EQ(price(terms, "2026-11-30T05:00:00Z"), amount("1"));
}

TEST(Terms, ANightBelongsToTheDayOnWhichItBegan) {
  DynamicPolicy dynamic;
  TimeFactor friday_night;
  friday_night.days = {false, false, false, false, false, true, false};
  friday_night.from_second = 22 * 3600;
  friday_night.to_second = 6 * 3600;
  friday_night.factor = amount("2");
  dynamic.times = {friday_night};
  const Terms terms = make(amount("1"), {{}, dynamic});
  EXPECT_EQ(price(terms, "2026-11-27T23:00:00Z"), amount("2"));
  EXPECT_EQ(price(terms, "2026-11-28T05:59:59Z"), amount("2"));
  EXPECT_EQ(price(terms, "2026-11-27T05:00:00Z"), amount("1"));
  EXPECT_EQ(price(terms, "2026-11-28T23:00:00Z"), amount("1"));
}

TEST(Terms, FactorsMultiplyAndStayBelowTheBound) {
  DynamicPolicy dynamic;
  dynamic.load = {{10, amount("2")}, {5, amount("1.5")}, {100, amount("10")}};
  dynamic.urgencies = {{"high", amount("3")}, {"low", amount("0.333333333")}};
  const Terms free = make(amount("0.000000001"), {{}, dynamic});
  EXPECT_EQ(free.most(), Money::nano(30));
  Circumstances under;
  under.urgency = "low";
  EXPECT_EQ(free.price(under), Money::nano(1)) << "never less than it is, by rounding";
  const Terms terms = make(amount("1"), {{}, dynamic});
  for (const auto& [in_flight, expected] :
       {std::pair<int64_t, const char*>{5, "1"}, {6, "1.5"}, {10, "1.5"}, {11, "2"}, {101, "10"}}) {
    Circumstances load;
    load.in_flight = in_flight;
    EXPECT_EQ(terms.price(load), amount(expected)) << in_flight;
    load.urgency = "high";
    EXPECT_EQ(terms.price(load), amount(expected) * 3) << in_flight;
  }
  dynamic.max = amount("4");
  const Terms bounded = make(amount("1"), {{}, dynamic});
  EXPECT_EQ(bounded.most(), amount("4"));
  Circumstances rush;
  rush.in_flight = 1000;
  rush.urgency = "high";
  EXPECT_EQ(bounded.price(rush), amount("4"));
  const Terms huge = make(Money::max(), {{}, dynamic});
  EXPECT_EQ(huge.price(rush), amount("4"));
}

TEST(Terms, WhatOthersSayIsBounded) {
  DynamicPolicy dynamic;
  dynamic.pricer.emplace().url = "http://127.0.0.1:1";
  dynamic.max = amount("0.5");
  const Terms asked = make(amount("0.01"), {{}, dynamic});
  Circumstances under;
  EXPECT_EQ(asked.price(under), amount("0.01"));
  under.asked = amount("0.3");
  EXPECT_EQ(asked.price(under), amount("0.3"));
  under.asked = Money::max();
  EXPECT_EQ(asked.price(under), amount("0.5"));

  DynamicPolicy told;
  told.upstream_cost = UpstreamCostPolicy{"x-cost", amount("1.2")};
  told.max = amount("0.5");
  const Terms terms = make(amount("0.01"), {{}, told});
  EXPECT_EQ(terms.price({}), amount("0.5")) << "held until it is told";
  EXPECT_EQ(terms.settled(amount("0.1")), amount("0.12"));
  EXPECT_EQ(terms.settled(amount("0.5")), amount("0.6")) << "an overrun, for the ledger to see";
  EXPECT_EQ(terms.settled(Money::max()), Money::max());
  EXPECT_EQ(terms.settled({}), amount("0.01"));
}

TEST(Terms, MistakesNameTheKey) {
  DynamicPolicy pricer;
  pricer.pricer.emplace();
  EXPECT_EQ(mistake_of({VolumePolicy{}, {}}), "volume.tiers");
  EXPECT_EQ(mistake_of({VolumePolicy{{{5, Money()}}}, {}}), "volume.tiers");
  EXPECT_EQ(mistake_of({VolumePolicy{{{{}, Money()}, {{}, Money()}}}, {}}), "volume.tiers");
  EXPECT_EQ(mistake_of({VolumePolicy{{{{}, Money::nano(-1)}}}, {}}), "volume.tiers");
  EXPECT_EQ(mistake_of({{}, pricer}), "dynamic.max");
  pricer.max = amount("1");
  EXPECT_EQ(mistake_of({{}, pricer}), "");
  EXPECT_EQ(mistake_of({volume(), pricer}), "volume");
  DynamicPolicy load;
  load.load = {{1, amount("1001")}};
  EXPECT_EQ(mistake_of({{}, load}), "dynamic.load");
}

}  // namespace
}  // namespace satgate::tariff
