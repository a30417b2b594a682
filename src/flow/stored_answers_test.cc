#include "flow/stored_answers.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace satgate::flow {
namespace {

AccountId point(std::string_view name) {
  return account_id("point", name);
}

// A tree: root, with the children one and two; below one a grandchild.
const std::array kRoot = {point("root")};
const std::array kOne = {point("root"), point("one")};
const std::array kTwo = {point("root"), point("two")};
const std::array kBelowOne = {point("root"), point("one"), point("below")};

TEST(StoredAnswers, WhoMadeItAndWhoIsAboveMayAsk) {
  StoredAnswers stored;
  stored.add("resp_1", "openai", kOne);
  EXPECT_EQ(stored.find("resp_1", kOne.back()), "openai");
  EXPECT_EQ(stored.find("resp_1", kRoot.back()), "openai");
  EXPECT_EQ(stored.find("resp_1", kTwo.back()), std::nullopt);
  EXPECT_EQ(stored.find("resp_1", kBelowOne.back()), std::nullopt);
  EXPECT_EQ(stored.find("resp_2", kOne.back()), std::nullopt);
  EXPECT_EQ(stored.find("", kOne.back()), std::nullopt);
}

TEST(StoredAnswers, OnlyWhatSomebodyElseMadeMayNotBeContinued) {
  StoredAnswers stored;
  stored.add("resp_1", "openai", kOne);
  EXPECT_TRUE(stored.may_continue("resp_1", kOne.back()));
  EXPECT_TRUE(stored.may_continue("resp_1", kRoot.back()));
  EXPECT_FALSE(stored.may_continue("resp_1", kTwo.back()));
  EXPECT_FALSE(stored.may_continue("resp_1", kBelowOne.back()));
  EXPECT_TRUE(stored.may_continue("resp_2", kTwo.back()));
}

TEST(StoredAnswers, WhoWasShownOneMayGoOnFromItAndNoMore) {
  StoredAnswers stored;
  stored.add("resp_1", "openai", kOne);
  stored.add_reader("resp_1", "openai", kTwo);
  EXPECT_TRUE(stored.may_continue("resp_1", kTwo.back()));
  EXPECT_EQ(stored.find("resp_1", kTwo.back()), std::nullopt);
}

TEST(StoredAnswers, NothingIsNotedOfCallsWithoutATokenOrAnId) {
  StoredAnswers stored;
  stored.add("resp_1", "openai", {});
  stored.add("", "openai", kOne);
  EXPECT_EQ(stored.size(), 0U);
}

TEST(StoredAnswers, TheOldestIsForgottenFirstAndTwiceTheSameIsOne) {
  StoredAnswers stored(4);
  for (int i = 0; i < 10; ++i)
    stored.add("resp_1", "openai", kRoot);
  EXPECT_EQ(stored.size(), 2U);
  stored.add("resp_2", "openai", kRoot);
  stored.add("resp_3", "openai", kRoot);
  EXPECT_EQ(stored.size(), 4U);
  EXPECT_EQ(stored.find("resp_1", kRoot.back()), std::nullopt);
  EXPECT_EQ(stored.find("resp_2", kRoot.back()), "openai");
  // What is forgotten belongs to nobody that is known.
  EXPECT_TRUE(stored.may_continue("resp_1", point("stranger")));
}

TEST(StoredAnswers, TheLatestUpstreamOfAnIdCounts) {
  StoredAnswers stored;
  stored.add("resp_1", "first", kOne);
  stored.add("resp_1", "second", kTwo);
  EXPECT_EQ(stored.find("resp_1", kOne.back()), "first");
  EXPECT_EQ(stored.find("resp_1", kTwo.back()), "second");
}

TEST(StoredAnswers, ManyThreadsAtOnce) {
  StoredAnswers stored(1000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&stored, t] {
      const std::array mine = {point("root"), point(fmt::format("{}", t))};
      for (int i = 0; i < 500; ++i) {
        const std::string id = fmt::format("resp_{}_{}", t, i);
        stored.add(id, "openai", mine);
        const auto found = stored.find(id, mine.back());
        EXPECT_TRUE(!found || *found == "openai");
      }
    });
  }
  threads.clear();
  EXPECT_EQ(stored.size(), 1000U);
}

}  // namespace
}  // namespace satgate::flow
