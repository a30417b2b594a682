// Prices that depend on a call: every bound holds, and no spelling of an argument makes one
// cheaper.
#include "tariff/tool_price.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <algorithm>
#include <random>

#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

using ::testing::HasSubstr;

Money nano(int64_t amount) {
  return Money::nano(amount);
}

// 5 a call, 2 for each of `count`, 10 or 100 by `size`.
PricePolicy pictures() {
  PricePolicy policy;
  policy.base = nano(5);
  policy.per_unit = UnitPolicy{.argument = "count", .amount = nano(2), .max = 1000};
  policy.by_argument =
      ChoicePolicy{.argument = "size", .values = {{"small", nano(10)}, {"large", nano(100)}}};
  return policy;
}

// What a call costs, or -1.
int64_t price_of(const PricePolicy& policy, std::string_view arguments) {
  const auto price = ToolPrice::create(policy);
  EXPECT_TRUE(price) << price.error().key << " " << price.error().what;
  const auto fixed = price ? price->fixed(arguments) : std::nullopt;
  EXPECT_LE(fixed.value_or(Money()), price->bound()) << arguments;
  return fixed ? fixed->nano() : -1;
}

TEST(ToolPrice, IsTheSumOfItsParts) {
  EXPECT_EQ(price_of(pictures(), R"({"count":1,"size":"small"})"), 17);
  EXPECT_EQ(price_of(pictures(), R"({"count":1000,"size":"large"})"), 2105);
  EXPECT_EQ(price_of(pictures(), R"({"count":1e3,"size":"l\u0061rge"})"), 2105);
  EXPECT_EQ(price_of(pictures(), R"({"count":1000.0,"size":"large","x":[{}]})"), 2105);
  EXPECT_EQ(price_of(pictures(), R"({"count":0.1e2,"size":"large"})"), 125);
  EXPECT_EQ(ToolPrice::create(pictures())->bound(), nano(2105));
}

TEST(ToolPrice, UnitsCostWhatTheirTierSays) {
  PricePolicy policy;
  policy.per_unit = UnitPolicy{.argument = "rows",
                               .tiers = {{100, nano(10)}, {1000, nano(5)}, {std::nullopt, nano(1)}},
                               .max = 5000};
  const std::pair<int, int> rows[] = {{1, 10},      {99, 990},    {100, 1000}, {101, 1005},
                                      {1000, 5500}, {1001, 5501}, {5000, 9500}};
  for (const auto& [count, cost] : rows)
    EXPECT_EQ(price_of(policy, fmt::format(R"({{"rows":{}}})", count)), cost) << count;
  EXPECT_EQ(price_of(policy, R"({"rows":5001})"), -1);
  EXPECT_EQ(ToolPrice::create(policy)->bound(), nano(9500));
}

// Whatever the tiers: one unit more never costs less, and the bound is what the most units cost.
TEST(ToolPrice, TiersNeverPassTheirBound) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    UnitPolicy units{.argument = "n", .max = 60};
    int64_t up_to = 0;
    for (int tier = 0; tier < 3; ++tier) {
      up_to += 1 + static_cast<int64_t>(random() % 20);
      units.tiers.push_back({up_to, nano(random() % 9)});
    }
    units.tiers.push_back({std::nullopt, nano(random() % 9)});
    PricePolicy policy;
    policy.per_unit = units;
    int64_t sum = 0;
    for (int64_t n = 1; n <= units.max; ++n) {
      const auto tier = std::ranges::find_if(
          units.tiers, [&](const UnitTier& each) { return !each.up_to || n <= *each.up_to; });
      sum += tier->amount.nano();
      ASSERT_EQ(price_of(policy, fmt::format(R"({{"n":{}}})", n)), sum);
    }
    EXPECT_EQ(ToolPrice::create(policy)->bound(), nano(sum));
  }
}

TEST(ToolPrice, HasNoPriceForWhatServersCouldReadAsMore) {
  for (const std::string_view count :
       {"0", "-0", "-1", "1.5", "1001", "1e4", "1e400", "1e-1", "9223372036854775808",
        "18446744073709551617", "\"1\"", "true", "null", "[1]", "[]", "{}", "{\"a\":1}",
        "99999999999999999999999999999999999999", "1000.0000000000000000000001"}) {
    const std::string arguments = fmt::format(R"({{"count":{},"size":"small"}})", count);
    EXPECT_EQ(price_of(pictures(), arguments), -1) << count;
  }
  for (const std::string_view size : {"\"LARGE\"", "\" small\"", "\"\"", "0", "null", "true",
                                      "[\"small\"]", "{\"small\":1}", "\"medium\""}) {
    const std::string arguments = fmt::format(R"({{"count":1,"size":{}}})", size);
    EXPECT_EQ(price_of(pictures(), arguments), -1) << size;
  }
  for (const std::string_view arguments :
       {"", "{}", "null", "[]", R"({"count":1})", R"({"size":"small"})",
        R"({"count":1000,"count":1,"size":"small"})",
        R"({"count":1,"\u0063ount":1000,"size":"small"})",
        R"({"count":1,"Count":1000,"size":"small"})",
        R"({"count":1,"size":"small","SIZE":"large"})",
        R"({"count":1,"\u017fize":"large","size":"small"})",
        R"({"count":1,"size":"small","size":"large"})",
        R"({"count":1,"size":"small","x":{"a":1,"a":2}})", R"({"count":1,"size":"small")",
        R"({"count":1,"size":"small"}{"count":1000})", R"({"count":01,"size":"small"})",
        R"({"count":+1,"size":"small"})", R"({"count":NaN,"size":"small"})",
        R"({"count":0x10,"size":"small"})"}) {
    EXPECT_EQ(price_of(pictures(), arguments), -1) << arguments;
  }
}

TEST(ToolPrice, AMissingArgumentIsWhatTheConfigSaysTheServerTakes) {
  PricePolicy policy = pictures();
  policy.per_unit->when_missing = 50;
  policy.by_argument->when_missing = "large";
  EXPECT_EQ(price_of(policy, "{}"), 5 + 100 + 100);
  EXPECT_EQ(price_of(policy, ""), 5 + 100 + 100);
  EXPECT_EQ(price_of(policy, R"({"count":null,"size":null})"), 5 + 100 + 100);
  EXPECT_EQ(price_of(policy, R"({"count":1,"size":"small"})"), 17);
  EXPECT_EQ(price_of(policy, R"({"count":[],"size":"small"})"), -1);
}

TEST(ToolPrice, OtherValuesCostWhatIsSaidForThem) {
  PricePolicy policy = pictures();
  policy.by_argument->other = nano(300);
  EXPECT_EQ(price_of(policy, R"({"count":1,"size":"LARGE"})"), 307);
  EXPECT_EQ(price_of(policy, R"({"count":1,"size":false})"), 307);
  EXPECT_EQ(price_of(policy, R"({"count":1,"size":["small"]})"), -1);
  EXPECT_EQ(price_of(policy, R"({"count":1})"), -1);
  EXPECT_EQ(ToolPrice::create(policy)->bound(), nano(5 + 2000 + 300));
}

TEST(ToolPrice, AChoiceMayBeForEachUnit) {
  PricePolicy policy = pictures();
  policy.by_argument->each = true;
  EXPECT_EQ(price_of(policy, R"({"count":1,"size":"large"})"), 5 + 2 + 100);
  EXPECT_EQ(price_of(policy, R"({"count":1000,"size":"large"})"), 5 + 2000 + 100'000);
  policy.by_argument->other = nano(300);
  EXPECT_EQ(price_of(policy, R"({"count":3,"size":"huge"})"), 5 + 6 + 900);
  EXPECT_EQ(ToolPrice::create(policy)->bound(), nano(5 + 2000 + 300'000));
  policy.per_unit->when_missing = 7;
  policy.by_argument->when_missing = "small";
  EXPECT_EQ(price_of(policy, "{}"), 5 + 14 + 70);
}

TEST(ToolPrice, NumbersAndTextsOfAChoiceAreOneAndTheDearerCounts) {
  PricePolicy policy;
  policy.by_argument = ChoicePolicy{
      .argument = "level", .values = {{"1", nano(10)}, {"1.0", nano(70)}, {"true", nano(5)}}};
  EXPECT_EQ(price_of(policy, R"({"level":1})"), 70);
  EXPECT_EQ(price_of(policy, R"({"level":10e-1})"), 70);
  EXPECT_EQ(price_of(policy, R"({"level":"1"})"), 10);
  EXPECT_EQ(price_of(policy, R"({"level":true})"), 5);
  EXPECT_EQ(price_of(policy, R"({"level":2})"), -1);
}

TEST(ToolPrice, AnArgumentMayStandInsideOfAnother) {
  PricePolicy policy;
  policy.per_unit = UnitPolicy{.argument = "options.count", .amount = nano(2), .max = 10};
  EXPECT_EQ(price_of(policy, R"({"options":{"count":3}})"), 6);
  EXPECT_EQ(price_of(policy, R"({"options":[{"count":3}]})"), -1);
  EXPECT_EQ(price_of(policy, R"({"options":{"count":3},"options.count":1})"), -1);
  EXPECT_EQ(price_of(policy, R"({"options.count":1,"options":{"count":null}})"), -1);
  EXPECT_EQ(price_of(policy, R"({"options":3})"), -1);
}

// Whatever the number, the price is that of the exact one or none, never less.
TEST(ToolPrice, NoNumberIsPricedBelowItself) {
  PricePolicy policy;
  policy.per_unit =
      UnitPolicy{.argument = "n", .amount = nano(3), .min = 0, .max = 1'000'000'000'000};
  std::mt19937_64 random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto n = static_cast<int64_t>(random() >> (random() % 64) & INT64_MAX);
    const int64_t zeros = static_cast<int64_t>(random() % 4);
    std::string text = std::to_string(n);
    if (zeros > 0) text += "." + std::string(static_cast<size_t>(zeros), '0');
    if (random() % 2 == 0) text += "e0";
    const int64_t priced = price_of(policy, fmt::format(R"({{"n":{}}})", text));
    EXPECT_EQ(priced, n <= 1'000'000'000'000 ? n * 3 : -1) << text;
  }
}

std::string mistake(const PricePolicy& policy) {
  const auto price = ToolPrice::create(policy);
  return price ? "" : price.error().key + ": " + price.error().what;
}

TEST(ToolPrice, MistakesNameTheirKey) {
  EXPECT_THAT(mistake({}), HasSubstr("no more than `cost`"));
  PricePolicy policy = pictures();
  policy.per_unit->max = 0;
  EXPECT_THAT(mistake(policy), HasSubstr("perUnit.max: "));
  policy = pictures();
  policy.per_unit->when_missing = 2000;
  EXPECT_THAT(mistake(policy), HasSubstr("perUnit.default: "));
  policy = pictures();
  policy.per_unit->argument = "a..b";
  EXPECT_THAT(mistake(policy), HasSubstr("perUnit.argument: "));
  policy = pictures();
  policy.per_unit->amount = Money::max();
  EXPECT_THAT(mistake(policy), HasSubstr("more than money can count"));
  policy = pictures();
  policy.per_unit->amount = nano(-1);
  EXPECT_THAT(mistake(policy), HasSubstr("perUnit.amount: "));
  for (const std::vector<UnitTier>& tiers : std::vector<std::vector<UnitTier>>{
           {{10, nano(1)}},                                          // the last has an end
           {{std::nullopt, nano(1)}, {std::nullopt, nano(1)}},       // another has none
           {{10, nano(1)}, {10, nano(1)}, {std::nullopt, nano(1)}},  // not in order
           {{10, nano(1)}, {std::nullopt, nano(-1)}}}) {
    policy = pictures();
    policy.per_unit->tiers = tiers;
    EXPECT_THAT(mistake(policy), HasSubstr("perUnit.tiers: "));
  }
  policy = pictures();
  policy.per_unit->tiers = {{10, nano(1)}, {std::nullopt, Money::max()}};
  EXPECT_THAT(mistake(policy), HasSubstr("more than money can count"));
  policy = pictures();
  policy.by_argument->other = nano(99);
  EXPECT_THAT(mistake(policy), HasSubstr("byArgument.other: "));
  policy = pictures();
  policy.by_argument->when_missing = "medium";
  EXPECT_THAT(mistake(policy), HasSubstr("byArgument.default: "));
  policy = pictures();
  policy.by_argument->values.clear();
  EXPECT_THAT(mistake(policy), HasSubstr("byArgument.values: "));
  policy = pictures();
  policy.per_unit.reset();
  policy.by_argument->each = true;
  EXPECT_THAT(mistake(policy), HasSubstr("byArgument.each: "));
  policy = pictures();
  policy.by_argument->each = true;
  policy.by_argument->values["large"] = nano(INT64_MAX / 999);
  EXPECT_THAT(mistake(policy), HasSubstr("more than money can count"));
  policy = pictures();
  policy.result = ResultPolicy{.per_kib = nano(1), .max_kib = 0};
  EXPECT_THAT(mistake(policy), HasSubstr("maxResultKiB: "));
  policy = pictures();
  policy.result = ResultPolicy{.per_kib = Money::max(), .max_kib = 1 << 20};
  EXPECT_THAT(mistake(policy), HasSubstr("more than money can count"));
}

Call call_of(std::string_view tool, std::string_view arguments) {
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = "s";
  call.tool = call.listed_tool = tool;
  call.arguments = arguments;
  return call;
}

std::unique_ptr<const Tariff> make(Policy policy) {
  auto tariff = Tariff::create(std::move(policy));
  EXPECT_TRUE(tariff) << (tariff ? "" : tariff.error().message);
  return tariff ? std::move(*tariff) : nullptr;
}

TEST(ToolPrice, IsHeldAndRefusedAsTheTariffSays) {
  Policy policy;
  policy.tools["draw"].price = pictures();
  policy.tokens["dear"].tools["draw"].cost = nano(9000);
  const auto tariff = make(std::move(policy));
  const Call fine = call_of("draw", R"({"count":2,"size":"large"})");
  EXPECT_EQ(tariff->quote(fine, "t")->worst(), nano(109));
  EXPECT_EQ(tariff->quote(fine, "t")->rule(), "tools.draw");
  EXPECT_FALSE(tariff->argument_breach(fine, "t"));
  EXPECT_EQ(tariff->price_of("s", "draw", "draw", "t"), nano(2105));
  const auto offer = tariff->offer_of_tool(fine, "t");
  EXPECT_EQ(offer->cost, nano(2105));
  EXPECT_EQ(offer->parts->per_unit->max, 1000);

  const Call more = call_of("draw", R"({"count":2000,"size":"large"})");
  EXPECT_EQ(tariff->argument_breach(more, "t"),
            "argument `count` must be at least 1 and must be at most 1000 and must be a whole "
            "number");
  EXPECT_EQ(tariff->quote(more, "t").error(), Refusal::price_unknown);
  // The token's own price is flat, so no argument matters.
  EXPECT_FALSE(tariff->argument_breach(more, "dear"));
  EXPECT_EQ(tariff->quote(more, "dear")->worst(), nano(9000));
  EXPECT_EQ(tariff->offer_of_tool(more, "dear")->parts, nullptr);
}

TEST(ToolPrice, TheBoundOfTheClosestEntryCounts) {
  Policy policy;
  policy.tools["draw"].price = pictures();
  policy.tools["s.draw"].cost = nano(2000);
  EXPECT_EQ(make(policy)->quote(call_of("draw", R"({"count":1,"size":"small"})"), "t")->worst(),
            nano(17));
  policy.tools["s.draw"].cost = nano(3000);
  EXPECT_EQ(make(policy)->quote(call_of("draw", "{}"), "t")->worst(), nano(3000));
}

TEST(ToolPrice, ApprovalIsAskedForByWhatThisCallCosts) {
  Policy policy;
  policy.tools["draw"].price = pictures();
  policy.tools["draw"].approval_above = nano(500);
  const auto tariff = make(std::move(policy));
  EXPECT_TRUE(tariff->quote(call_of("draw", R"({"count":1,"size":"small"})"), "t"));
  EXPECT_EQ(tariff->quote(call_of("draw", R"({"count":900,"size":"small"})"), "t").error(),
            Refusal::approval_required);
}

TEST(ResultPrice, HoldsTheBoundAndChargesWhatCame) {
  Policy policy;
  PricePolicy price;
  price.base = nano(7);
  price.result = ResultPolicy{.per_kib = nano(1000), .max_kib = 4};
  policy.tools["read"].price = price;
  const auto tariff = make(std::move(policy));
  const auto quote = tariff->quote(call_of("read", ""), "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), nano(4007));
  EXPECT_EQ(quote->fixed(), nano(7));
  EXPECT_EQ(quote->result_bytes_bound(), 4096u);
  const auto cost = [&](uint64_t bytes) {
    Usage usage;
    usage.result_bytes = bytes;
    return tariff->cost(*quote, usage).nano();
  };
  EXPECT_EQ(cost(0), 7);
  EXPECT_EQ(cost(1), 7 + 1);  // rounded up
  EXPECT_EQ(cost(1024), 1007);
  EXPECT_EQ(cost(1025), 7 + 1001);
  EXPECT_EQ(cost(4096), 4007);
  EXPECT_EQ(cost(4097), 4007);
  EXPECT_EQ(cost(UINT64_MAX), 4007);
  for (uint64_t bytes = 0; bytes < 5000; bytes += 13)
    EXPECT_LE(cost(bytes), quote->worst().nano()) << bytes;
  EXPECT_EQ(tariff->quote_cached(*quote, nano(1)).result_bytes_bound(), std::nullopt);
  EXPECT_EQ(tariff->cost(tariff->quote_cached(*quote, nano(1)), Usage()), nano(1));
}

TEST(ToolPrice, TariffsRefuseWhatMakesNoSense) {
  Policy policy;
  policy.tools["a"].cost = nano(1);
  policy.tools["a"].price = pictures();
  policy.tools["resources/read"].price = pictures();
  policy.tools["prompts/get"].cache = ToolCachePolicy{.ttl_seconds = 1};
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_FALSE(tariff);
  EXPECT_THAT(tariff.error().message, HasSubstr("tools.a: has a `cost` and a `price`"));
  EXPECT_THAT(tariff.error().message, HasSubstr("tools.resources/read.price: depends on"));
  EXPECT_THAT(tariff.error().message, HasSubstr("tools.prompts/get.cache: is not looked at"));
}

TEST(ToolCaches, TheClosestEntryOfATableDecidesAndOfTheTokenFirst) {
  Policy policy;
  policy.tools["*"].cache = ToolCachePolicy{.ttl_seconds = 10};
  policy.tools["read"].cache = ToolCachePolicy{.ttl_seconds = 20, .cost = nano(3)};
  policy.tokens["own"].tools["re*"].cache = ToolCachePolicy{.ttl_seconds = 30};
  policy.tools["read"].cost = nano(5);
  const auto tariff = make(std::move(policy));
  EXPECT_TRUE(tariff->keeps_results());
  EXPECT_EQ(tariff->cache_of(call_of("read", ""), "t")->ttl_seconds, 20);
  EXPECT_EQ(tariff->cache_of(call_of("read", ""), "t")->rule, "tools.read.cache");
  EXPECT_EQ(tariff->cache_of(call_of("read", ""), "own")->ttl_seconds, 30);
  EXPECT_EQ(tariff->cache_of(call_of("write", ""), "own")->ttl_seconds, 10);
  EXPECT_FALSE(make({})->keeps_results());
  EXPECT_EQ(make({})->cache_of(call_of("read", ""), "t"), nullptr);
}

}  // namespace
}  // namespace satgate::tariff
