#include "flow/mcp/sessions.h"

#include <gtest/gtest.h>

namespace satgate::flow::mcp {
namespace {

constexpr Time kNow = Time::seconds(1'780'000'000);

TEST(Sessions, RememberTheRevisionAndWhoseTheyAre) {
  const Sessions sessions("key");
  const std::string id = sessions.open("alice", "2025-06-18", kNow);
  EXPECT_EQ(sessions.check(id, "alice", kNow), "2025-06-18");
  EXPECT_EQ(sessions.check(id, "bob", kNow), std::nullopt);  // a stolen id is of no use
  EXPECT_EQ(sessions.check("", "alice", kNow), std::nullopt);
  EXPECT_EQ(sessions.check(id.substr(1), "alice", kNow), std::nullopt);
  EXPECT_EQ(sessions.check(std::string(100'000, 'A'), "alice", kNow), std::nullopt);
  for (size_t i = 0; i < id.size(); ++i) {
    std::string changed = id;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(sessions.check(changed, "alice", kNow), std::nullopt) << i;
  }
  for (const char c : id)
    EXPECT_TRUE(c >= 0x21 && c <= 0x7e);  // as the header must be
}

TEST(Sessions, DifferForEachOpening) {
  const Sessions sessions("key");
  EXPECT_NE(sessions.open("a", "2025-06-18", kNow), sessions.open("a", "2025-06-18", kNow));
}

TEST(Sessions, EndByThemselvesAndByTheClient) {
  Sessions sessions("key");
  const std::string id = sessions.open("alice", "2025-11-25", kNow);
  const Time later = Time::seconds(kNow.unix_seconds() + Sessions::kSecondsMax);
  EXPECT_TRUE(sessions.check(id, "alice", later));
  EXPECT_FALSE(sessions.check(id, "alice", Time::seconds(later.unix_seconds() + 1)));
  EXPECT_FALSE(sessions.end(id, "bob", kNow));
  EXPECT_TRUE(sessions.end(id, "alice", kNow));
  EXPECT_FALSE(sessions.end(id, "alice", kNow));
  EXPECT_EQ(sessions.check(id, "alice", kNow), std::nullopt);
  EXPECT_EQ(sessions.check(id + "=", "alice", kNow), std::nullopt);  // another spelling of it
}

TEST(Sessions, AnotherKeyKnowsNone) {
  const std::string id = Sessions("one").open("a", "2025-11-25", kNow);
  EXPECT_TRUE(Sessions("one").check(id, "a", kNow));
  EXPECT_FALSE(Sessions("two").check(id, "a", kNow));
}

}  // namespace
}  // namespace satgate::flow::mcp
