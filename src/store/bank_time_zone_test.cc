// A data directory that is opened under one time zone after another, with crashes in between: what
// was used in a running window is found in it, from the books and from the journal alike.
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <vector>

#include "store/bank.h"
#include "store/bank_hooks.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

const AccountId kToken = account_id("token", "t");
constexpr auto kDay = static_cast<size_t>(Window::day);

class BankTimeZone : public testing::Test {
 protected:
  // Of a copy: what was open before is what a killed process leaves.
  void reopen(std::string_view zone, std::string_view boot_id = "boot-1") {
    dirs_.push_back(std::make_unique<TempDir>());
    if (bank_) dirs_[dirs_.size() - 2]->copy_to(*dirs_.back());
    BankHooks hooks;
    hooks.boot_id = boot_id;
    hooks.keeper_ms = 1'000'000;  // the books are as old as can be
    BankOptions options;
    options.data_dir = dirs_.back()->path();
    options.timezone = TimeZone::named(zone).value();
    auto opened = Bank::open(options, clock_, hooks);
    ASSERT_TRUE(opened) << opened.error().message;
    bank_ = std::move(*opened);
  }

  std::expected<Reservation, ReserveError> hold(int64_t credits) {
    Path path;
    PathEntry entry{kToken, AccountKind::token, {}, "token t"};
    entry.limits[Window::day] = Money::credits(10);
    EXPECT_TRUE(path.add(entry));
    while (true) {
      auto held = bank_->reserve(path, Money::credits(credits), clock_.now());
      const auto* shortage = held ? nullptr : std::get_if<ledger::LeaseShortage>(&held.error());
      if (shortage == nullptr) return held;
      std::promise<bool> granted;
      bank_->extend_leases(*shortage, [&](bool done) { granted.set_value(done); });
      EXPECT_TRUE(granted.get_future().get());
    }
  }
  void spend(int64_t credits) {
    auto held = hold(credits);
    ASSERT_TRUE(held);
    AuditEvent event;
    event.time = clock_.now();
    event.subject = "t";
    ASSERT_TRUE(bank_->settle(std::move(*held), Money::credits(credits), event));
  }
  void expect_used_until(int64_t credits, std::string_view end) {
    EXPECT_EQ(bank_->balance(kToken, clock_.now()).window_spent[kDay], Money::credits(credits));
    const auto refused = hold(11 - credits);
    ASSERT_FALSE(refused);
    const auto* misfit = std::get_if<ledger::Misfit>(&refused.error());
    ASSERT_NE(misfit, nullptr);
    EXPECT_EQ(format_rfc3339(misfit->resets_at.value_or(Time())), end);
    const Time midnight = *parse_time(end);
    EXPECT_EQ(bank_->balance(kToken, midnight).window_spent[kDay], Money());
    EXPECT_EQ(bank_->balance(kToken, Time{midnight.unix_ns - 1}).window_spent[kDay],
              Money::credits(credits));
  }

  ManualClock clock_{*parse_time("2026-04-09T12:00:00Z")};
  std::vector<std::unique_ptr<TempDir>> dirs_;
  std::unique_ptr<Bank> bank_;
};

TEST_F(BankTimeZone, AChangeAfterACrashKeepsWhatWasSpentAndHeld) {
  reopen("UTC");
  spend(3);
  ASSERT_TRUE(hold(4));  // its call is cut: charged
  reopen("Europe/Berlin");
  EXPECT_EQ(bank_->recovery().holds_charged, 1U);
  expect_used_until(7, "2026-04-10T22:00:00Z");
  // At once, and from a journal that has not been booked: where it was moved to is in there.
  reopen("Europe/Berlin");
  expect_used_until(7, "2026-04-10T22:00:00Z");
  clock_.set(*parse_time("2026-04-10T21:00:00Z"));
  spend(2);
  reopen("Europe/Berlin");
  expect_used_until(9, "2026-04-10T22:00:00Z");
  reopen("Asia/Kathmandu");
  expect_used_until(9, "2026-04-11T18:15:00Z");
  bank_->flush_books();
  reopen("UTC");
  expect_used_until(9, "2026-04-12T00:00:00Z");
  clock_.set(*parse_time("2026-04-12T00:00:00Z"));
  spend(10);
  reopen("UTC");
  expect_used_until(10, "2026-04-13T00:00:00Z");
}

TEST_F(BankTimeZone, WhatAPowerFailureCostIsInTheWindowOfItsZoneUnderEveryOther) {
  reopen("Asia/Kathmandu");
  spend(2);
  reopen("Asia/Kathmandu", "boot-2");
  ASSERT_EQ(bank_->recovery().leases_written_off, 1U);
  const Money used = bank_->balance(kToken, clock_.now()).window_spent[kDay];
  ASSERT_GT(used, Money::credits(2));
  for (const char* zone : {"UTC", "Pacific/Apia", "Europe/Berlin"}) {
    reopen(zone, "boot-2");
    EXPECT_EQ(bank_->balance(kToken, clock_.now()).window_spent[kDay], used) << zone;
    EXPECT_EQ(bank_->balance(kToken, *parse_time("2026-04-09T18:14:59Z")).window_spent[kDay], used);
  }
}

}  // namespace
}  // namespace satgate::store
