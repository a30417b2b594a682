// Prices by other measures than the usual tokens: service tiers, pictures, characters.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace satgate::tariff
