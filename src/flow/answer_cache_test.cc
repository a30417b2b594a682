#include "flow/answer_cache.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace satgate::flow {
namespace {

using std::chrono::seconds;

const AnswerCache::Instant kStart{};

std::shared_ptr<const CachedAnswer> answer(std::string body, AnswerCache::Instant made = kStart) {
  return std::make_shared<const CachedAnswer>(
      CachedAnswer{"application/json", std::move(body), Money::credits(1), made});
}

Hash256 key(int number) {
  return sha256(fmt::format("{}", number));
}

TEST(AnswerCache, AnAnswerIsThereUntilItsTimeIsOver) {
  AnswerCache cache;
  EXPECT_EQ(cache.find(key(1), seconds(10), kStart), nullptr);
  cache.put(key(1), answer("one"), 10'000);
  ASSERT_NE(cache.find(key(1), seconds(10), kStart + seconds(9)), nullptr);
  EXPECT_EQ(cache.find(key(1), seconds(10), kStart + seconds(9))->body, "one");
  EXPECT_EQ(cache.find(key(2), seconds(10), kStart), nullptr);
  EXPECT_EQ(cache.find(key(1), seconds(10), kStart + seconds(10)), nullptr);
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(AnswerCache, TheLeastRecentlyUsedMakesRoom) {
  AnswerCache cache;
  const std::string body(1000, 'x');
  for (int i = 0; i < 3; ++i)
    cache.put(key(i), answer(body), 4000);
  ASSERT_NE(cache.find(key(0), seconds(10), kStart), nullptr);
  cache.put(key(3), answer(body), 4000);
  EXPECT_NE(cache.find(key(0), seconds(10), kStart), nullptr);
  EXPECT_EQ(cache.find(key(1), seconds(10), kStart), nullptr);
  EXPECT_LE(cache.bytes(), 4000U);
}

TEST(AnswerCache, BytesAreBoundedWhateverComes) {
  AnswerCache cache;
  for (int i = 0; i < 5000; ++i) {
    cache.put(key(i % 700), answer(std::string(static_cast<size_t>(i * 37 % 3000), 'x')), 20'000);
    ASSERT_LE(cache.bytes(), 20'000U);
  }
  cache.put(key(1), answer(std::string(30'000, 'x')), 20'000);
  EXPECT_EQ(cache.find(key(1), seconds(10), kStart), nullptr);
  cache.put(key(2), answer("two"), 20'000);
  cache.trim(1000);
  EXPECT_LE(cache.bytes(), 1000U);
  EXPECT_NE(cache.find(key(2), seconds(10), kStart), nullptr) << "the latest stays";
  cache.trim(0);
  EXPECT_EQ(cache.bytes(), 0U);
}

}  // namespace
}  // namespace satgate::flow
