// Prices by other measures than the usual tokens: service tiers, pictures, characters.
#include <gtest/gtest.h>

#include <array>
#include <span>

#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

Money credits(std::string_view text) {
  return parse_amount(text).value();
}

std::unique_ptr<const Tariff> make(const ModelPolicy& model) {
  Policy policy;
  policy.models["m"] = model;
  auto tariff = Tariff::create(std::move(policy));
  EXPECT_TRUE(tariff) << (tariff ? "" : tariff.error().message);
  return tariff ? std::move(*tariff) : nullptr;
}

Call call(ServiceTier tier = ServiceTier::standard) {
  Call call;
  call.protocol = Protocol::openai;
  call.model = "m";
  call.input_bytes = 1'000'000;
  call.output_tokens_max = 1'000'000;
  call.tier = tier;
  return call;
}

Usage used(std::optional<ServiceTier> tier) {
  Usage usage;
  usage.input = 1'000'000;
  usage.output = 500'000;
  usage.tier = tier;
  return usage;
}

ModelPolicy tiered() {
  ModelPolicy model;
  model.input = credits("10");
  model.output = credits("100");
  model.tiers[ServiceTier::flex] = {credits("5"), credits("50")};
  model.tiers[ServiceTier::priority] = {credits("20"), credits("200")};
  return model;
}

TEST(Tiers, AreQuotedAtTheDearestThatCanBeServedAndChargedAsServed) {
  const auto tariff = make(tiered());
  const auto priority = tariff->quote(call(ServiceTier::priority), "t");
  ASSERT_TRUE(priority);
  EXPECT_EQ(priority->worst(), credits("220"));
  EXPECT_EQ(tariff->cost(*priority, used(ServiceTier::priority)), credits("120"));
  EXPECT_EQ(tariff->cost(*priority, used(ServiceTier::standard)), credits("60"));
  EXPECT_EQ(tariff->cost(*priority, used({})), credits("120")) << "rather the dearer one";
  const auto flex = tariff->quote(call(ServiceTier::flex), "t");
  ASSERT_TRUE(flex);
  EXPECT_EQ(flex->worst(), credits("110"));
  EXPECT_EQ(tariff->cost(*flex, used(ServiceTier::flex)), credits("30"));
  EXPECT_EQ(tariff->cost(*flex, used({})), credits("60"));
}

// Law 1.2: what asks for no tier may be served by any, as the settings at the provider say.
TEST(Tiers, WhereTheProviderChoosesTheDearestIsHeld) {
  const auto tariff = make(tiered());
  Call any = call();
  any.tier.reset();
  const auto quote = tariff->quote(any, "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), credits("220"));
  for (const auto served : {ServiceTier::flex, ServiceTier::standard, ServiceTier::priority})
    EXPECT_LE(tariff->cost(*quote, used(served)), quote->worst());
  EXPECT_EQ(tariff->cost(*quote, used(ServiceTier::standard)), credits("60"));
  EXPECT_EQ(tariff->cost(*quote, used({})), credits("120"));
  EXPECT_EQ(tariff->quote(call(ServiceTier::standard), "t")->worst(), credits("110"));
}

TEST(Tiers, OneThatIsDearerAndHasNoPriceIsRefused) {
  ModelPolicy model = tiered();
  model.tiers.clear();
  const auto tariff = make(model);
  EXPECT_EQ(tariff->quote(call(ServiceTier::priority), "t").error(), Refusal::price_unknown);
  const auto flex = tariff->quote(call(ServiceTier::flex), "t");
  ASSERT_TRUE(flex);
  EXPECT_EQ(tariff->cost(*flex, used(ServiceTier::flex)), credits("60"));
  // Served dearer than it was asked for: no less than the whole quote is sure to be enough.
  const auto usual = tariff->quote(call(), "t");
  EXPECT_EQ(tariff->cost(*usual, used(ServiceTier::priority)), usual->worst());
}

TEST(Tiers, AmendABuiltInModel) {
  Policy policy;
  policy.models["gpt-4o-mini"].tiers[ServiceTier::priority] = {credits("0.25"), credits("1")};
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_TRUE(tariff);
  Call asked = call(ServiceTier::priority);
  asked.model = "gpt-4o-mini";
  const auto quote = (*tariff)->quote(asked, "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), credits("1.25"));
}

TEST(Reasoning, IsChargedAtItsRateAndHeldAtTheDearer) {
  ModelPolicy model;
  model.input = credits("0");
  model.output = credits("10");
  model.reasoning = credits("30");
  const auto tariff = make(model);
  const auto quote = tariff->quote(call(), "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), credits("30"));
  Usage usage;
  usage.output = 1'000'000;
  usage.reasoning = 400'000;
  EXPECT_EQ(tariff->cost(*quote, usage), credits("18"));
  usage.reasoning = 9'000'000;
  EXPECT_EQ(tariff->cost(*quote, usage), credits("30")) << "it is a part of output";
  model.reasoning = credits("1");
  const auto cheaper = make(model);
  EXPECT_EQ(cheaper->quote(call(), "t")->worst(), credits("10"));
}

TEST(UnitPrices, AreMultipliedAndKnownBefore) {
  ModelPolicy model;
  model.image = credits("0.04");
  model.characters = credits("15");
  const auto tariff = make(model);
  Call asked = call();
  EXPECT_EQ(tariff->quote(asked, "t").error(), Refusal::price_unknown) << "no price of tokens";
  asked.unit = BilledUnit::image;
  asked.units = 3;
  EXPECT_EQ(tariff->quote(asked, "t")->worst(), credits("0.12"));
  asked.unit = BilledUnit::character;
  asked.units = 1'000'001;
  const auto quote = tariff->quote(asked, "t");
  EXPECT_EQ(quote->worst(), credits("15.000015"));
  EXPECT_EQ(tariff->cost(*quote, {}), quote->worst());
  EXPECT_FALSE(quote->is_per_token());
  const auto offer = tariff->offer_of_model("m");
  ASSERT_TRUE(offer);
  EXPECT_FALSE(offer->per_token);
  EXPECT_EQ(offer->image, credits("0.04"));
}

TEST(UnitPrices, OfAnotherUnitAreNoPrice) {
  ModelPolicy model;
  model.image = credits("0.04");
  const auto tariff = make(model);
  Call asked = call();
  asked.unit = BilledUnit::character;
  asked.units = 1;
  EXPECT_EQ(tariff->quote(asked, "t").error(), Refusal::price_unknown);
}

TEST(UnitPrices, HugeCountsSaturate) {
  ModelPolicy model;
  model.image = credits("1000");
  Call asked = call();
  asked.unit = BilledUnit::image;
  asked.units = UINT64_MAX;
  EXPECT_GT(make(model)->quote(asked, "t")->worst(), credits("1000000"));
}

TEST(UnitPrices, DoNotGoWithACostPerCall) {
  Policy policy;
  policy.models["m"].cost = credits("1");
  policy.models["m"].image = credits("1");
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_FALSE(tariff);
  EXPECT_NE(tariff.error().message.find("choose one"), std::string::npos);
}

// Two requests of a million bytes in and a million tokens out.
std::array<BatchItem, 2> two_requests() {
  BatchItem item{"a", "m", 1'000'000, 1'000'000, false, {}};
  BatchItem other = item;
  other.id = "b";
  return {item, other};
}

Call batch(std::span<const BatchItem> items) {
  Call call;
  call.protocol = Protocol::anthropic;
  call.batch = items;
  return call;
}

ModelPolicy batched() {
  ModelPolicy model;
  model.input = credits("10");
  model.output = credits("100");
  model.batch = TierPolicy{credits("5"), credits("50")};
  return model;
}

TEST(BatchPrices, AreTheSumOfTheirRequests) {
  const auto items = two_requests();
  const auto quote = make(batched())->quote(batch(items), "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), credits("110"));
  EXPECT_FALSE(quote->is_per_token());
  ModelPolicy usual = batched();
  usual.batch.reset();
  EXPECT_EQ(make(usual)->quote(batch(items), "t")->worst(), credits("220"));
}

TEST(BatchPrices, AreNotThoseOfACallByItself) {
  const auto tariff = make(batched());
  EXPECT_EQ(tariff->quote(call(), "t")->worst(), credits("110"));
  EXPECT_TRUE(
      tariff->alternatives(batch(two_requests()), *tariff->quote(call(), "t"), "t").empty());
}

TEST(BatchPrices, OneWithoutAPriceIsNoPriceForAll) {
  const auto tariff = make(batched());
  auto items = two_requests();
  items[1].model = "unknown";
  EXPECT_EQ(tariff->quote(batch(items), "t").error(), Refusal::price_unknown);
  items = two_requests();
  items[1].unbounded = "image";
  EXPECT_EQ(tariff->quote(batch(items), "t").error(), Refusal::price_unknown);
  items = two_requests();
  Call odd = batch(items);
  odd.unbounded = "a member beside requests";
  EXPECT_EQ(tariff->quote(odd, "t").error(), Refusal::price_unknown);
}

TEST(BatchPrices, AWriteToTheCacheIsAsDearAsUsualUnlessItHasAPrice) {
  auto items = two_requests();
  items[0].may_write_cache = true;
  ModelPolicy model = batched();
  model.cache_write = credits("12.5");
  EXPECT_EQ(make(model)->quote(batch(items), "t")->worst(), credits("117.5"));
  model.batch->cache_write = credits("6");
  EXPECT_EQ(make(model)->quote(batch(items), "t")->worst(), credits("111"));
}

TEST(BatchPrices, ThoughtsAreBoundedByTheDearerOutput) {
  ModelPolicy model = batched();
  model.reasoning = credits("70");
  EXPECT_EQ(make(model)->quote(batch(two_requests()), "t")->worst(), credits("150"));
}

TEST(BatchPrices, OfALongPromptAreTheUsual) {
  Policy policy;
  policy.models["claude-sonnet-4-5"].batch = TierPolicy{credits("1.5"), credits("7.5")};
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_TRUE(tariff);
  auto items = two_requests();
  for (BatchItem& item : items)
    item.model = "claude-sonnet-4-5";
  items[1].input_bytes = 100'000;
  Call alone_long = call();
  alone_long.model = "claude-sonnet-4-5";
  alone_long.may_write_cache = false;
  EXPECT_EQ((*tariff)->quote(batch(items), "t")->worst(),
            (*tariff)->quote(alone_long, "t")->worst() + credits("7.65"));
}

TEST(BatchPrices, ACostPerCallIsOneForEachRequest) {
  ModelPolicy model;
  model.cost = credits("3");
  EXPECT_EQ(make(model)->quote(batch(two_requests()), "t")->worst(), credits("6"));
}

TEST(BatchPrices, DoNotGoWithACostPerCallNorBelowZero) {
  for (const bool negative : {false, true}) {
    Policy policy;
    policy.models["m"] = batched();
    if (negative) {
      policy.models["m"].batch->input = Money::nano(-1);
    } else {
      policy.models["m"].input.reset();
      policy.models["m"].output.reset();
      policy.models["m"].cost = credits("1");
    }
    const auto tariff = Tariff::create(std::move(policy));
    ASSERT_FALSE(tariff);
    EXPECT_NE(tariff.error().message.find(negative ? "negative" : "choose one"), std::string::npos);
  }
}

TEST(BatchPrices, HugeRequestsSaturate) {
  auto items = two_requests();
  for (BatchItem& item : items)
    item.output_tokens_max = UINT64_MAX;
  EXPECT_EQ(make(batched())->quote(batch(items), "t")->worst(), Money::max());
}

TEST(Stored, WhatWasPaidForIsFree) {
  Call asked = call();
  asked.model = {};
  asked.asks_stored = true;
  const auto quote = make(batched())->quote(asked, "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), Money());
}

}  // namespace
}  // namespace satgate::tariff
