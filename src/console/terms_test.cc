// Asked for again, a token is the same one only if it is not another one that was asked for.
#include "console/terms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace satgate::console {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Time kStart = *parse_time("2026-04-09T18:00:00Z");

TokenRecord user() {
  TokenRecord record;
  record.name = "user-7";
  record.limits[Window::day] = Money::credits(10);
  record.labels = {{"team", "core"}, {"plan", "free"}};
  record.caveats = {"upstream = openai", "models = gpt-4o, gpt-4o-mini", "rate_limit = 10/min"};
  return record;
}

TEST(Terms, TheOrderOfLabelsAndListsSaysNothing) {
  TokenRecord asked = user();
  std::swap(asked.labels[0], asked.labels[1]);
  asked.caveats = {"rate_limit = 10/min", "models = gpt-4o-mini, gpt-4o", "upstream = openai"};
  EXPECT_THAT(differences(user(), asked), IsEmpty());
}

TEST(Terms, EveryDifferenceIsNamedAsTheMemberThatSaysIt) {
  TokenRecord asked = user();
  asked.limits[Window::day] = Money::nano(500'000'000);
  asked.limits[Window::lifetime] = Money::credits(100);
  asked.budget = "research";
  asked.labels = {};
  asked.alert_threshold = Money::nano(800'000'000);
  asked.caveats = {"models = gpt-4o", "tools_deny = x", "call_max = 2"};
  EXPECT_THAT(
      differences(user(), asked),
      ElementsAre(
          "daily_limit (it is 10, not 0.5)", "total_limit (it is none, not 100)",
          "budget (it is none, not 'research')", "labels (it is 'plan=free' 'team=core', not none)",
          "alert_threshold (it is none, not 0.8)", "call_limit (it is none, not '2')",
          "deny_tools (it is none, not 'x')", "models (it is 'gpt-4o, gpt-4o-mini', not 'gpt-4o')",
          "rate_limit (it is '10/min', not none)", "upstream (it is 'openai', not none)"));
}

// An application goes on asking in its own words when a person has given a user more, or less.
TEST(Terms, WhatWasChangedMayBeAskedForAsItWasOrAsItIs) {
  TokenRecord changed = user();
  changed.minted = TokenTerms{changed.limits, changed.labels, changed.alert_threshold};
  changed.limits[Window::day] = Money::credits(50);
  changed.labels[1].second = "pro";
  changed.alert_threshold = Money::nano(500'000'000);
  EXPECT_THAT(differences(changed, user()), IsEmpty());
  TokenRecord now = changed;
  now.minted.reset();
  EXPECT_THAT(differences(changed, now), IsEmpty());
  now.limits[Window::day] = Money::credits(20);
  EXPECT_THAT(differences(changed, now), ElementsAre("daily_limit (it is 50, not 20)"));
}

TEST(Terms, ATokenMayEndBeforeItWasAskedToAndNeverAfter) {
  const auto ending = [](std::optional<Time> at) {
    TokenRecord record = user();
    record.expires = at;
    if (at) record.caveats.push_back("expires = " + format_rfc3339(*at));
    return record;
  };
  const Time later{kStart.unix_ns + 3600 * kNanoPerSecond};
  EXPECT_THAT(differences(ending(kStart), ending(kStart)), IsEmpty());
  EXPECT_THAT(differences(ending(kStart), ending(later)), IsEmpty()) << "an hour from now, again";
  EXPECT_THAT(differences(ending(later), ending(kStart)),
              ElementsAre("expires (it is 2026-04-09T19:00:00Z, not 2026-04-09T18:00:00Z)"));
  EXPECT_THAT(differences(ending({}), ending(kStart)),
              ElementsAre("expires (it is none, not 2026-04-09T18:00:00Z)"));
  EXPECT_THAT(differences(ending(kStart), ending({})),
              ElementsAre("expires (it is 2026-04-09T18:00:00Z, not none)"));
}

}  // namespace
}  // namespace satgate::console
