// A database of an older version must open with nothing lost.
#include "store/sqlite/schema.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string_view>

#include "store/books.h"
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
INSERT INTO tokens VALUES (x'03', 'paid-0a', '{"name":"p","sale":{"payment_hash":"0aff"}}');
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

// The other tables of version 1 that are loaded at a start.
constexpr const char* kLaterUsed = R"sql(
CREATE TABLE holds (reservation INTEGER PRIMARY KEY, record BLOB NOT NULL) STRICT;
)sql";

int64_t months_since_1970(Time t) {
  using namespace std::chrono;
  const year_month_day date{floor<days>(sys_seconds(seconds(t.unix_seconds())))};
  return (static_cast<int>(date.year()) - 1970) * int64_t{12} +
         static_cast<unsigned>(date.month()) - 1;
}

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
  EXPECT_EQ(number("SELECT count(*) FROM spend_keys WHERE route = ''"), 3);
  EXPECT_EQ(number("SELECT count(*) FROM tokens WHERE carved_account = '00ff'"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM tokens WHERE carved_account IS NULL"), 2);
  EXPECT_EQ(number("SELECT count(*) FROM tokens WHERE sale_payment = '0aff'"), 1);
  // A window was numbered and is named by its end; it is the same window.
  EXPECT_EQ(number("SELECT count(*) FROM accounts WHERE spent = 70 AND minute_end = 360 AND "
                   "minute_spent = 1 AND hour_end = 25200 AND hour_spent = 2 AND "
                   "day_end = 691200 AND day_spent = 3 AND month_end = 23587200 AND "
                   "month_spent = 4 AND blocked = 1 AND second_end = 301 AND second_spent = 0"),
            1);
}

TEST_F(Migration, AWindowKeepsWhatWasSpentInItUntilItEnds) {
  for (const std::string_view when : {"2026-04-09T18:30:59Z", "2026-12-31T23:59:59Z",
                                      "2028-02-29T12:00:00Z", "2000-01-01T00:00:00Z"}) {
    const Time at = *parse_time(when);
    const int64_t second = at.unix_seconds();
    TempDir dir;
    auto database = Database::open(dir.path() / "satgate.db");
    ASSERT_TRUE(database && database->execute(kFirstVersion));
    ASSERT_TRUE(database->execute(kLaterUsed));
    const AccountId id = account_id("token", "t");
    auto put =
        database->prepare("INSERT INTO accounts VALUES (?, 0, 50, ?, 1, ?, 2, ?, 3, ?, 4, 0)");
    put->bind_blob(1, id.view()).bind(2, second / 60).bind(3, second / 3600);
    ASSERT_TRUE(put->bind(4, second / 86400).bind(5, months_since_1970(at)).run());
    ASSERT_TRUE(migrate(*database));

    ledger::Ledger ledger;
    const auto loaded = load_books(*database, ledger);
    ASSERT_TRUE(loaded) << loaded.error().message;
    for (size_t w = 1; w < ledger::kCalendarWindows; ++w) {
      const Time next = Time::seconds(window_span(kAllWindows[w], at).end);
      const Time last{next.unix_ns - 1};
      EXPECT_EQ(ledger.balance(id, last).window_spent[w], Money::nano(static_cast<int64_t>(w)));
      EXPECT_EQ(ledger.balance(id, next).window_spent[w], Money()) << when;
    }
    EXPECT_TRUE(ledger.move_windows().empty()) << "they are windows of UTC already";
  }
}

TEST_F(Migration, OneThatFailsLeavesEverythingAsItWas) {
  ASSERT_TRUE(database_->execute("UPDATE tokens SET record = 'no JSON' WHERE name = 'root'"));
  ASSERT_FALSE(migrate(*database_));
  EXPECT_EQ(number("PRAGMA user_version"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM events"), 4);
  EXPECT_EQ(number("SELECT minute FROM accounts"), 5);
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
