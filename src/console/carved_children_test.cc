// What a carve moved out of a parent comes back when the child has ended, and at no other time.
#include "console/carved_children.h"

#include <gtest/gtest.h>

#include <memory>

#include "base/time.h"
#include "store/sqlite/database.h"
#include "store/store_test_support.h"

namespace satgate::console {
namespace {

const Time kStart = *parse_time("2026-04-09T18:00:00Z");
constexpr int64_t kDay = 86'400;

class CarvedChildrenTest : public testing::Test {
 protected:
  CarvedChildrenTest() : clock_(kStart) {
    open();
    root_.id = random_id<TokenId>();
    root_.name = "root";
    root_.limits[Window::lifetime] = Money::credits(10);
    child_.id = random_id<TokenId>();
    child_.name = "child";
    child_.parent = root_.id;
    child_.carved_account = account_id("lineage", "child");
    child_.carved = Money::credits(4);
    child_.expires = Time::seconds(kStart.unix_seconds() + kDay);
    EXPECT_TRUE(bank_->directory().add_token(root_));
    EXPECT_TRUE(bank_->directory().add_token(child_));
    Path path;
    EXPECT_TRUE(path.add({token_account(root_.id), AccountKind::token, root_.limits, "root"}));
    EXPECT_TRUE(bank_->carve(path, *child_.carved_account, child_.carved, kStart));
  }

  void open() {
    bank_.reset();
    auto bank = store::Bank::open({.data_dir = dir_.path() / "data"}, clock_);
    ASSERT_TRUE(bank) << bank.error().message;
    bank_ = std::move(*bank);
  }

  // Behind the gateway's back, as a bad disk does it; nothing of it is in memory.
  void spoil_record(std::string_view name) {
    open();
    auto database = store::sqlite::Database::open(bank_->database_path());
    ASSERT_TRUE(database) << database.error().message;
    auto spoiled = database->prepare("UPDATE tokens SET record = '{' WHERE name = ?");
    ASSERT_TRUE(spoiled && spoiled->bind(1, name).run());
  }

  Money set_aside() const { return bank_->balance(token_account(root_.id), kStart).carved; }

  store::TempDir dir_;
  ManualClock clock_;
  std::unique_ptr<store::Bank> bank_;
  TokenRecord root_, child_;
};

TEST_F(CarvedChildrenTest, ItComesBackAtTheEndOfTheChildAlsoOverARestart) {
  open();
  CarvedChildren children(*bank_);
  ASSERT_TRUE(children.load(kStart));
  EXPECT_EQ(set_aside(), child_.carved);
  children.return_ended(*child_.expires);
  EXPECT_EQ(set_aside(), Money());
}

// Taken for a carve that no token claims, it would be given back while the child still spends it.
TEST_F(CarvedChildrenTest, AChildThatCanNotBeReadStopsTheStartAndKeepsItsMoney) {
  spoil_record("child");
  CarvedChildren children(*bank_);
  EXPECT_FALSE(children.load(kStart));
  EXPECT_EQ(set_aside(), child_.carved);
}

TEST_F(CarvedChildrenTest, WhatCanNotBeReadHasNotEnded) {
  for (const char* name : {"child", "root"}) {
    spoil_record(name);
    CarvedChildren children(*bank_);
    TokenChain chain;
    chain.points = {AccountId{child_.id.bytes}};
    children.add(child_, chain);
    children.return_ended(kStart);
    EXPECT_EQ(set_aside(), child_.carved) << name;
  }
}

}  // namespace
}  // namespace satgate::console
