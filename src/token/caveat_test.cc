#include "token/caveat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "token/endpoint.h"

namespace satgate::token {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Caveat good(std::string_view text) {
  auto caveat = parse_caveat(text);
  EXPECT_TRUE(caveat) << text << ": " << (caveat ? "" : caveat.error().message);
  return caveat ? *caveat : Caveat{};
}

TEST(Caveats, TheArticlesLinesAreReadAsPrinted) {
  EXPECT_EQ(good("budget_max = 50.00").amount, Money::credits(50));
  EXPECT_THAT(good("endpoints = /translate/*").items, ElementsAre("/translate/*"));
  EXPECT_EQ(good("expires = 2026-04-01T00:00:00Z").time, Time::seconds(1775001600));
  EXPECT_EQ(good("expires = 2026-06-30").time, Time::seconds(1782777600));
  const Caveat rate = good("rate_limit = 10/min");
  EXPECT_EQ(rate.count, 10U);
  EXPECT_EQ(rate.window, Window::minute);
  EXPECT_EQ(good("rate_limit = 5/s").window, Window::second);
  EXPECT_EQ(good("rate_limit = 5/m").window, Window::minute);
  EXPECT_EQ(good("rate_limit = 5/h").window, Window::hour);
  EXPECT_EQ(good("budget_max = 50.00").text, "budget_max = 50.00");
}

TEST(Caveats, EveryKeyHasItsFields) {
  EXPECT_EQ(good("budget_hourly=5").window, Window::hour);
  EXPECT_EQ(good("budget_daily = $5").window, Window::day);
  EXPECT_EQ(good("budget_monthly = 5 credits").window, Window::month);
  EXPECT_EQ(good("budget_max = 5").window, Window::lifetime);
  EXPECT_EQ(good("call_max = 0.001 USD").amount, Money::nano(1'000'000));
  EXPECT_THAT(good("methods = GET,POST").items, ElementsAre("GET", "POST"));
  EXPECT_THAT(good("tools = a, b.*").items, ElementsAre("a", "b.*"));
  EXPECT_THAT(good("  tools_deny  =  a ").items, ElementsAre("a"));
  EXPECT_THAT(good("models = gpt-4o*").items, ElementsAre("gpt-4o*"));
  EXPECT_THAT(good("audience = https://a.example").items, ElementsAre("https://a.example"));
  EXPECT_THAT(good("upstream = openai").items, ElementsAre("openai"));
  EXPECT_EQ(good("rate_limit = 100/hour").window, Window::hour);
  EXPECT_EQ(good("rate_limit = 100/d").window, Window::day);
  EXPECT_EQ(good("max_depth = 0").count, 0U);
  EXPECT_THAT(good("holder = a = b").items, ElementsAre("a = b"));
  const Caveat label = good("label.team = R&D");
  EXPECT_EQ(label.key, CaveatKey::label);
  EXPECT_EQ(label.name, "team");
}

TEST(Caveats, NothingElseIsACaveat) {
  const std::vector<std::string> bad = {
      "", "=", "budget_max", "budget_max = ", "= 5", "Budget_max = 5", "budget = 5",
      "budget_maximum = 5", "scope = api:*", "ph=00", "preimage=00", "delegated_by = x",
      // amounts
      "budget_max = -1", "budget_max = 1e9", "budget_max = NaN", "budget_max = 1,000",
      "budget_max = 5 euros", "budget_max = 5 sats", "budget_max = 9223372036.854775807",
      // instants
      "expires = 5m", "expires = never", "expires = 2026-02-30", "expires = -1", "expires = 1h",
      "expires = 2026-04-01T00:00:00", "expires = 0001-01-01",
      // rates
      "rate_limit = 10", "rate_limit = 10/sec", "rate_limit = 0/min", "rate_limit = 4294967296/min",
      "rate_limit = -1/min", "rate_limit = /min", "rate_limit = 1.5/min", "rate_limit = 5/ms",
      "rate_limit = 5/S", "rate_limit = 10/min/min",
      // depth
      "max_depth = -1", "max_depth = 1001", "max_depth = two", "max_depth = 4294967297",
      // lists and names
      "tools = ", "tools = a,,b", "tools = ,a", "tools = a,", "methods = get", "methods = *",
      "methods = GET POST", "holder = ", "holder = a,b", "label. = x", "label = x", "label.a b = x",
      "label.team = ", "label.team = a,b", "upstream = a, b", "holder = " + std::string(129, 'a'),
      // text
      "holder = a\nb", "holder = a\tb", std::string("holder = a\0b", 12), "holder = \xff",
      "holder = \xc0\xaf", "holder = \xed\xa0\x80", "holder = \xc2\x85", "holder = a\x7f",
      "tools = " + std::string(limits::caveat_bytes_max, 'a')};
  for (const std::string& text : bad) {
    EXPECT_FALSE(parse_caveat(text)) << text;
  }
}

TEST(Caveats, ErrorsNameTheKeyOrTheValue) {
  EXPECT_THAT(parse_caveat("scope = x").error().message, HasSubstr("scope"));
  EXPECT_THAT(parse_caveat("expires = 5m").error().message, HasSubstr("5m"));
  EXPECT_THAT(parse_caveat("methods = get").error().message, HasSubstr("get"));
  EXPECT_THAT(parse_caveat("budget_max = five").error().message, HasSubstr("budget_max"));
}

TEST(Caveats, AreAmountsInTheGatewaysCurrency) {
  Currency currency;
  currency.nano_per_sat = 600'000;
  EXPECT_EQ(parse_caveat("budget_max = 10 sats", currency)->amount, Money::nano(6'000'000));
}

TEST(Printer, PrintsWhatReadsBack) {
  const std::vector<std::string> tools = {"a", "b.*"};
  EXPECT_EQ(list_caveat(CaveatKey::tools, tools), "tools = a, b.*");
  EXPECT_EQ(money_caveat(CaveatKey::budget_daily, Money::nano(500'000'000)), "budget_daily = 0.5");
  EXPECT_EQ(name_caveat(CaveatKey::holder, "research-agent"), "holder = research-agent");
  EXPECT_EQ(label_caveat("team", "a = b"), "label.team = a = b");
  EXPECT_EQ(expires_caveat(Time{1775001600'999'999'999}), "expires = 2026-04-01T00:00:00Z");
  EXPECT_EQ(rate_caveat(5, Window::second), "rate_limit = 5/s");
  EXPECT_EQ(rate_caveat(10, Window::minute), "rate_limit = 10/min");
  EXPECT_EQ(depth_caveat(2), "max_depth = 2");
}

TEST(Printer, RefusesWhatWouldNotReadBack) {
  const std::vector<std::vector<std::string>> lists = {
      {}, {""}, {"a,b"}, {" a"}, {"a\n"}, {"a", ""}, {"a\nbudget_max = 5"}};
  for (const auto& items : lists) {
    EXPECT_FALSE(list_caveat(CaveatKey::tools, items));
  }
  for (const char* name : {"", "a,b", " a", "a ", "a\nb", "a\r"}) {
    EXPECT_FALSE(name_caveat(CaveatKey::holder, name)) << name;
    EXPECT_FALSE(label_caveat("team", name)) << name;
  }
  EXPECT_FALSE(label_caveat("a=b", "c"));
  EXPECT_FALSE(money_caveat(CaveatKey::budget_max, Money::max()));
  EXPECT_FALSE(money_caveat(CaveatKey::budget_max, Money::nano(-1)));
  EXPECT_FALSE(money_caveat(CaveatKey::tools, Money::credits(1)));
  EXPECT_FALSE(list_caveat(CaveatKey::holder, std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(rate_caveat(0, Window::minute));
  EXPECT_FALSE(rate_caveat(1, Window::month));
  EXPECT_FALSE(depth_caveat(1001));
  EXPECT_FALSE(expires_caveat(Time{INT64_MIN}));
}

TEST(Printer, DescribesEveryKey) {
  EXPECT_EQ(describe(good("budget_max = 50.00")), "spends at most 50 credits in total");
  EXPECT_EQ(describe(good("rate_limit = 10/min")), "at most 10 calls a minute");
  EXPECT_EQ(describe(good("expires = 2026-06-30")), "good until 2026-06-30T00:00:00Z");
}

struct Match {
  const char* pattern;
  const char* path;
  const char* query;
  bool matches;
};

TEST(Endpoints, AreAnAllowListOverPlainTargets) {
  const std::vector<Match> table = {
      {"/read/*", "/read/a", "", true},
      {"/read/*", "/read/a/b", "x=1", true},
      {"/read/*", "/read", "", false},
      {"/read/*", "/READ/a", "", false},
      {"/read/*", "/readx/a", "", false},
      {"/read/*", "/read/a%20b", "", true},
      {"*", "/anything/at/all", "", true},
      {"/", "/", "", true},
      // Ways out of /read/ that some upstream would walk.
      {"/read/*", "/read/../admin", "", false},
      {"/read/*", "/read/..", "", false},
      {"/read/*", "/read/./a", "", false},
      {"/read/*", "/read/..;/admin", "", false},
      {"/read/*", "/read/..;v=1/admin", "", false},
      {"/read/*", "/read/%2e%2e/admin", "", false},
      {"/read/*", "/read/.%2E/admin", "", false},
      {"/read/*", "/read/..%2fadmin", "", false},
      {"/read/*", "/read/%5c..%5cadmin", "", false},
      {"/read/*", "/read/..\\admin", "", false},
      {"/read/*", "/read/%252e%252e/admin", "", false},
      {"/read/*", "/read//admin", "", false},
      {"/read/*", "//read/a", "", false},
      {"/read/*", "/read/a%00.txt", "", false},
      {"/read/*", "/read/a%0d%0ab", "", false},
      {"/read/*", "/read/a%3fb", "", false},
      {"/read/*", "/read/a?b", "", false},
      {"/read/*", "/read/a#b", "", false},
      {"/read/*", "/read/%", "", false},
      {"/read/*", "/read/%4", "", false},
      {"/read/*", "/read/%zz", "", false},
      {"/read/*", "/read/\xc3\xa9", "", false},
      {"*", "http://host/read/a", "", false},
      {"*", "*", "", false},
      {"*", "", "", false},
      // The query constraint.
      {"/s?source=arxiv", "/s", "source=arxiv", true},
      {"/s?source=arxiv", "/s", "q=a%20b&source=arxiv&n=5", true},
      {"/s?a=1&b=2", "/s", "b=2&c=3&a=1", true},
      {"/s?a=1&b=2", "/s", "a=1", false},
      {"/s?source=arxiv", "/s", "", false},
      {"/s?source=arxiv", "/s", "source=x", false},
      {"/s?source=arxiv", "/s", "source=arxivx", false},
      {"/s?source=arxiv", "/s", "xsource=arxiv", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source=x", false},
      {"/s?source=arxiv", "/s", "source=x&source=arxiv", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source=arxiv", false},
      {"/s?source=arxiv", "/s", "source=arxiv&Source=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&sourc%65=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source[]=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source%5b0%5d=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&+source=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source", false},
      {"/s?source=arxiv", "/s", "source=arxiv;source=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&a=1;source=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&%=x", false},
      {"/s?source=arxiv", "/s", "source=arxiv&source%00=x", false},
      {"/s?my_key=1", "/s", "my_key=1&my.key=2", false},
      {"/s?my_key=1", "/s", "my_key=1&my+key=2", false},
      {"/s?source=arxiv", "/s", "source=%61rxiv", false},
  };
  for (const Match& row : table) {
    ASSERT_TRUE(check_endpoint_pattern(row.pattern)) << row.pattern;
    EXPECT_EQ(endpoint_matches(row.pattern, row.path, row.query), row.matches)
        << row.pattern << " " << row.path << " ? " << row.query;
  }
}

TEST(Endpoints, PatternsArePlain) {
  for (const char* pattern :
       {"", "read/*", "**", "*/admin", "/a/../b", "/a//b", "/a/%2e", "/a b", "/a#b", "/a?", "/a?b",
        "/a?=b", "/a?b=*", "/a?b=c&", "/a?b=c;d=e", "/a?b[]=c", "/a?b=%41", "http://h/a"}) {
    EXPECT_FALSE(check_endpoint_pattern(pattern)) << pattern;
  }
}

}  // namespace
}  // namespace satgate::token
