#include <gtest/gtest.h>

#include <map>
#include <set>
#include <utility>

#include "contract/path.h"
#include "contract/records.h"
#include "contract/refusal.h"
#include "contract/spend_limits.h"

namespace satgate {
namespace {

TEST(Refusal, EveryCodeIsOneWordAndStable) {
  std::set<std::string_view> codes;
  std::set<int> statuses;
  int expected = 1;
  for (const Refusal refusal : kAllRefusals) {
    EXPECT_EQ(static_cast<int>(refusal), expected++) << code(refusal);
    EXPECT_TRUE(codes.insert(code(refusal)).second) << code(refusal);
    statuses.insert(http_status(refusal));
  }
  EXPECT_EQ(statuses, (std::set<int>{401, 402, 403, 404, 429, 503}));
}

// CONTRACT.md, "Denials": what clients have been told; a change here breaks them.
TEST(Refusal, StatusesAreThoseOfTheContract) {
  constexpr std::pair<std::string_view, int> kContract[] = {
      {"token_missing", 401},       {"token_malformed", 401},   {"token_invalid", 401},
      {"token_revoked", 401},       {"token_expired", 401},     {"audience_denied", 403},
      {"depth_exceeded", 403},      {"endpoint_denied", 403},   {"tool_denied", 403},
      {"model_denied", 403},        {"approval_required", 403}, {"approval_denied", 403},
      {"account_blocked", 403},     {"price_unknown", 503},     {"ledger_unavailable", 503},
      {"rate_limited", 429},        {"budget_exhausted", 402},  {"request_exceeds_budget", 402},
      {"budget_in_flight", 402},    {"budget_exceeded", 402},   {"payment_required", 402},
      {"loop_detected", 429},       {"answer_unknown", 404},    {"answer_denied", 403},
      {"payment_unavailable", 503},
  };
  std::map<std::string_view, int> actual;
  for (const Refusal refusal : kAllRefusals)
    actual[code(refusal)] = http_status(refusal);
  EXPECT_EQ(actual, (std::map<std::string_view, int>(std::begin(kContract), std::end(kContract))));
}

TEST(Windows, StartAndEndOnTheCalendar) {
  const Time t = *parse_time("2026-12-31T23:59:59Z");
  const auto end = [](Window w, Time at) { return Time::seconds(window_span(w, at).end); };
  EXPECT_EQ(format_rfc3339(end(Window::minute, t)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(end(Window::hour, t)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(end(Window::day, t)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(end(Window::month, t)), "2027-01-01T00:00:00Z");
  EXPECT_EQ(window_span(Window::lifetime, t), (Span{INT64_MIN, INT64_MAX}));
  for (const Window w :
       {Window::second, Window::minute, Window::hour, Window::day, Window::month}) {
    const Time next = end(w, t);
    EXPECT_EQ(window_span(w, next).begin, next.unix_seconds());
    EXPECT_EQ(window_span(w, Time{next.unix_ns - 1}), window_span(w, t));
  }
  EXPECT_EQ(format_rfc3339(end(Window::month, *parse_time("2028-02-29"))), "2028-03-01T00:00:00Z");
}

TEST(Records, AnOverrideEndsByItself) {
  TokenRecord record;
  record.limits[Window::day] = Money::credits(10);
  record.limits[Window::hour] = Money::credits(5);
  record.override_limits = LimitOverride{{}, Time::seconds(100)};
  record.override_limits->change.limits[Window::day] = Money::credits(1000);
  EXPECT_EQ(effective_limits(record, Time::seconds(99))[Window::day], Money::credits(1000));
  EXPECT_EQ(effective_limits(record, Time::seconds(99))[Window::hour], Money::credits(5));
  EXPECT_EQ(effective_limits(record, Time::seconds(100))[Window::day], Money::credits(10));
}

TEST(Records, AnOverrideMayLiftALimitForAWhile) {
  TokenRecord record;
  record.limits[Window::day] = Money::credits(10);
  record.limits[Window::hour] = Money::credits(5);
  LimitChange change;
  EXPECT_FALSE(change.any());
  change.lifted[static_cast<size_t>(Window::day)] = true;
  EXPECT_TRUE(change.any());
  record.override_limits = LimitOverride{change, Time::seconds(100)};
  EXPECT_FALSE(effective_limits(record, Time::seconds(99)).limits(Window::day));
  EXPECT_EQ(effective_limits(record, Time::seconds(99))[Window::hour], Money::credits(5));
  EXPECT_EQ(effective_limits(record, Time::seconds(100)), record.limits);
  EXPECT_FALSE(change.applied_to(record.limits).limits(Window::day));
}

TEST(Path, RefusesMoreThanItsBound) {
  Path path;
  for (size_t i = 0; i < limits::path_accounts_max; ++i)
    EXPECT_TRUE(path.add({}));
  EXPECT_FALSE(path.add({}));
}

}  // namespace
}  // namespace satgate
