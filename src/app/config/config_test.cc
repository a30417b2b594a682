#include "app/config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/text.h"

namespace satgate::app {
namespace {

Sources test_sources() {
  Sources sources;
  sources.environment = [](std::string_view name) -> std::optional<std::string> {
    if (name == "OPENAI_API_KEY") return "sk-test";
    return std::nullopt;
  };
  sources.read_file = [](const std::string& path) -> Result<std::string> {
    if (path == "/secret") return std::string("from-file\n");
    if (path == "/api-key") return std::string("an-api-key-that-is-long-enough\n");
    if (path == "satgate.yaml") {
      return std::string(
          "server: {tls: {certificate: a.pem, key: b.pem}}\n"
          "upstreams: {a: {url: 'http://x', credential: 'file:/secret'},\n"
          "            b: {url: 'http://y', credential: 'file:/secret'}}\n");
    }
    if (path == "broken.yaml") {
      return std::string("upstreams: {a: {url: 'http://x', credential: 'file:/nowhere'}}\n");
    }
    return fail("cannot read the file '" + path + "'");
  };
  sources.has_token = [](std::string_view name) { return name != "nobody"; };
  return sources;
}

ConfigResult parse(std::string_view yaml) {
  return parse_config(yaml, test_sources());
}

std::string all(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines)
    out += line + "\n";
  return out;
}

struct Mistake {
  std::string_view yaml;
  std::string_view expected;  // part of the message
};

class Mistakes : public testing::TestWithParam<Mistake> {};

TEST_P(Mistakes, AreFoundAndNamedWithTheirLine) {
  const ConfigResult result = parse(GetParam().yaml);
  EXPECT_EQ(result.settings, nullptr) << GetParam().yaml;
  EXPECT_NE(all(result.errors).find(GetParam().expected), std::string::npos)
      << GetParam().yaml << "\nsaid:\n"
      << all(result.errors);
}

INSTANTIATE_TEST_SUITE_P(
    Table, Mistakes,
    testing::Values(
        Mistake{"upstream: {}", "line 1: upstream: unknown key; did you mean 'upstreams'?"},
        Mistake{"tools:\n  a: {cost: 1}\n  a: {cost: 999}", "line 3: tools.a: this key is written"},
        Mistake{"tools: {a: {cost: -1}}", "tools.a.cost: '-1' is not an amount"},
        Mistake{"tools: {a: {cost: 1e3}}", "tools.a.cost: '1e3' is not an amount"},
        Mistake{"tools: {a: {price: 1}}", "tools.a.price: unknown key"},
        Mistake{"tools: {a: {cost: 5 sats}}", "currency.usdPerSat is not set"},
        Mistake{"version: 2", "this version reads `version: 1`"},
        Mistake{"mode: charge", "`charge` is not in it yet"},
        Mistake{"mode: maybe", "'maybe' must be observe or control"},
        Mistake{"store: postgres", "this version keeps its books in SQLite"},
        Mistake{"upstreams: {a: {url: 'ftp://x'}}", "upstreams.a.url"},
        Mistake{"upstreams: {a: {kind: http}}", "upstreams.a.url: is missing"},
        Mistake{"upstreams: {a: {kind: grpc, url: 'http://x'}}",
                "must be openai, anthropic or http"},
        Mistake{"upstreams: {a: {url: 'http://x', credential: '${NOT_SET}'}}",
                "the environment variable NOT_SET is not set"},
        Mistake{"upstreams: {a: {url: 'http://x', credential: 'file:/nowhere'}}",
                "cannot read the file '/nowhere'"},
        Mistake{"upstreams: {a: {url: 'http://x', credential: passthrough}}",
                "works only in `mode: observe`"},
        Mistake{"mcpServers: {a: {url: 'http://x', command: y}}", "give either `url`"},
        Mistake{"mcpServers: {a: {}}", "give either `url`"},
        Mistake{"mcpServers: {a: {command: x, timeout: 1000s}}", "must stay below 900s"},
        Mistake{"routes: [{match: /x, upstream: nobody}]", "there is no upstream 'nobody'"},
        Mistake{"routes: [{upstream: nobody}]", "routes[0].match: is missing"},
        Mistake{"budgets: {a: {daily: 1, parent: b}}", "its parent 'b' is not under `budgets`"},
        Mistake{"budgets: {a: {daily: 1, parent: b}, b: {daily: 1, parent: a}}", "form a circle"},
        Mistake{"server: {apiKeys: [{token: a}]}", "server.apiKeys[0].key: is missing"},
        Mistake{"server: {apiKeys: [{key: 'sha256:abc', token: a}]}", "64 hex digits"},
        Mistake{"server:\n  apiKeys:\n    - {key: plain-text-key-in-the-config, token: a}",
                "line 3: server.apiKeys[0].key: must not stand here in plain text"},
        Mistake{"server: {apiKeys: [{key: '${OPENAI_API_KEY}', token: a}]}",
                "an API key has 24 to 512 characters, this one has 7"},
        Mistake{"server: {apiKeys: [{key: 'file:/api-key'}]}", "server.apiKeys[0].token: names"},
        Mistake{"server: {apiKeys: [{key: 'file:/api-key', token: nobody}]}",
                "apiKeys[0].token: there is no token 'nobody' in the data directory; create it"},
        Mistake{"server: {anonymous: nobody}", "server.anonymous: there is no token 'nobody'"},
        Mistake{"server: {apiKeys: [{key: 'file:/api-key', token: a}, {key: 'file:/api-key', "
                "token: a}]}",
                "server.apiKeys[1].key: this key is written twice"},
        Mistake{"server: {threads: 0}", "must be a whole number from 1 to 256"},
        Mistake{"server: {threads: 010x}", "must be a whole number"},
        Mistake{"server: {tls: {certificate: a.pem}}", "TLS needs both"},
        Mistake{"limits: {upstreamTimeout: soon}", "must be a duration like 30s"},
        Mistake{"audit: {durability: maybe}", "must be normal or strict"},
        Mistake{"denials: {windowStatus: 418}", "must be 402 or 429"},
        Mistake{"mcp: {prefix: sometimes}", "must be never, collision or always"},
        Mistake{"endpoints: {/x: {}}", "write `cost: 0` for a free endpoint"},
        Mistake{"tools: [1, 2]", "must be a mapping"}, Mistake{"a: [", "line 1"},
        Mistake{"just text", "must be a mapping"}));

TEST(Config, ApiKeysAreKeptAsHashesAndNeverPrinted) {
  const std::string hash = to_hex(as_bytes_view(flow::ApiKeys::hash("another-key-of-some-agent")));
  const ConfigResult result = parse(
      "server: {apiKeys: [{key: 'file:/api-key', token: agent},\n"
      "                   {key: 'sha256:" +
      hash + "', token: other}]}\n");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const flow::ApiKeys& keys = result.settings->api_keys;
  ASSERT_NE(keys.find("an-api-key-that-is-long-enough"), nullptr);
  EXPECT_EQ(*keys.find("an-api-key-that-is-long-enough"), "agent");
  ASSERT_NE(keys.find("another-key-of-some-agent"), nullptr);
  EXPECT_EQ(*keys.find("another-key-of-some-agent"), "other");
  const std::string printed = print_settings(*result.settings);
  EXPECT_NE(printed.find("acts for agent"), std::string::npos);
  EXPECT_EQ(printed.find("an-api-key"), std::string::npos);
  EXPECT_EQ(printed.find(hash), std::string::npos);
}

TEST(Config, ReportsEveryMistakeOfAFileAtOnce) {
  const ConfigResult result = parse("mode: maybe\nstore: postgres\nnonsense: 1\n");
  EXPECT_EQ(result.errors.size(), 3U) << all(result.errors);
}

TEST(Config, ArticlesAsPrinted) {
  const ConfigResult cursor = parse(R"(
mcpServers:
  github-read:
    url: https://mcp.internal/github-read
    policy:
      price: 1
      dailyLimit: 100
  ci-actions:
    url: https://mcp.internal/ci
    policy:
      price: 10
      requireApproval: true
policies:
  cursor-dev:
    totalDailyCredits: 25
    tools:
      github-read:
        cost: 1
        maxCallsPerHour: 100
      ci-actions:
        enabled: false
)");
  ASSERT_NE(cursor.settings, nullptr) << all(cursor.errors);
  EXPECT_EQ(cursor.settings->mcp_servers.size(), 2U);
  EXPECT_EQ(cursor.settings->tariff->price_of("github-read", "x", "x", "cursor-dev"),
            Money::credits(1));
  const ConfigResult tools = parse(
      "tools:\n  github.search_code:\n    cost: 1 credit       # ~$0.001\n"
      "  analysis.review_code:\n    cost: 50 credits\n");
  EXPECT_NE(tools.settings, nullptr) << all(tools.errors);
  const ConfigResult endpoints = parse(
      "upstreams: {api: {url: 'http://127.0.0.1:1'}}\n"
      "endpoints:\n  /api/search:\n    cost: 2 credits\n  /api/generate/image:\n    cost: 50 "
      "credits\n");
  ASSERT_NE(endpoints.settings, nullptr) << all(endpoints.errors);
  ASSERT_EQ(endpoints.settings->routes.size(), 1U) << "one HTTP upstream serves every path";
  EXPECT_EQ(endpoints.settings->routes[0].path, "*");
}

TEST(Config, TheExampleOfTheContract) {
  const ConfigResult result = parse(R"(
version: 1
server: {listen: "127.0.0.1:8000"}
admin:  {listen: "127.0.0.1:9090"}
currency: {usdPerCredit: 1}
upstreams:
  openai: {kind: openai, url: "https://api.openai.com/v1", credential: "${OPENAI_API_KEY}"}
  orders: {kind: http, url: "http://127.0.0.1:3000"}
mcpServers:
  github-read: {url: "https://mcp.internal/github-read", policy: {price: 1, dailyLimit: 100}}
  files:
    {command: npx, args: ["-y", "@modelcontextprotocol/server-filesystem", "/srv"],
     policy: {price: 1}}
  ci-actions: {url: "https://mcp.internal/ci", policy: {price: 10, requireApproval: true}}
tools: {analysis.review_code: {cost: 50 credits}, "search_*": {cost: 1 credit}}
budgets: {engineering: {monthly: 5000}, research: {daily: 100, parent: engineering}}
lightning: {provider: dev}
)");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  EXPECT_EQ(result.warnings.size(), 1U) << "lightning is not used yet";
  EXPECT_EQ(result.settings->upstreams[0].credential.second, "Bearer sk-test");
  EXPECT_EQ(result.settings->budgets[0].name, "engineering") << "parents first";
}

TEST(Config, SecretsComeFromTheEnvironmentOrAFileAndAreNotPrinted) {
  const ConfigResult result =
      parse("upstreams: {a: {kind: anthropic, url: 'http://x', credential: 'file:/secret'}}");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  EXPECT_EQ(result.settings->upstreams[0].credential.first, "x-api-key");
  EXPECT_EQ(result.settings->upstreams[0].credential.second, "from-file");
  EXPECT_EQ(print_settings(*result.settings).find("from-file"), std::string::npos);
}

TEST(Config, NamesEveryFileItWasReadFrom) {
  using Files = std::vector<std::filesystem::path>;
  const ConfigResult good = load_config("satgate.yaml", test_sources());
  ASSERT_NE(good.settings, nullptr) << all(good.errors);
  EXPECT_EQ(good.files, (Files{"satgate.yaml", "/secret", "a.pem", "b.pem"}));
  const ConfigResult broken = load_config("broken.yaml", test_sources());
  EXPECT_EQ(broken.settings, nullptr);
  EXPECT_EQ(broken.files, (Files{"broken.yaml", "/nowhere"})) << "also when it cannot be used";
  const ConfigResult missing = load_config("missing.yaml", test_sources());
  EXPECT_EQ(all(missing.errors), "cannot read the file 'missing.yaml'\n");
  EXPECT_EQ(missing.files, Files{"missing.yaml"});
}

TEST(Config, ACreditOfACentMakesADollarAHundredCredits) {
  const ConfigResult result = parse("currency: {usdPerCredit: 0.01}\ntools: {a: {cost: $0.05}}");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  EXPECT_EQ(result.settings->tariff->price_of("s", "a", "a", "t"), Money::credits(5));
}

TEST(ProxyConfig, NeedsNoFile) {
  ProxyOptions options;
  options.proxy = "openai";
  const ConfigResult result = proxy_config(options, test_sources());
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  EXPECT_EQ(result.settings->upstreams[0].identity.host, "api.openai.com");
  options.base_url = "http://127.0.0.1:1/v1";
  EXPECT_EQ(proxy_config(options, test_sources()).settings->upstreams[0].identity.host,
            "127.0.0.1");
}

TEST(ProxyConfig, SaysWhichKeyIsMissing) {
  ProxyOptions options;
  options.proxy = "anthropic";
  const ConfigResult refused = proxy_config(options, test_sources());
  EXPECT_NE(all(refused.errors).find("ANTHROPIC_API_KEY is not set"), std::string::npos);
  options.mode = "observe";
  const ConfigResult observing = proxy_config(options, test_sources());
  ASSERT_NE(observing.settings, nullptr) << all(observing.errors);
  EXPECT_TRUE(observing.settings->upstreams[0].passthrough);
}

}  // namespace
}  // namespace satgate::app
