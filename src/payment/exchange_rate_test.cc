#include "payment/exchange_rate.h"

#include <gtest/gtest.h>

namespace satgate::payment {
namespace {

constexpr Time kStart = Time::seconds(1'800'000'000);

RateTerms terms(std::optional<int64_t> fallback = std::nullopt) {
  RateTerms made;
  made.path = "data.0.amount";
  made.fallback = fallback;
  return made;
}

TEST(ReadRate, FindsThePriceWhereverItStands) {
  RateTerms btc = terms();
  for (const char* body : {R"({"data":[{"amount":"60000.00"}]})", R"({"data":[{"amount":60000}]})",
                           R"({"data":[{"amount":6e4},7]})"}) {
    const auto rate = read_rate(body, btc);
    ASSERT_TRUE(rate) << body << rate.error().message;
    EXPECT_EQ(*rate, 600'000) << body;
  }
  btc.per = RatePer::sat;
  EXPECT_EQ(read_rate(R"({"data":[{"amount":0.00064}]})", btc).value_or(0), 640'000);
  btc.nano_per_usd = kNanoPerCredit * 100;  // a credit is a cent
  EXPECT_EQ(read_rate(R"({"data":[{"amount":"0.00064"}]})", btc).value_or(0), 64'000'000);
}

TEST(ReadRate, MakesNothingUp) {
  for (const char* body :
       {"", "no", "[]", "7", R"({"data":[]})", R"({"data":{"amount":1}})",
        R"({"data":[{"amount":null}]})", R"({"data":[{"amount":"much"}]})",
        R"({"data":[{"amount":"-60000"}]})", R"({"data":[{"amount":-60000}]})",
        R"({"data":[{"amount":0}]})", R"({"data":[{"amount":"0"}]})",
        R"({"data":[{"amount":"$60000"}]})", R"({"data":[{"amount":1e300}]})",
        R"({"data":[{"amount":"100000001"}]})", R"({"data":[{"amount":"99999999999999999999"}]})",
        R"({"data":[{"amount":[60000]}]})", R"({"data":[{"amount":60000})"}) {
    EXPECT_FALSE(read_rate(body, terms())) << body;
  }
  EXPECT_FALSE(read_rate(std::string(kRateAnswerBytesMax + 1, ' '), terms()));
  const std::string deep(kRateAnswerBytesMax, '[');
  EXPECT_FALSE(read_rate(deep, terms()));
}

TEST(ExchangeRate, IsNoneWhenItIsTooOld) {
  ExchangeRate rate(terms());
  EXPECT_FALSE(rate.at(kStart));
  ASSERT_TRUE(rate.learn(600'000, kStart));
  EXPECT_EQ(rate.at(later(kStart, 3599)), 600'000);
  EXPECT_FALSE(rate.at(later(kStart, 3600)));
  EXPECT_EQ(rate.status(later(kStart, 3600)).fetched, kStart);
}

TEST(ExchangeRate, FallsBackToWhatTheConfigSays) {
  ExchangeRate rate(terms(500'000));
  EXPECT_EQ(rate.at(kStart), 500'000);
  EXPECT_TRUE(rate.status(kStart).is_fallback);
  ASSERT_TRUE(rate.learn(600'000, kStart));
  EXPECT_EQ(rate.at(kStart), 600'000);
  EXPECT_FALSE(rate.status(kStart).is_fallback);
  EXPECT_EQ(rate.at(later(kStart, 4000)), 500'000);
}

TEST(ExchangeRate, BelievesAJumpWhenItIsSaidTwice) {
  ExchangeRate rate(terms());
  ASSERT_TRUE(rate.learn(600'000, kStart));
  ASSERT_TRUE(rate.learn(900'000, later(kStart, 1)));  // half as much again is near enough
  EXPECT_FALSE(rate.learn(60'000, later(kStart, 2)));
  EXPECT_EQ(rate.at(later(kStart, 2)), 900'000);
  EXPECT_TRUE(rate.take_notice());
  EXPECT_FALSE(rate.take_notice()) << "once";
  EXPECT_FALSE(rate.learn(6'000'000, later(kStart, 3))) << "another jump says another thing";
  ASSERT_TRUE(rate.learn(6'100'000, later(kStart, 4)));
  EXPECT_EQ(rate.at(later(kStart, 4)), 6'100'000);
  EXPECT_TRUE(rate.status(later(kStart, 4)).problem.empty());
}

TEST(ExchangeRate, DoubtsTheFirstThatIsFarFromTheFallback) {
  ExchangeRate rate(terms(500'000));
  EXPECT_FALSE(rate.learn(5'000, kStart));
  EXPECT_EQ(rate.at(kStart), 500'000);
}

TEST(ExchangeRate, TellsAFailureOnce) {
  ExchangeRate rate(terms());
  rate.failed("no answer");
  EXPECT_EQ(rate.take_notice(), "no answer");
  rate.failed("no answer");
  EXPECT_FALSE(rate.take_notice());
  ASSERT_TRUE(rate.learn(600'000, kStart));
  EXPECT_TRUE(rate.take_notice());
}

}  // namespace
}  // namespace satgate::payment
