#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <future>
#include <random>

#include "report/audit_export.h"
#include "report/audit_search.h"
#include "report/audit_verify.h"
#include "report/spend.h"
#include "store/bank.h"
#include "store/bank_hooks.h"
#include "store/data_dir.h"
#include "store/journal_reader.h"
#include "store/record.h"
#include "store/store_test_support.h"

namespace satgate::report {
namespace {

using store::Bank;
using store::slurp;
using store::spill;
using store::TempDir;
using testing::HasSubstr;

const Time kStart = *parse_time("2026-04-09T18:00:00Z");

class ReportTest : public testing::Test {
 protected:
  ReportTest() : clock_(kStart), data_(dir_.path() / "data") { reopen(); }

  void reopen(int64_t keeper_ms = store::BankHooks().keeper_ms) {
    bank_.reset();
    store::BankOptions options;
    options.data_dir = data_;
    store::BankHooks hooks;
    hooks.segment_bytes = 64 * 1024;
    hooks.keeper_ms = keeper_ms;
    auto bank = Bank::open(options, clock_, hooks);
    ASSERT_TRUE(bank) << bank.error().message;
    bank_ = std::move(*bank);
  }

  struct Sample {
    std::string_view subject = "cursor-dev";
    std::string_view holder = {};
    std::string_view team = {};
    std::string_view tool = {};
    Money cost = {};
    Decision decision = Decision::allow;
    Time at = kStart;
  };

  void call(const Sample& sample) {
    AuditEvent event;
    event.time = sample.at;
    event.subject = sample.subject;
    if (!sample.holder.empty()) event.holders = {"lead", sample.holder};
    if (!sample.team.empty()) event.labels = {{"team", sample.team}};
    event.decision = sample.decision;
    event.call.emplace();
    event.call->id = random_id<RequestId>();
    last_request_ = to_string(event.call->id);
    event.call->tool = sample.tool;
    if (sample.decision != Decision::allow) {
      event.refusal = Refusal::budget_exhausted;
      if (sample.decision == Decision::would_deny) event.cost = sample.cost;
      ASSERT_TRUE(bank_->record(event));
      return;
    }
    auto held = bank_->reserve({}, sample.cost, sample.at);
    ASSERT_TRUE(held);
    ASSERT_TRUE(bank_->settle(std::move(*held), sample.cost, event));
  }

  SpendReport spend_by(SpendBy by, std::optional<Time> since = {}, std::optional<Time> until = {}) {
    bank_->flush_books();
    auto report = spend(data_ / "satgate.db", {by, since, until});
    EXPECT_TRUE(report) << report.error().message;
    return report.value_or(SpendReport());
  }

  std::string exported(const ExportRange& range = {}) {
    std::string text;
    const auto summary = export_events(data_, range, [&](std::string_view lines) -> Result<void> {
      text += lines;
      return {};
    });
    EXPECT_TRUE(summary) << summary.error().message;
    return text;
  }

  ManualClock clock_;
  TempDir dir_;
  std::filesystem::path data_;
  std::unique_ptr<Bank> bank_;
  std::string last_request_;
};

struct Written {
  uint64_t seq;
  std::string_view subject;
  Time at;
};

std::vector<uint64_t> matching(const std::vector<Written>& all, const EventFilter& filter) {
  std::vector<uint64_t> numbers;
  for (const Written& one : all) {
    if (one.seq <= filter.after_seq) continue;
    if (!filter.subject.empty() && one.subject != filter.subject) continue;
    if (filter.since && one.at < *filter.since) continue;
    if (filter.until && one.at >= *filter.until) continue;
    numbers.push_back(one.seq);
  }
  if (numbers.size() > filter.limit) {
    numbers.erase(numbers.begin(), numbers.end() - static_cast<ptrdiff_t>(filter.limit));
  }
  return numbers;
}

// Against a walk over all that was written: neither segments nor the index of the journal show.
TEST_F(ReportTest, ASearchOverManySegmentsFindsWhatAWalkOverAllFinds) {
  constexpr int64_t kEvents = 9'000;  // so that the index gets two rows
  const auto after_start = [](int64_t s) { return Time{kStart.unix_ns + s * kNanoPerSecond}; };
  std::vector<Written> all;
  for (int64_t i = 0; i < kEvents; ++i) {
    // The clock steps back now and then: what is found by time is not what stands behind a place.
    const Time at = after_start(i % 97 == 96 ? i / 2 : i);
    clock_.set(at);
    const std::string_view subject = i % 1500 == 5 ? "night" : i % 7 == 0 ? "ci" : "cursor-dev";
    call({.subject = subject, .tool = "search", .cost = Money::credits(1), .at = at});
    all.push_back({static_cast<uint64_t>(i) + 1, subject, at});
    if (i % 300 == 0) bank_->flush_books();
  }
  bank_->flush_books();
  ASSERT_GT(store::list_segment_headers(data_ / "journal")->size(), 40U);

  std::mt19937_64 random(7);
  const auto any_of = [&](auto... choices) {
    const std::array all_choices = {choices...};
    return all_choices[random() % all_choices.size()];
  };
  for (int round = 0; round < 240; ++round) {
    EventFilter filter;
    filter.subject = any_of("", "", "cursor-dev", "ci", "night", "nobody");
    if (random() % 2 == 0) filter.since = after_start(any_of(0, 100, 4200, 5000, 8900, 20'000));
    if (random() % 3 == 0) filter.until = after_start(any_of(0, 10, 4500, 9000));
    if (random() % 2 == 0) filter.after_seq = static_cast<uint64_t>(any_of(1, 4500, 8300, 20'000));
    filter.limit = static_cast<uint64_t>(any_of(1, 100, 20'000));
    const auto found = search_events(data_ / "satgate.db", filter);
    ASSERT_TRUE(found) << found.error().message;
    std::vector<uint64_t> numbers;
    for (const FoundEvent& event : *found)
      numbers.push_back(event.seq);
    ASSERT_EQ(numbers, matching(all, filter)) << "round " << round;
  }
}

TEST_F(ReportTest, SpendAddsUpByEveryDimension) {
  call({.holder = "agent", .team = "core", .tool = "search", .cost = Money::credits(3)});
  call({.holder = "agent", .team = "core", .tool = "fetch", .cost = Money::nano(1)});
  call({.subject = "ci", .team = "infra", .tool = "search", .cost = Money::credits(5)});
  call({.subject = "ci", .team = "infra", .tool = "search", .decision = Decision::deny});
  call({.tool = "search", .cost = Money::credits(1), .decision = Decision::would_deny});
  const SpendReport by_team = spend_by(SpendBy::team);
  ASSERT_EQ(by_team.rows.size(), 3U);
  EXPECT_EQ(by_team.rows[0].name, "infra");
  EXPECT_EQ(by_team.rows[0].spent, Money::credits(5));
  EXPECT_EQ(by_team.rows[0].calls, 2U);
  EXPECT_EQ(by_team.rows[0].denied, 1U);
  EXPECT_EQ(by_team.rows[1].name, "core");
  EXPECT_EQ(by_team.rows[1].spent, Money::nano(3'000'000'001));
  EXPECT_EQ(by_team.rows[2].name, "");
  EXPECT_EQ(by_team.rows[2].would_deny, 1U);
  EXPECT_EQ(by_team.total.calls, 5U);
  EXPECT_EQ(by_team.total.allowed, 3U);
  for (const SpendBy by :
       {SpendBy::team, SpendBy::agent, SpendBy::tool, SpendBy::model, SpendBy::endpoint,
        SpendBy::workflow, SpendBy::upstream, SpendBy::project, SpendBy::environment}) {
    EXPECT_EQ(spend_by(by).total.spent, Money::nano(9'000'000'001)) << to_string(by);
    EXPECT_EQ(parse_spend_by(to_string(by)), by);
  }
  EXPECT_FALSE(parse_spend_by("cost"));
  const SpendReport by_agent = spend_by(SpendBy::agent);
  EXPECT_EQ(by_agent.rows[0].name, "ci");
  EXPECT_EQ(by_agent.rows[1].name, "agent");
  EXPECT_EQ(by_agent.rows[2].name, "cursor-dev");
}

TEST_F(ReportTest, SinceIsIncludedAndUntilIsNot) {
  for (int second = 0; second < 4; ++second)
    call({.cost = Money::credits(1), .at = Time::seconds(kStart.unix_seconds() + second)});
  const auto at = [](int64_t second) { return Time::seconds(kStart.unix_seconds() + second); };
  EXPECT_EQ(spend_by(SpendBy::team, at(1), at(3)).total.calls, 2U);
  EXPECT_EQ(spend_by(SpendBy::team, at(3)).total.calls, 1U);
  EXPECT_EQ(spend_by(SpendBy::team, {}, at(0)).total.calls, 0U);
}

TEST_F(ReportTest, SearchFindsByEveryFilterAndWorksOnAStoppedGateway) {
  call({.subject = "a", .tool = "search", .cost = Money::credits(1)});
  call({.subject = "b", .tool = "fetch", .decision = Decision::deny});
  call({.subject = "b'; DROP TABLE events; --", .tool = "fetch", .cost = Money::credits(2)});
  const std::string request = last_request_;
  bank_.reset();
  const auto find = [&](const EventFilter& filter) {
    const auto found = search_events(data_ / "satgate.db", filter);
    EXPECT_TRUE(found) << found.error().message;
    return found.value_or(std::vector<FoundEvent>());
  };
  EXPECT_EQ(find({}).size(), 3U);
  EXPECT_EQ(find({.subject = "b"}).size(), 1U);
  EXPECT_EQ(find({.subject = "b'; DROP TABLE events; --"}).size(), 1U);
  EXPECT_EQ(find({.tool = "fetch"}).size(), 2U);
  EXPECT_EQ(find({.decision = "deny"}).size(), 1U);
  EXPECT_EQ(find({.code = "budget_exhausted"}).size(), 1U);
  EXPECT_EQ(find({.kind = "mint"}).size(), 0U);
  EXPECT_EQ(find({.after_seq = 2}).size(), 1U);
  ASSERT_EQ(find({.request_id = request}).size(), 1U);
  EXPECT_THAT(find({.request_id = request})[0].json, HasSubstr(request));
  const auto newest = find({.limit = 2});
  ASSERT_EQ(newest.size(), 2U);
  EXPECT_EQ(newest[0].seq, 2U);
  EXPECT_EQ(newest[1].seq, 3U);
  EXPECT_EQ(spend(data_ / "satgate.db", {})->total.calls, 3U);
}

// Nothing was held for it, so no account says what it cost: the event does, also after a crash.
TEST_F(ReportTest, WhatObserveLetPassIsSpentAlsoWhenAKillComesBeforeTheBooks) {
  reopen(60'000);  // the books are of the start
  call({.team = "cost", .tool = "search", .cost = Money::credits(2)});
  for (const Money cost : {Money::nano(1), Money::credits(40'000'000) + Money::nano(7)})
    call({.tool = "search", .cost = cost, .decision = Decision::would_deny});
  call({.tool = "search", .cost = Money::credits(5), .decision = Decision::deny});
  const Money all = Money::credits(40'000'002) + Money::nano(8);
  TempDir killed;
  dir_.copy_to(killed);
  EXPECT_EQ(spend_by(SpendBy::tool).total.spent, all);
  bank_.reset();
  killed.copy_to(dir_);
  reopen();
  EXPECT_EQ(spend_by(SpendBy::tool).total.spent, all);
}

TEST_F(ReportTest, TheJournalProvesItselfAndItsExport) {
  for (int i = 0; i < 300; ++i)
    call({.tool = "search", .cost = Money::credits(1)});
  reopen();  // signs, and goes on in the same journal
  call({.tool = "fetch", .cost = Money::credits(1)});
  const auto key = read_public_key(store::public_key_path(data_));
  ASSERT_TRUE(key);
  auto verdict = verify_journal(data_, *key);  // beside the running gateway
  ASSERT_TRUE(verdict);
  EXPECT_TRUE(verdict->ok) << verdict->problem;
  EXPECT_EQ(verdict->signed_seq, 300U);
  bank_.reset();
  verdict = verify_journal(data_, *key);
  EXPECT_TRUE(verdict->ok) << verdict->problem;
  EXPECT_EQ(verdict->events, 301U);
  EXPECT_EQ(verdict->signed_seq, 301U);
  EXPECT_EQ(verdict->checkpoints, 2U);
  EXPECT_EQ(verdict->torn_bytes, 0U);

  const std::string text = exported();
  const auto file = dir_.path() / "export.ndjson";
  spill(file, text);
  const auto proof = verify_export(file, *key, 301);
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->ok) << proof->problem;
  EXPECT_EQ(proof->signed_seq, 301U);
  std::string changed = text;
  changed.replace(changed.find("\"cost\":1"), 8, "\"cost\":0");
  spill(file, changed);
  EXPECT_FALSE(verify_export(file, *key)->ok);
  spill(file, exported({100, 200}));
  EXPECT_EQ(verify_export(file, *key)->first_seq, 100U);
  EXPECT_EQ(verify_export(file, *key)->last_seq, 200U);

  const auto other = audit::SigningKey::generate().public_key();
  EXPECT_FALSE(verify_journal(data_, other)->ok);
}

TEST_F(ReportTest, AnEditedJournalIsFoundEvenWithItsChecksumsRedone) {
  for (int i = 0; i < 20; ++i)
    call({.tool = "search", .cost = Money::credits(1)});
  bank_.reset();
  const auto file = data_ / "journal" / store::segment_name(1);
  const std::string bytes = slurp(file);
  // Write all records again, one event's cost changed, with right checksums.
  std::string forged = bytes.substr(0, store::kSegmentHeaderBytes);
  std::string_view rest = std::string_view(bytes).substr(store::kSegmentHeaderBytes);
  store::RecordView record;
  bool changed = false;
  while (store::read_record(rest, record) == store::FrameState::whole) {
    std::string payload(record.payload);
    if (const size_t at = payload.find("\"cost\":1"); !changed && at != std::string::npos) {
      payload[at + 7] = '0';
      changed = true;
    }
    store::append_record(forged, record.type, record.seq, record.durable_seq, payload, {});
    rest.remove_prefix(record.size());
  }
  ASSERT_TRUE(changed);
  spill(file, forged);
  const auto key = read_public_key(store::public_key_path(data_));
  const auto verdict = verify_journal(data_, *key);
  ASSERT_TRUE(verdict);
  EXPECT_FALSE(verdict->ok);
  EXPECT_THAT(verdict->problem, HasSubstr("checkpoint"));
}

TEST_F(ReportTest, AMissingDatabaseIsAnError) {
  EXPECT_FALSE(spend(dir_.path() / "nowhere.db", {}));
  EXPECT_FALSE(search_events(dir_.path() / "nowhere.db", {}));
  EXPECT_FALSE(verify_journal(dir_.path() / "nowhere", audit::SigningKey::generate().public_key()));
}

}  // namespace
}  // namespace satgate::report
