// What would make the loop guard wrong: counting what is not the same, forgetting a loop because
// somebody else is loud, opening a window again for a call that comes late, counting per thread.
#include "flow/loop_guard.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace satgate::flow {
namespace {

using namespace std::chrono_literals;
using Instant = LoopGuard::Instant;

TokenId token(uint8_t number) {
  TokenId id;
  id.bytes.fill(number);
  return id;
}

uint64_t print_of(const LoopGuard& guard, const TokenId& id, std::string_view call) {
  return guard.fingerprint(id).part(call).finish();
}

TEST(LoopGuard, CountsInAWindowThatBeginsWithTheFirst) {
  LoopGuard guard;
  const Instant start{5h};
  EXPECT_EQ(guard.count(token(1), 7, 60s, start).repeats, 1U);
  const LoopGuard::Count second = guard.count(token(1), 7, 60s, start + 59s);
  EXPECT_EQ(second.repeats, 2U);
  EXPECT_EQ(second.rest, 1s);
  EXPECT_EQ(guard.count(token(1), 7, 60s, start + 60s - 1ns).repeats, 3U);
  const LoopGuard::Count next = guard.count(token(1), 7, 60s, start + 60s);
  EXPECT_EQ(next.repeats, 1U);
  EXPECT_EQ(next.rest, 60s);
}

TEST(LoopGuard, ACallThatComesLateOpensNoOldWindow) {
  LoopGuard guard;
  const Instant start{5h};
  for (int i = 0; i < 3; ++i)
    guard.count(token(1), 7, 10s, start);
  EXPECT_EQ(guard.count(token(1), 7, 10s, start + 10s).repeats, 1U);
  EXPECT_EQ(guard.count(token(1), 7, 10s, start + 9s).repeats, 2U);
  EXPECT_EQ(guard.count(token(1), 7, 10s, start - 1h).repeats, 3U);
  const LoopGuard::Count after = guard.count(token(1), 7, 10s, start + 11s);
  EXPECT_EQ(after.repeats, 4U);
  EXPECT_EQ(after.rest, 9s);
}

TEST(LoopGuard, FingerprintsDifferByTokenByPartAndByProcess) {
  const LoopGuard guard, other;
  std::set<uint64_t> prints = {
      guard.fingerprint(token(1)).part("ab").part("c").finish(),
      guard.fingerprint(token(1)).part("a").part("bc").finish(),
      guard.fingerprint(token(1)).part("abc").part("").finish(),
      guard.fingerprint(token(1)).part("abc").finish(),
      guard.fingerprint(token(2)).part("abc").finish(),
      other.fingerprint(token(1)).part("abc").finish(),
  };
  EXPECT_EQ(prints.size(), 6U);
  EXPECT_EQ(print_of(guard, token(1), "x"), print_of(guard, token(1), "x"));
}

TEST(LoopGuard, NoFloodOfSingleCallsHidesALoopThatHasBegun) {
  LoopGuard guard;
  const Instant now{5h};
  const uint64_t loop = print_of(guard, token(1), "loop");
  guard.count(token(1), loop, 60s, now);
  guard.count(token(1), loop, 60s, now);
  for (int i = 0; i < 1'000'000; ++i)
    guard.count(token(2), print_of(guard, token(2), std::to_string(i)), 60s, now);
  EXPECT_EQ(guard.count(token(1), loop, 60s, now).repeats, 3U);
}

// Each set has eight places: a flood takes what is free, and then its own.
TEST(LoopGuard, AFloodLosesItsOwnCallsBeforeOthers) {
  LoopGuard guard;
  const Instant now{5h};
  std::vector<uint64_t> quiet;
  for (int i = 0; i < 1000; ++i)
    quiet.push_back(print_of(guard, token(1), std::to_string(i)));
  for (const uint64_t call : quiet)
    guard.count(token(1), call, 60s, now);
  for (int i = 0; i < 500'000; ++i)
    guard.count(token(2), print_of(guard, token(2), std::to_string(i)), 60s, now);
  for (const uint64_t call : quiet)
    EXPECT_EQ(guard.count(token(1), call, 60s, now).repeats, 2U);
}

TEST(LoopGuard, AFullSetMakesRoomOfWhatIsOver) {
  LoopGuard guard;
  const Instant start{5h};
  constexpr uint64_t kSameSet = 64 * 128;
  for (uint64_t i = 0; i < 8; ++i) {
    for (int j = 0; j < 5; ++j)
      guard.count(token(1), 1 + i * kSameSet, i == 3 ? 10s : 60s, start);
  }
  EXPECT_EQ(guard.count(token(2), 1 + 8 * kSameSet, 60s, start + 10s).repeats, 1U);
  EXPECT_EQ(guard.count(token(2), 1 + 8 * kSameSet, 60s, start + 10s).repeats, 2U);
  for (uint64_t i = 0; i < 8; ++i) {
    if (i == 3) continue;
    EXPECT_EQ(guard.count(token(1), 1 + i * kSameSet, 60s, start + 11s).repeats, 6U);
  }
}

TEST(LoopGuard, NoticesAreTakenOnceAndOfAFloodTheFirst) {
  LoopGuard guard;
  for (int i = 0; i < 1000; ++i)
    guard.notice({std::to_string(i), "/api/search", {}});
  const std::vector<LoopNotice> taken = guard.take_notices();
  ASSERT_EQ(taken.size(), 64U);
  EXPECT_EQ(taken.back().token, "63");
  EXPECT_TRUE(guard.take_notices().empty());
  guard.notice({"later", "/api/search", {}});
  EXPECT_EQ(guard.take_notices().size(), 1U);
}

TEST(LoopGuard, CountsForAllThreadsTogether) {
  LoopGuard guard;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i)
        guard.count(token(1), 7, 60s, Instant{5h});
    });
  }
  threads.clear();
  EXPECT_EQ(guard.count(token(1), 7, 60s, Instant{5h}).repeats, 40'001U);
}

}  // namespace
}  // namespace satgate::flow
