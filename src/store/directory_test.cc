#include "store/directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

  void reopen() {
    directory_.reset();
    shared_.reset();
    auto database = sqlite::Database::open(dir_.path() / "satgate.db");
    ASSERT_TRUE(database) << database.error().message;
    ASSERT_TRUE(sqlite::migrate(*database));
    shared_ = std::make_unique<SharedDatabase>(std::move(*database));
    auto directory = SqliteDirectory::open(*shared_);
    ASSERT_TRUE(directory) << directory.error().message;
    directory_ = std::move(*directory);
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
  record.override_limits->limits[Window::hour] = Money::nano(7);
  record.budget = "research";
  record.labels = {{"team", "core"}, {"project", "p\"\xff"}};
  record.alert_threshold = Money::nano(800'000'000);
  record.caveats = {"tools = a, b.*"};
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
  const auto found = directory_->token_by_name("cursor-dev");
  ASSERT_TRUE(found);
  EXPECT_EQ(to_json(*found), to_json(record));
  EXPECT_EQ(found->id, record.id);
  EXPECT_EQ(found->override_limits->limits[Window::hour], Money::nano(7));
  EXPECT_EQ(found->parent, record.parent);
  EXPECT_EQ(directory_->tokens().size(), 1U);
}

TEST_F(DirectoryTest, BytesThatAreNotUtf8DoNotStopARecord) {
  ASSERT_TRUE(directory_->add_token(full_record()));
  reopen();
  EXPECT_EQ(directory_->tokens().size(), 1U);
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
  EXPECT_FALSE(directory_->token_by_name("other"));
  EXPECT_TRUE(directory_->token(second.id)->revoked);
  TokenRecord unknown = full_record();
  unknown.name = "unknown";
  EXPECT_FALSE(directory_->update_token(unknown));
}

TEST_F(DirectoryTest, ABudgetNeedsAParentAndNoCycle) {
  BudgetRecord root{"engineering", "", {}, true};
  root.limits[Window::month] = Money::credits(5000);
  ASSERT_TRUE(directory_->put_budget(root));
  ASSERT_TRUE(directory_->put_budget({"research", "engineering", {}, false}));
  EXPECT_FALSE(directory_->put_budget({"lost", "nowhere", {}, false}));
  EXPECT_FALSE(directory_->put_budget({"self", "self", {}, false}));
  EXPECT_FALSE(directory_->put_budget({"engineering", "research", {}, false}));
  EXPECT_FALSE(directory_->put_budget({"", "", {}, false}));
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
  EXPECT_TRUE(directory_->note_point(point));
  EXPECT_FALSE(directory_->note_point(point));
  EXPECT_EQ(directory_->points_of(token).size(), 1U);  // before it is written
  ASSERT_TRUE(directory_->write_points());
  EXPECT_EQ(directory_->points_of(token).size(), 1U);
  reopen();
  EXPECT_FALSE(directory_->note_point(point));
  const auto points = directory_->points_of(token);
  ASSERT_EQ(points.size(), 1U);
  EXPECT_EQ(points[0].holder, "agent");
  EXPECT_EQ(points[0].caveat, "holder = agent");
  EXPECT_EQ(points[0].first_seen, Time::seconds(5));
  EXPECT_TRUE(directory_->points_of(random_id<TokenId>()).empty());
}

TEST_F(DirectoryTest, NotedPointsAreBounded) {
  int noted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const SeenPoint point{account_id("point", std::to_string(i)), {}, {}, "", "", {}};
    if (directory_->note_point(point)) ++noted;
  }
  EXPECT_EQ(noted, 10'000);
  ASSERT_TRUE(directory_->write_points());
  EXPECT_TRUE(directory_->note_point({account_id("point", "15000"), {}, {}, "", "", {}}));
}

TEST_F(DirectoryTest, ADatabaseOfANewerProgramIsRefused) {
  ASSERT_TRUE(shared_->database.execute("PRAGMA user_version=99"));
  const auto migrated = sqlite::migrate(shared_->database);
  ASSERT_FALSE(migrated);
  EXPECT_THAT(migrated.error().message, HasSubstr("99"));
}

}  // namespace
}  // namespace satgate::store
