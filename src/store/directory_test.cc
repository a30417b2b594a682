#include "store/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "store/record_json.h"
#include "store/sqlite/schema.h"
#include "store/sqlite_directory.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using testing::HasSubstr;

class DirectoryTest : public testing::Test {
 protected:
  DirectoryTest() { reopen(); }

  void reopen(size_t tokens_cached = SqliteDirectory::kTokensCached) {
    directory_.reset();
    shared_.reset();
    auto database = sqlite::Database::open(dir_.path() / "satgate.db");
    ASSERT_TRUE(database) << database.error().message;
    const auto migrated = sqlite::migrate(*database);
    ASSERT_TRUE(migrated) << migrated.error().message;
    shared_ = std::make_unique<SharedDatabase>(std::move(*database));
    auto reader = sqlite::Database::open_read_only(dir_.path() / "satgate.db");
    ASSERT_TRUE(reader) << reader.error().message;
    auto directory = SqliteDirectory::open(*shared_, std::move(*reader), tokens_cached);
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
  }

  static std::shared_ptr<const TokenRecord> read(const FoundToken& found) {
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(nullptr);
  }
  auto token(const TokenId& id) { return read(directory_->token(id)); }
  auto by_name(std::string_view name) { return read(directory_->token_by_name(name)); }
  auto of_carve(const AccountId& account) { return read(directory_->token_of_carve(account)); }

  void spoil(std::string_view name) {
    auto spoiled = shared_->database.prepare("UPDATE tokens SET record = '{' WHERE name = ?");
    ASSERT_TRUE(spoiled) << spoiled.error().message;
    ASSERT_TRUE(spoiled->bind(1, name).run());
  }

  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_;
  std::unique_ptr<SqliteDirectory> directory_;
};

TokenRecord full_record() {
  TokenRecord record;
  record.id = random_id<TokenId>();
  record.name = "cursor-dev";
  record.key_id = "k1";
  record.created = Time::seconds(100);
  record.expires = Time::seconds(200);
  record.limits[Window::day] = Money::credits(25);
  record.override_limits = LimitOverride{{}, Time::seconds(150)};
  record.override_limits->change.limits[Window::hour] = Money::nano(7);
  record.override_limits->change.lifted[static_cast<size_t>(Window::day)] = true;
  record.budget = "research";
  record.labels = {{"team", "core"}, {"project", "p\"\xff"}};
  record.alert_threshold = Money::nano(800'000'000);
  record.caveats = {"tools = a, b.*"};
  record.minted = TokenTerms{{}, {{"team", "old"}}, Money::nano(500'000'000)};
  record.minted->limits[Window::month] = Money::credits(9);
  record.parent = random_id<TokenId>();
  record.carved_account = account_id("lineage", "x");
  record.carved = Money::credits(3);
  return record;
}

TEST_F(DirectoryTest, ATokenComesBackWholeAfterARestart) {
  TokenRecord record = full_record();
  record.labels[1].second = "p\"";
  ASSERT_TRUE(directory_->add_token(record));
  reopen();
  const auto found = by_name("cursor-dev");
  ASSERT_TRUE(found);
  EXPECT_EQ(to_json(*found), to_json(record));
  EXPECT_EQ(found->id, record.id);
  EXPECT_EQ(found->override_limits->change.limits[Window::hour], Money::nano(7));
  EXPECT_EQ(found->override_limits->change.lifted, record.override_limits->change.lifted);
  EXPECT_EQ(found->minted->limits, record.minted->limits);
  EXPECT_EQ(found->minted->labels, record.minted->labels);
  EXPECT_EQ(found->minted->alert_threshold, record.minted->alert_threshold);
  EXPECT_EQ(found->parent, record.parent);
  EXPECT_EQ(directory_->token_count(), 1U);
}

TokenRecord named(std::string_view name) {
  TokenRecord record;
  record.id = random_id<TokenId>();
  record.name = name;
  return record;
}

TEST_F(DirectoryTest, TokensBeyondTheCacheAreReadAgainByIdNameAndCarve) {
  reopen(2);
  std::vector<TokenRecord> records = {full_record()};
  for (const char* name : {"a", "b", "c", "d\xff"})
    records.push_back(named(name));
  for (const TokenRecord& record : records)
    ASSERT_TRUE(directory_->add_token(record));
  for (const TokenRecord& record : records) {
    ASSERT_TRUE(token(record.id)) << record.name;
    EXPECT_EQ(token(record.id)->account, token_account(record.id));
    ASSERT_TRUE(by_name(record.name)) << record.name;
    EXPECT_EQ(by_name(record.name)->id, record.id);
  }
  ASSERT_TRUE(of_carve(account_id("lineage", "x")));
  EXPECT_EQ(of_carve(account_id("lineage", "x"))->id, records[0].id);
  EXPECT_FALSE(of_carve(account_id("lineage", "y")));
  EXPECT_FALSE(token(random_id<TokenId>()));
  EXPECT_FALSE(by_name("e"));
  EXPECT_EQ(directory_->token_count(), 5U);
}

// "There is none" gives money back and lets a name be taken; "I can not tell" must not.
TEST_F(DirectoryTest, ARecordThatCanNotBeReadIsAnErrorAndNoAbsence) {
  const TokenRecord record = full_record();
  ASSERT_TRUE(directory_->add_token(record));
  reopen();
  spoil(record.name);
  EXPECT_FALSE(directory_->token(record.id));
  EXPECT_FALSE(directory_->token_by_name(record.name));
  EXPECT_FALSE(directory_->token_of_carve(*record.carved_account));
  EXPECT_FALSE(directory_->each_token([](const TokenRecord&) {}));
  EXPECT_FALSE(directory_->add_token(record));
  EXPECT_FALSE(directory_->update_token(record));
  EXPECT_EQ(token(random_id<TokenId>()), nullptr) << "others are told apart from it";
  ASSERT_TRUE(shared_->database.execute("DROP TABLE tokens"));
  EXPECT_FALSE(directory_->token(random_id<TokenId>()));
}

TEST_F(DirectoryTest, EachTokenComesOnceWhateverTheirNumber) {
  for (int i = 0; i < 250; ++i)
    ASSERT_TRUE(directory_->add_token(named("t\xff" + std::to_string(i))));
  std::vector<TokenId> seen;
  ASSERT_TRUE(
      directory_->each_token([&](const TokenRecord& record) { seen.push_back(record.id); }));
  EXPECT_EQ(seen.size(), 250U);
  std::ranges::sort(seen);
  EXPECT_EQ(std::ranges::unique(seen).size(), 0U);
}

// A reader that fetched the old row must not put it over what a writer has published meanwhile.
TEST_F(DirectoryTest, AnUpdateThatHasReturnedIsSeenByEveryCallAfterIt) {
  reopen(1);
  TokenRecord watched = named("watched");
  const TokenRecord other = named("other");
  ASSERT_TRUE(directory_->add_token(watched));
  ASSERT_TRUE(directory_->add_token(other));
  std::atomic<int64_t> published = 0;
  std::atomic<bool> stop = false;
  std::atomic<int> stale = 0;
  const auto read = [&] {
    while (!stop) {
      const int64_t at_least = published;
      if ((*directory_->token(watched.id))->carved < Money::nano(at_least)) ++stale;
      static_cast<void>(directory_->token(other.id));  // pushes the other out of the cache
    }
  };
  std::thread one(read);
  std::thread two(read);
  for (int64_t i = 1; i <= 300; ++i) {
    watched.carved = Money::nano(i);
    EXPECT_TRUE(directory_->update_token(watched));
    published = i;
  }
  stop = true;
  one.join();
  two.join();
  EXPECT_EQ(stale, 0);
}

TEST(TokenCache, HoldsTheLastOnesAndTheirPresentNames) {
  TokenCache cache(2);
  const auto put = [&](const TokenRecord& record) {
    cache.put(std::make_shared<const TokenRecord>(record));
  };
  TokenRecord a = named("a");
  const TokenRecord b = named("b");
  put(a);
  put(b);
  a.name = "z";
  put(a);  // renamed; still the oldest
  EXPECT_FALSE(cache.find("a"));
  EXPECT_EQ(cache.find("z")->id, a.id);
  const TokenRecord heir = named("a");
  put(heir);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_FALSE(cache.find(a.id));
  EXPECT_FALSE(cache.find("z"));
  EXPECT_EQ(cache.find("a")->id, heir.id);
  EXPECT_EQ(cache.find("b")->id, b.id);
}

TEST_F(DirectoryTest, BytesThatAreNotUtf8DoNotStopARecord) {
  ASSERT_TRUE(directory_->add_token(full_record()));
  reopen();
  EXPECT_EQ(directory_->token_count(), 1U);
}

TEST_F(DirectoryTest, ATakenNameIsRefusedAndSaysByWhom) {
  const TokenRecord first = full_record();
  ASSERT_TRUE(directory_->add_token(first));
  TokenRecord second = full_record();
  const auto refused = directory_->add_token(second);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(to_string(first.id)));
  second.name = "other";
  ASSERT_TRUE(directory_->add_token(second));
  second.name = "cursor-dev";
  EXPECT_FALSE(directory_->update_token(second));
  second.name = "renamed";
  second.revoked = true;
  ASSERT_TRUE(directory_->update_token(second));
  EXPECT_FALSE(by_name("other"));
  EXPECT_TRUE(token(second.id)->revoked);
  TokenRecord unknown = full_record();
  unknown.name = "unknown";
  EXPECT_FALSE(directory_->update_token(unknown));
}

TEST_F(DirectoryTest, BudgetsComeTogetherInAnyOrderOrNotAtAll) {
  ASSERT_TRUE(directory_->put_budgets(
      {{"research", "engineering", {}, true}, {"engineering", "", {}, true}}));
  EXPECT_FALSE(
      directory_->put_budgets({{"engineering", "", {}, false}, {"lost", "nowhere", {}, true}}));
  EXPECT_FALSE(directory_->put_budgets({{"a", "b", {}, true}, {"b", "a", {}, true}}));
  EXPECT_TRUE(directory_->budget("engineering")->from_config) << "nothing of a refused set stays";
  ASSERT_TRUE(
      directory_->put_budgets({{"engineering", "research", {}, true}, {"research", "", {}, true}}))
      << "they change places, in one step";
  reopen();
  EXPECT_EQ(directory_->budgets().size(), 2U);
  EXPECT_EQ(directory_->budget("engineering")->parent, "research");
  EXPECT_EQ(directory_->budget("research")->parent, "");
}

TEST_F(DirectoryTest, ABudgetNeedsAParentAndNoCycle) {
  BudgetRecord root{"engineering", "", {}, true};
  root.limits[Window::month] = Money::credits(5000);
  ASSERT_TRUE(directory_->put_budgets({root}));
  ASSERT_TRUE(directory_->put_budgets({{"research", "engineering", {}, false}}));
  EXPECT_FALSE(directory_->put_budgets({{"lost", "nowhere", {}, false}}));
  EXPECT_FALSE(directory_->put_budgets({{"self", "self", {}, false}}));
  EXPECT_FALSE(directory_->put_budgets({{"engineering", "research", {}, false}}));
  EXPECT_FALSE(directory_->put_budgets({{"", "", {}, false}}));
  reopen();
  EXPECT_EQ(directory_->budgets().size(), 2U);
  EXPECT_EQ(directory_->budget("engineering")->limits, root.limits);
  EXPECT_TRUE(directory_->budget("engineering")->from_config);
}

TEST_F(DirectoryTest, RevokedPointsStayRevoked) {
  const auto point = account_id("point", "1");
  EXPECT_FALSE(directory_->is_revoked(point));
  ASSERT_TRUE(directory_->revoke_point(point));
  ASSERT_TRUE(directory_->revoke_point(point));
  EXPECT_TRUE(directory_->is_revoked(point));
  reopen();
  EXPECT_TRUE(directory_->is_revoked(point));
  EXPECT_FALSE(directory_->is_revoked(account_id("point", "2")));
}

TEST_F(DirectoryTest, APointIsNewOnce) {
  const TokenId token = random_id<TokenId>();
  const SeenPoint point{account_id("point", "1"), account_id("point", "0"), token, "agent",
                        "holder = agent",         Time::seconds(5)};
  EXPECT_EQ(directory_->note_point(point, 10), Noted::first);
  EXPECT_EQ(directory_->note_point(point, 10), Noted::before);
  EXPECT_EQ(directory_->points_of(token).size(), 1U);  // before it is written
  ASSERT_TRUE(directory_->write_points());
  EXPECT_EQ(directory_->points_of(token).size(), 1U);
  reopen();
  EXPECT_EQ(directory_->note_point(point, 10), Noted::before);
  const auto points = directory_->points_of(token);
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points[0].holder, "agent");
  EXPECT_EQ(points[0].caveat, "holder = agent");
  EXPECT_EQ(points[0].first_seen, Time::seconds(5));
  EXPECT_TRUE(directory_->points_of(random_id<TokenId>()).empty());
}

SeenPoint numbered_point(int number, const TokenId& token) {
  return {account_id("point", std::to_string(number)), {}, token, "", "", {}};
}

TEST_F(DirectoryTest, ATokenHasSoManyPointsAndNoMoreAlsoAfterARestart) {
  const TokenId greedy = random_id<TokenId>();
  const TokenId other = random_id<TokenId>();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(directory_->note_point(numbered_point(i, greedy), 3), Noted::first);
  }
  EXPECT_EQ(directory_->note_point(numbered_point(3, greedy), 3), Noted::full);
  ASSERT_TRUE(directory_->write_points());
  reopen();
  EXPECT_EQ(directory_->note_point(numbered_point(3, greedy), 3), Noted::full);
  EXPECT_EQ(directory_->note_point(numbered_point(2, greedy), 3), Noted::before) << "goes on";
  EXPECT_EQ(directory_->note_point(numbered_point(4, other), 3), Noted::first) << "own bound";
  EXPECT_EQ(directory_->note_point(numbered_point(3, greedy), 4), Noted::first) << "was raised";
}

TEST_F(DirectoryTest, ADatabaseOfANewerProgramIsRefused) {
  ASSERT_TRUE(shared_->database.execute("PRAGMA user_version=99"));
  const auto migrated = sqlite::migrate(shared_->database);
  ASSERT_FALSE(migrated);
  EXPECT_THAT(migrated.error().message, HasSubstr("99"));
}

}  // namespace
}  // namespace satgate::store
