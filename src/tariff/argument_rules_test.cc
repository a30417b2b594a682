// What rules on arguments let pass, as tables; then what an agent would try against them.
#include "tariff/argument_rules.h"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "tariff/tariff.h"

namespace satgate::tariff {
namespace {

std::string breach(const Table<ArgumentPolicy>& policies, std::string_view arguments) {
  std::vector<ArgumentRule> rules;
  for (const auto& [name, policy] : policies) {
    auto rule = ArgumentRule::create(name, policy);
    EXPECT_TRUE(rule) << name << ": " << rule.error().key << " " << rule.error().what;
    if (rule) rules.push_back(std::move(*rule));
  }
  std::vector<const ArgumentRule*> pointers;
  for (const ArgumentRule& rule : rules)
    pointers.push_back(&rule);
  return argument_breach(pointers, arguments).value_or("");
}

std::string breach(std::string name, ArgumentPolicy policy, std::string_view arguments) {
  return breach({{std::move(name), std::move(policy)}}, arguments);
}

TEST(Decimals, CompareExactlyAndRefuseWhatIsNone) {
  struct Row {
    std::string_view a, b;
    int order;
  };
  constexpr Row rows[] = {
      {"1", "1.0", 0},
      {"100", "1e2", 0},
      {"0.1", "1E-1", 0},
      {"-0", "0", 0},
      {"0.000e99", "0", 0},
      {"9007199254740993", "9007199254740992", 1},
      {"9223372036854775807", "9223372036854775806", 1},
      {"0.1", "0.10000000000000000001", -1},
      {"-2", "-1", -1},
      {"-1", "1", -1},
      {"99", "100", -1},
      {"1e400", "1e399", 1},
      {"1e99999999999999999999", "9", 1},
      {"1e-99999999999999999999", "0", 1},
      {"-1e99999999999999999999", "0", -1},
      {"12.5", "12.49", 1},
  };
  for (const Row& row : rows) {
    const auto a = Decimal::parse(row.a), b = Decimal::parse(row.b);
    ASSERT_TRUE(a && b) << row.a << " " << row.b;
    const auto order = *a <=> *b;
    EXPECT_EQ(order < 0 ? -1 : order > 0 ? 1 : 0, row.order) << row.a << " " << row.b;
    EXPECT_EQ(*a == *b, row.order == 0) << row.a << " " << row.b;
  }
  for (const std::string_view text : {"", "-", "+1", ".5", "1.", "01", "1e", "1e+", "0x10", "1_0",
                                      " 1", "1 ", "NaN", "Infinity", "1,5", "--1", "1e1.5"})
    EXPECT_FALSE(Decimal::parse(text)) << text;
}

struct Row {
  ArgumentPolicy policy;
  std::string_view value;
  bool passes;
};

ArgumentPolicy bounds(std::optional<std::string> min, std::optional<std::string> max) {
  return {.min = std::move(min), .max = std::move(max)};
}

TEST(ArgumentRules, JudgeOneValue) {
  const ArgumentPolicy stages{.one_of = {"staging", "3", "true"}};
  const ArgumentPolicy word{.pattern = "[a-z]+|x[0-9]*"};
  const Row rows[] = {
      {stages, "\"staging\"", true},
      {stages, "\"stag\\u0069ng\"", true},
      {stages, "\"production\"", false},
      {stages, "\"staging \"", false},
      {stages, "\"Staging\"", false},
      {stages, "\"staging\\u0000\"", false},
      {stages, "3", true},
      {stages, "3.0", true},
      {stages, "\"3\"", true},
      {stages, "4", false},
      {stages, "true", true},
      {stages, "false", false},
      {stages, "null", false},
      {stages, "{}", false},
      {stages, "{\"staging\":1}", false},
      {stages, "[]", false},
      {stages, "[\"staging\",3]", true},
      {stages, "[\"staging\",\"production\"]", false},
      {stages, "[[\"staging\"],[[\"production\"]]]", false},
      {bounds({}, "100"), "100", true},
      {bounds({}, "100"), "1e2", true},
      {bounds({}, "100"), "-5", true},
      {bounds({}, "100"), "100.0000000000000000000001", false},
      {bounds({}, "100"), "1e400", false},
      {bounds({}, "100"), "\"100\"", false},
      {bounds({}, "100"), "true", false},
      {bounds({}, "100"), "[1,2,100]", true},
      {bounds({}, "100"), "[1,101]", false},
      {bounds("0", {}), "0", true},
      {bounds("0", {}), "-0.0", true},
      {bounds("0", {}), "-1e-30", false},
      // Some programs read these as negative.
      {bounds("0", {}), "9223372036854775807", true},
      {bounds("0", {}), "9223372036854775808", false},
      {bounds("0", {}), "18446744073709551615", false},
      {bounds({}, "5"), "-9223372036854775809", false},
      {bounds({}, "9007199254740992"), "9007199254740993", false},
      {bounds("0.1", "0.3"), "0.2", true},
      {bounds("0.1", "0.3"), "0.30000000000000004", false},
      {word, "\"abc\"", true},
      {word, "\"x12\"", true},
      {word, "\"abc1\"", false},
      {word, "\"1abc\"", false},
      {word, "\"abc\\n\"", false},
      {word, "\"\\nabc\"", false},
      {word, "\"\"", false},
      {word, "7", false},
      {{.pattern = "^a$"}, "\"a\\n\"", false},
      {{.pattern = "..."}, "\"\xc3\xa4\xc3\xb6\xc3\xbc\"", true},
      {{.pattern = ".*"}, "\"\xff\"", false},
      {{.absent = true}, "1", false},
      {{.absent = true}, "null", false},
      {{.absent = true}, "[]", false},
      {{.absent = true}, "{}", false},
      {{.max = "1", .optional = true}, "null", true},
      {{.max = "1", .optional = true}, "[]", true},
      {{.max = "1", .optional = true}, "2", false},
  };
  for (const Row& row : rows) {
    const std::string said = breach("a", row.policy, fmt::format("{{\"a\":{}}}", row.value));
    EXPECT_EQ(said.empty(), row.passes) << row.value << ": " << said;
  }
}

TEST(ArgumentRules, FindTheirArgument) {
  const ArgumentPolicy mine{.one_of = {"me"}};
  const ArgumentPolicy perhaps{.one_of = {"me"}, .optional = true};
  const ArgumentPolicy never{.absent = true};
  struct Case {
    std::string_view name;
    ArgumentPolicy policy;
    std::string_view arguments;
    bool passes;
  };
  const Case cases[] = {
      {"repo.owner", mine, R"({"repo":{"owner":"me"}})", true},
      {"repo.owner", mine, R"( { "repo" : { "name":"x", "owner" : "me" } } )", true},
      {"repo.owner", mine, R"({"repo":{"owner":"you"}})", false},
      {"repo.owner", mine, R"({"repo":{}})", false},
      {"repo.owner", mine, R"({"repo":"me"})", false},
      {"repo.owner", mine, R"({"repo":null})", false},
      {"repo.owner", mine, R"({"owner":"me"})", false},
      {"repo.owner", mine, "{}", false},
      {"repo.owner", perhaps, "{}", true},
      {"repo.owner", perhaps, R"({"repo":7})", true},
      // A name with a dot in it is meant, too.
      {"repo.owner", mine, R"({"repo.owner":"me"})", true},
      {"repo.owner", mine, R"({"repo.owner":"me","repo":{"owner":"you"}})", false},
      {"repo.owner", mine, R"({"repo.owner":"you","repo":{"owner":"me"}})", false},
      // Every element of a list on the way.
      {"repo.owner", mine, R"({"repo":[{"owner":"me"},{"owner":"me"}]})", true},
      {"repo.owner", mine, R"({"repo":[{"owner":"me"},{"owner":"you"}]})", false},
      {"repo.owner", mine, R"({"repo":[{"owner":"me"},{}]})", false},
      {"repo.owner", mine, R"({"repo":[]})", false},
      {"repo.owner", never, R"({"repo":[{"x":1},{"owner":"me"}]})", false},
      {"repo.owner", never, R"({"repo":{"name":"x"}})", true},
      {"force", never, R"({"force":false})", false},
      {"force", never, R"({"forced":true})", true},
      {"a", mine, R"({"\u0061":"me"})", true},
      {"a", mine, R"({"\u0061":"you"})", false},
  };
  for (const Case& one : cases) {
    const std::string said = breach(std::string(one.name), one.policy, one.arguments);
    EXPECT_EQ(said.empty(), one.passes) << one.arguments << ": " << said;
  }
}

TEST(ArgumentRules, RefuseWhatTwoParsersWouldReadDifferently) {
  const Table<ArgumentPolicy> rules = {{"amount", {.max = "100", .optional = true}},
                                       {"task", {.absent = true}}};
  EXPECT_EQ(breach(rules, R"({"amount":1,"note":{"x":1},"list":[{"y":2},{"y":3}]})"), "");
  constexpr std::string_view attacks[] = {
      R"({"amount":1,"amount":1000})",
      R"({"amount":1000,"amount":1})",
      R"({"amount":1,"\u0061mount":1})",
      R"({"note":{"x":1,"x":1}})",
      R"({"note":[{"x":1,"x":2}]})",
      R"({"Amount":1000})",
      R"({"AMOUNT":1000,"amount":1})",
      "{\"ta\xc5\xbfk\":1}",
      "{\"tas\xe2\x84\xaa\":1}",
      R"({"tas\u212a":1})",
      R"({"amount":1)",
      R"({"amount":1}})",
      R"({"amount":1}{"amount":2})",
      R"({"amount":1,})",
      R"({"amount" 1})",
      R"({"amount":01})",
      R"({"amount":+1})",
      R"({"amount":NaN})",
      R"({"amount":"\ud800"})",
      R"({"amount":"\udc00\ud800"})",
      R"({"amount":"\ud800\u0041"})",
      R"({"\ud800":1})",
      R"({"a":"\q"})",
      "{\"a\":\"\n\"}",
      R"(["amount"])",
      R"("amount")",
      "",
      "null",
  };
  for (const std::string_view attack : attacks)
    EXPECT_NE(breach(rules, attack), "") << attack;
  const std::string deep = std::string(100'000, '[');
  EXPECT_NE(breach(rules, "{\"x\":" + deep + "1" + std::string(100'000, ']') + "}"), "");
}

TEST(ArgumentRules, LetAUrlNameItsHostOnly) {
  const ArgumentPolicy hosts{
      .hosts = {"example.com", "*.example.org", "api.test:8443", "10.0.0.1"}};
  constexpr std::string_view good[] = {
      "https://example.com",           "http://example.com/",     "https://example.com/a?b=c#d",
      "https://example.com:443/",      "http://example.com:80/a", "https://a.example.org/",
      "https://a.b-c.example.org/x@y", "https://api.test:8443/",  "http://10.0.0.1/x",
      "https://example.com/%2e%2e/",
  };
  for (const std::string_view url : good) {
    EXPECT_EQ(breach("u", hosts, fmt::format("{{\"u\":\"{}\"}}", url)), "") << url;
  }
  constexpr std::string_view bad[] = {
      "example.com",
      "//example.com/",
      "ftp://example.com/",
      "file:///etc/passwd",
      "javascript:alert(1)//https://example.com/",
      "HTTPS://example.com/",
      "https:example.com/",
      "https:/example.com/",
      "https:///example.com/",
      "https://evil.com/https://example.com/",
      "https://example.com.evil.com/",
      "https://evilexample.com/",
      "https://evilexample.org/",
      "https://example.org/",
      "https://.example.org/",
      "https://a..example.org/",
      "https://example.com./",
      "https://a.example.org./",
      "https://EXAMPLE.com/",
      "https://user@example.com/",
      "https://user:pass@example.com/",
      "https://example.com@evil.com/",
      "https://example.com:443@evil.com/",
      "https://example.com?@evil.com/",
      "https://example.com#@evil.com/",
      "https://example.com\\\\@evil.com/",
      "https://evil.com\\\\.example.org/",
      "https://evil.com\\\\/.example.org/",
      "https:\\\\\\\\example.com/",
      "https://example.com:8443/",
      "https://example.com:80/",
      "http://example.com:443/",
      "https://example.com:/",
      "https://example.com:0443/",
      "https://example.com:443:80/",
      "https://api.test/",
      "https://api.test:443/",
      "https://example%2ecom/",
      "https://evil.com%2f.example.org/",
      "https://evil.com%00.example.org/",
      "https://evil.com%23.example.org/",
      " https://example.com/",
      "https://example.com /",
      "https://exa\\tmple.com/",
      "https://evil.com/\\n.example.org",
      "https://example.com/\\r\\nHost: evil.com",
      "https://evil.com\\u0000.example.org/",
      "https://ex\\u0430mple.com/",
      "https://evil.com\\uff0f.example.org/",
      "https://evil\\u3002example.org/",
      "http://167772161/",
      "http://0x0a000001/",
      "http://012.0.0.1/",
      "http://10.1/",
      "http://10.0.0.1./",
      "http://[::ffff:10.0.0.1]/",
      "http://[::1]/",
      "https://*.example.org/",
      "",
  };
  for (const std::string_view url : bad) {
    EXPECT_NE(breach("u", hosts, fmt::format("{{\"u\":\"{}\"}}", url)), "") << url;
  }
}

TEST(ArgumentRules, SayWhatIsAllowed) {
  EXPECT_EQ(breach("amount", bounds({}, "100"), R"({"amount":101})"),
            "argument `amount` must be at most 100");
  EXPECT_EQ(breach("amount", bounds("1", "100"), "{}"),
            "argument `amount` is missing; it must be at least 1 and must be at most 100");
  EXPECT_EQ(breach("env", {.one_of = {"dev", "staging"}}, R"({"env":"prod"})"),
            "argument `env` must be one of dev, staging");
  EXPECT_EQ(breach("url", {.hosts = {"a.com"}}, R"({"url":"x"})"),
            "argument `url` must be a plain http(s) URL of a.com");
  EXPECT_EQ(breach("id", {.pattern = "[0-9]+"}, R"({"id":"x"})"),
            "argument `id` must match [0-9]+ as a whole");
  EXPECT_EQ(breach("force", {.absent = true}, R"({"force":1})"),
            "argument `force` must not be given");
  const ArgumentPolicy many{.one_of = std::vector<std::string>(100, "x")};
  EXPECT_LT(breach("env", many, R"({"env":"prod"})").size(), 120u);
  const std::string key(5000, 'k');
  EXPECT_LT(breach("a", {.absent = true}, fmt::format(R"({{"{0}":1,"{0}":2}})", key)).size(), 120u);
}

TEST(ArgumentRules, APatternThatTakesTooLongDoesNotMatch) {
  const std::string text(5000, 'a');
  EXPECT_NE(breach("a", {.pattern = "(a|aa)+b?(a*)*c"}, fmt::format(R"({{"a":"{}"}})", text)), "");
}

TEST(ArgumentRules, ThatMakeNoSenseAreMistakes) {
  struct Wrong {
    std::string_view key;
    ArgumentPolicy policy;
  };
  const Wrong wrongs[] = {
      {"", {}},
      {"", {.optional = true}},
      {"absent", {.max = "1", .absent = true}},
      {"absent", {.absent = true, .optional = true}},
      {"min", bounds("2", "1")},
      {"min", bounds("one", {})},
      {"max", bounds({}, "0x10")},
      {"max", bounds({}, "1e30")},
      {"pattern", {.pattern = "("}},
      {"pattern", {.pattern = "\\C"}},
      {"hosts", {.hosts = {"*"}}},
      {"hosts", {.hosts = {"*.1"}}},
      {"hosts", {.hosts = {"Example.com"}}},
      {"hosts", {.hosts = {"https://example.com"}}},
      {"hosts", {.hosts = {"example.com:0"}}},
      {"hosts", {.hosts = {"2130706433"}}},
      {"hosts", {.hosts = {"127.1"}}},
      {"hosts", {.hosts = {""}}},
  };
  for (const Wrong& wrong : wrongs) {
    const auto rule = ArgumentRule::create("a", wrong.policy);
    ASSERT_FALSE(rule) << wrong.key;
    EXPECT_EQ(rule.error().key, wrong.key) << rule.error().what;
  }
  for (const char* name : {"", ".", "a.", ".a", "a..b"})
    EXPECT_FALSE(ArgumentRule::create(name, bounds({}, "1"))) << name;
}

TEST(ArgumentRules, OfEveryEntryThatNamesTheToolHold) {
  Policy policy;
  policy.servers["shop"] = {.price = Money::credits(1)};
  policy.tools["buy"] = {.arguments = {{"amount", bounds({}, "100")}}};
  policy.tools["shop"] = {.arguments = {{"coupon", {.absent = true}}}};
  policy.tokens["agent"].tools["buy"] = {.arguments = {{"amount", bounds({}, "10")}}};
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_TRUE(tariff) << tariff.error().message;
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = "shop";
  call.tool = call.listed_tool = "buy";
  const auto said = [&](std::string_view token, std::string_view arguments) {
    call.arguments = arguments;
    return (*tariff)->argument_breach(call, token).value_or("");
  };
  EXPECT_EQ(said("other", R"({"amount":100})"), "");
  EXPECT_EQ(said("other", R"({"amount":101})"), "argument `amount` must be at most 100");
  EXPECT_EQ(said("agent", R"({"amount":10})"), "");
  EXPECT_EQ(said("agent", R"({"amount":11})"), "argument `amount` must be at most 10");
  EXPECT_EQ(said("agent", R"({"amount":101})"), "argument `amount` must be at most 100");
  EXPECT_EQ(said("other", R"({"amount":1,"coupon":"x"})"), "argument `coupon` must not be given");
  call.tool = call.listed_tool = "list";
  EXPECT_EQ(said("other", R"({"amount":101})"), "");
}

}  // namespace
}  // namespace satgate::tariff
