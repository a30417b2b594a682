// A database of an older version must open with nothing lost.
#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include <optional>
#include <string_view>

#include "store/sqlite/database.h"
#include "store/store_test_support.h"

namespace satgate::store::sqlite {
namespace {

// What version 1 made, as far as later versions touch it.
constexpr const char* kFirstVersion = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE tokens (id BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
CREATE TABLE accounts (
  account BLOB PRIMARY KEY, kind INTEGER NOT NULL, spent INTEGER NOT NULL,
  minute INTEGER NOT NULL, minute_spent INTEGER NOT NULL, hour INTEGER NOT NULL,
  hour_spent INTEGER NOT NULL, day INTEGER NOT NULL, day_spent INTEGER NOT NULL,
  month INTEGER NOT NULL, month_spent INTEGER NOT NULL,
  blocked INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE events (
  seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL, subject TEXT, token TEXT,
  holder TEXT, upstream TEXT, tool TEXT, endpoint TEXT, model TEXT, decision TEXT, code TEXT,
  cost INTEGER, team TEXT, project TEXT, environment TEXT, workflow TEXT, budget TEXT,
  request_id TEXT, json TEXT NOT NULL) STRICT;
CREATE INDEX events_by_time ON events (time);
PRAGMA user_version=1;
)sql";

constexpr const char* kContent = R"sql(
INSERT INTO tokens VALUES (x'01', 'root', '{"name":"root"}');
INSERT INTO tokens VALUES (x'02', 'carved', '{"name":"carved","carved_account":"00ff"}');
INSERT INTO accounts VALUES (x'0a', 0, 70, 5, 1, 6, 2, 7, 3, 8, 4, 1);
INSERT INTO events VALUES (1, 1000000000, 'call', 'a', NULL, NULL, NULL, 'search', NULL, NULL,
  'allow', NULL, 5, 'core', NULL, NULL, NULL, NULL, 'r1', '{}');
INSERT INTO events VALUES (2, 1999999999, 'call', 'a', NULL, NULL, NULL, 'search', NULL, NULL,
  'allow', NULL, 7, 'core', NULL, NULL, NULL, NULL, 'r2', '{}');
INSERT INTO events VALUES (3, 2000000000, 'call', 'a', NULL, NULL, NULL, 'search', NULL, NULL,
  'deny', 'budget_exhausted', NULL, 'core', NULL, NULL, NULL, NULL, 'r3', '{}');
INSERT INTO events VALUES (4, 2000000000, 'mint', NULL, NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{}');
)sql";

class Migration : public testing::Test {
 protected:
  Migration() {
    auto opened = Database::open(dir_.path() / "satgate.db");
    EXPECT_TRUE(opened) << opened.error().message;
    database_.emplace(std::move(*opened));
    for (const char* sql : {kFirstVersion, kContent}) {
      const auto done = database_->execute(sql);
      EXPECT_TRUE(done) << done.error().message;
    }
  }

  int64_t number(std::string_view sql) {
    const auto found = database_->query_integer(sql);
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(-1);
  }

  TempDir dir_;
  std::optional<Database> database_;
};

TEST_F(Migration, OfTheFirstVersionLosesNothing) {
  const auto migrated = migrate(*database_);
  ASSERT_TRUE(migrated) << migrated.error().message;
  // Events are summed by the second and by what they have in common.
  EXPECT_EQ(number("SELECT count(*) FROM spend"), 3);
  EXPECT_EQ(number("SELECT sum(events) FROM spend"), 4);
  EXPECT_EQ(number("SELECT spent FROM spend JOIN spend_keys ON id = key WHERE second = 1 "
                   "AND subject = 'a' AND tool = 'search' AND team = 'core' AND holder = ''"),
            12);
  EXPECT_EQ(number("SELECT events FROM spend JOIN spend_keys ON id = key WHERE second = 2 "
                   "AND code = 'budget_exhausted' AND decision = 'deny'"),
            1);
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_schema WHERE name = 'events'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM tokens WHERE carved_account = '00ff'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM tokens WHERE carved_account IS NULL"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM accounts WHERE spent = 70 AND minute = 5 AND "
                   "minute_spent = 1 AND day_spent = 3 AND month_spent = 4 AND blocked = 1 AND "
                   "second = 300 AND second_spent = 0"),
            1);
}

TEST_F(Migration, TwiceChangesNothing) {
  ASSERT_TRUE(migrate(*database_));
  const int64_t version = number("PRAGMA user_version");
  ASSERT_TRUE(migrate(*database_));
  EXPECT_EQ(number("PRAGMA user_version"), version);
  EXPECT_EQ(number("SELECT sum(events) FROM spend"), 4);
}

}  // namespace
}  // namespace satgate::store::sqlite
