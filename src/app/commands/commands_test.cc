// The parts of the command line that need no gateway.
#include <gtest/gtest.h>

#include <array>

#include "app/commands/admin_client.h"
#include "app/commands/describe.h"
#include "app/commands/dispatch.h"
#include "app/commands/flags.h"
#include "app/commands/table.h"

namespace satgate::app {
namespace {

using Strings = std::vector<std::string>;

TEST(Dispatch, TheNameDecides) {
  const auto of = [](std::vector<const char*> argv) { return command_arguments(argv); };
  EXPECT_EQ(of({}), Strings{});
  EXPECT_EQ(of({"satgate"}), Strings{});
  EXPECT_EQ(of({"bin/satgate", "token", "list"}), (Strings{"token", "list"}));
  EXPECT_EQ(of({"satgate-gateway", "--config", "x"}),
            (Strings{"gateway", "start", "--config", "x"}));
  EXPECT_EQ(of({"/usr/bin/satgate-mcp", "--token", "t"}), (Strings{"mcp", "--token", "t"}));
  EXPECT_EQ(of({"satgate-mcp", "--version"}), Strings{"--version"});
  EXPECT_EQ(of({"/satgate-mcp/satgate", "status"}), Strings{"status"}) << "the folder does not";
}

TEST(DataDir, FlagThenVariablesThenHome) {
  std::map<std::string, std::string, std::less<>> set;
  const Variables variables = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = set.find(name);
    if (found == set.end()) return std::nullopt;
    return found->second;
  };
  EXPECT_FALSE(choose_data_dir("", variables)) << "nothing is known: no guess";
  set["HOME"] = "/h";
  EXPECT_EQ(*choose_data_dir("", variables), "/h/.local/share/satgate");
  set["XDG_DATA_HOME"] = "relative";
  EXPECT_EQ(*choose_data_dir("", variables), "/h/.local/share/satgate");
  set["XDG_DATA_HOME"] = "/x";
  EXPECT_EQ(*choose_data_dir("", variables), "/x/satgate");
  set["SATGATE_DATA_DIR"] = "d";
  EXPECT_EQ(*choose_data_dir("", variables), "d");
  EXPECT_EQ(*choose_data_dir("f", variables), "f");
}

TEST(TableText, AlignsAndTrims) {
  Table table({{"NAME"}, {"SPENT", Align::right}, {"NOTE"}});
  table.row({"agent", "4.5", ""});
  table.row({"größer", "12", "x"});
  EXPECT_EQ(table.text(false),
            "NAME    SPENT  NOTE\n"
            "agent     4.5  -\n"
            "größer     12  x\n");
  EXPECT_EQ(table.text(true).find("\x1b[1mNAME"), 0U);
}

TEST(TableText, NamesFromOutsideCannotSteerTheTerminal) {
  Table table({{"TOOL"}});
  table.row(
      {"a\x1b[2Jb\nc\xc2\x9b"
       "d"});
  EXPECT_EQ(table.text(false), "TOOL\na?[2Jb?c?d\n");
  const Json event = {{"time", "2026-04-09T18:00:00.000Z"},
                      {"subject", "\x1b]0;x\x07"},
                      {"tool", "t\r"},
                      {"detail", "one\ntwo"}};
  const std::string line = event_line(event, false);
  EXPECT_EQ(line.find_first_of("\x1b\x07\r\n"), line.npos) << line;
}

TEST(Numbers, AsPeopleWriteThem) {
  EXPECT_EQ(number_text(Json(25)), "25");
  EXPECT_EQ(number_text(Json(4.5)), "4.5");
  EXPECT_EQ(number_text(Json(1e-9)), "0.000000001");
  EXPECT_EQ(number_text(Json(100.0)), "100");
  EXPECT_EQ(number_text(Json()), "-");
}

TEST(Records, LimitsStatesAndEvents) {
  Json token = Json::parse(R"({"name":"a","revoked":false,"blocked":false,
      "expires":"2026-01-01T00:00:00Z","limits":{"daily":25,"total":100},
      "spent":40,"spent_in":{"hour":1,"day":3,"month":9},
      "override":{"daily":1000,"until":"2026-01-01T01:00:00Z"}})");
  EXPECT_EQ(used_text(token), "3/25 a day, 40/100 in total");
  EXPECT_EQ(used_text(Json::object()), "none");
  const Time end = *parse_time("2026-01-01");
  EXPECT_EQ(token_state(token, Time{end.unix_ns - 1}), "active");
  EXPECT_EQ(token_state(token, end), "expired");
  token["blocked"] = true;
  EXPECT_EQ(token_state(token, Time{end.unix_ns - 1}), "blocked");
  token["revoked"] = true;
  EXPECT_EQ(token_state(token, end), "revoked");
  EXPECT_NE(token_facts(token, end).text().find("1000 a day, until 2026-01-01T01:00:00Z"),
            std::string::npos);
}

TEST(Records, StrangeAnswersAreNotTrusted) {
  for (const Json& strange : {Json(), Json(5), Json::array({1}), Json{{"limits", 3}},
                              Json{{"limits", {{"daily", "x"}}}}, Json{{"revoked", "yes"}},
                              Json{{"holders", {1, 2}}, {"caveats", {1}}, {"override", "no"}}}) {
    EXPECT_NO_THROW({
      used_text(strange);
      token_state(strange, Time{});
      token_facts(strange, Time{});
      budget_facts(strange);
      event_line(strange, true);
    }) << strange.dump();
  }
}

TEST(Paths, NamesAreOneSegment) {
  EXPECT_EQ(resource("tokens", "cursor-dev"), "tokens/cursor-dev");
  EXPECT_EQ(resource("tokens", "a/b?c=d%#é"), "tokens/a%2Fb%3Fc%3Dd%25%23%C3%A9");
}

// Reads a command line with all the shared flags.
struct Parsed {
  NarrowingFlags narrowing;
  LimitFlags limits;
  std::vector<std::string> labels;
  std::string budget, since, word;
  int code = 0;

  explicit Parsed(Strings arguments) {
    CLI::App app;
    add_narrowing(app, narrowing);
    add_limits(app, limits, true);
    add_labels(app, labels);
    add_amount(app, "--budget", budget, "");
    add_moment(app, "--since", since, "");
    add_text(app, "word", word, "");
    std::ranges::reverse(arguments);
    try {
      app.parse(arguments);
    } catch (const CLI::ParseError& error) {
      code = error.get_exit_code();
    }
  }
  Json body() const {
    Json out = Json::object();
    put_limits(limits, out);
    put_narrowing(narrowing, out);
    put_labels(labels, out);
    return out;
  }
};

TEST(Flags, BecomeTheRequestOfTheAdminApi) {
  const Parsed parsed({"--audience", "cursor",       "--daily-limit", "25",          "--allow-tool",
                       "a",          "--allow-tool", "b,c",           "--deny-tool", "ci",
                       "--model",    "gpt-4o",       "--endpoints",   "/read/*",     "--methods",
                       "GET,POST",   "--upstream",   "openai",        "--expires",   "1h",
                       "--call-max", "$0.05",        "--rate-limit",  "10/min",      "--max-depth",
                       "2",          "--label",      "team=a=b,c",    "--total",     "50 credits"});
  EXPECT_EQ(parsed.code, 0);
  EXPECT_EQ(parsed.body(), Json::parse(R"({
      "daily_limit":"25","total_limit":"50 credits","audience":["cursor"],"upstream":"openai",
      "allow_tools":["a","b","c"],"deny_tools":["ci"],"models":["gpt-4o"],
      "endpoints":["/read/*"],"methods":["GET","POST"],"call_limit":"$0.05",
      "rate_limit":"10/min","expires":"1h","max_depth":2,"labels":{"team":"a=b,c"}})"));
}

TEST(Flags, SatsAreLeftToTheGateway) {
  EXPECT_EQ(Parsed({"--budget", "10 sats"}).code, 0);
}

TEST(Flags, AListTakesOneWordAFlag) {
  const Parsed parsed({"--tools", "a", "word"});
  EXPECT_EQ(parsed.code, 0);
  EXPECT_EQ(parsed.narrowing.tools, Strings{"a"});
  EXPECT_EQ(parsed.word, "word");
}

TEST(Flags, WrongValuesAreFoundBeforeAnythingIsDone) {
  const std::vector<Strings> wrong = {
      {"--daily-limit", "lots"},
      {"--daily-limit", "-5"},
      {"--daily-limit", "1e9"},
      {"--daily-limit", ""},  // --daily-limit "$UNSET" must not mint a token without a limit
      {"--daily-limit"},
      {"--budget", ""},
      {"--expires", ""},
      {"--expires", "tomorrow"},
      {"--rate-limit", "10"},
      {"--rate-limit", "0/min"},
      {"--max-depth", "-1"},
      {"--max-depth", "4294967296"},
      {"--endpoints", ""},
      {"--tools", ""},
      {"--label", "team"},
      {"--label", "=x"},
      {"--label", "team="},
      {"--since", "yesterday"},
      {"--no-such-flag"},
  };
  for (const Strings& arguments : wrong) {
    EXPECT_NE(Parsed(arguments).code, 0) << ::testing::PrintToString(arguments);
  }
}

TEST(Flags, CaveatsThatCannotBeWrittenAreWrongUse) {
  NarrowingFlags flags;
  flags.endpoints = {"no-slash"};
  const Outcome outcome = check_narrowing(flags);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().exit_code, kExitWrongUse);
  flags.endpoints = {"/read/*"};
  EXPECT_TRUE(check_narrowing(flags));
}

TEST(Flags, OfflineAmountsDoNotDependOnARate) {
  EXPECT_EQ(*credits_only("10"), Money::credits(10));
  EXPECT_EQ(*credits_only("2 credits"), Money::credits(2));
  EXPECT_EQ(*credits_only("0"), Money());
  for (const char* text : {"$10", "10 USD", "10 sats", "", "-1"}) {
    EXPECT_FALSE(credits_only(text)) << text;
  }
}

TEST(Flags, MomentsCountBack) {
  const Time now = *parse_time("2026-06-30T12:00:00Z");
  EXPECT_EQ(parse_moment("1h", now), parse_time("2026-06-30T11:00:00Z"));
  EXPECT_EQ(parse_moment("2026-06-01", now), parse_time("2026-06-01"));
  EXPECT_FALSE(parse_moment("soon", now));
}

}  // namespace
}  // namespace satgate::app
