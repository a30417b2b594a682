#include "app/config/config.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "base/text.h"
#include "tariff/tool_price.h"

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
        Mistake{"server: {hosts: ['gw.example:80']}",
                "server.hosts: 'gw.example:80' must be a name"},
        Mistake{"admin: {hosts: ['https://x']}", "admin.hosts: 'https://x' must be a name"},
        Mistake{"server: {publicUrl: 'gw.example'}", "server.publicUrl: The URL must start with"},
        Mistake{"mcp: {authorization: {servers: ['http://as.example']}}",
                "mcp.authorization.servers: 'http://as.example' must be the issuer URL"},
        Mistake{"mcp: {authorization: {scopes: ['a b']}}", "scopes: 'a b' must be one scope"},
        Mistake{"mcp: {authorization: {documentation: 'x'}}", "documentation: must be a URL"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentialFrom: {header: Authorization}}}",
                "a.credentialFrom.header: must be a header of its own"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentialFrom: {}}}",
                "a.credentialFrom.header: must be a header of its own"},
        Mistake{"mcpServers: {a: {url: 'http://x', headers: {Authorization: x}, "
                "credentialFrom: {header: X-A}}}",
                "a.credentialFrom.header: its value is sent as Authorization"},
        Mistake{"mcpServers: {a: {command: x, oauth: {}}}", "a.oauth: unknown key"},
        Mistake{"mcpServers: {a: {command: x, credentials: {t: k}}}", "credentials: unknown key"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentials: {t: k}, "
                "credentialFrom: {header: X-A}}}",
                "a.credentials: stands beside `credentialFrom`"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentials: {}}}", "credentials: names no"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentials: {t: ''}}}", "credentials.t: is em"},
        Mistake{"mcpServers: {a: {url: 'http://x', credentials: {t: [k]}}}", "a.credentials.t: "},
        Mistake{"mcpServers: {a: {url: 'http://x', credentials: {t: '${NOT_SET}'}}}",
                "a.credentials.t: "},
        Mistake{"mcpServers: {a: {url: 'http://x', headers: {X-Key: x}, "
                "credentials: {t: 'X-KEY: y'}}}",
                "a.credentials.t: is sent as x-key, which `headers` has"},
        Mistake{"tools:\n  a: {cost: 1}\n  a: {cost: 999}", "line 3: tools.a: this key is written"},
        Mistake{"mcp: {pageSize: 0}", "mcp.pageSize: '0' must be a whole number from 1 to 1000"},
        Mistake{"mcp: {pageSize: 1001}", "mcp.pageSize: '1001' must be a whole number from 1 to"},
        Mistake{"tools: {a: {cost: -1}}", "tools.a.cost: '-1' is not an amount"},
        Mistake{"tools: {a: {cost: 1e3}}", "tools.a.cost: '1e3' is not an amount"},
        Mistake{"tools: {a: {prise: 1}}", "tools.a.prise: unknown key"},
        Mistake{"tools: {a: {price: 1}}", "tools.a.price: must be a mapping of keys; a flat price"},
        Mistake{"tools: {a: {cost: 1, price: {base: 1}}}", "a.price: stands beside `cost`"},
        Mistake{"tools: {a: {price: {perUnit: {amount: 1, max: 2}}}}", "argument: is missing"},
        Mistake{"tools: {a: {price: {perUnit: {argument: n, max: 2, tiers: []}}}}", "has no tier"},
        Mistake{"tools: {a: {price: {perUnit: {argument: n, max: 2, amount: 1, tiers: "
                "[{amount: 1}]}}}}",
                "stand beside `amount`"},
        Mistake{"tools: {a: {price: {perUnit: {argument: n, max: 2, tiers: [{upTo: 1}]}}}}",
                "amount: is missing"},
        Mistake{"tools: {a: {price: {maxResultKiB: 2}}}", "price.perResultKiB: is missing; both"},
        Mistake{"tools: {a: {cache: {ttl: 8d}}}", "cache.ttl: must be from a second to a week"},
        Mistake{"tools: {resources/read: {cache: {ttl: 8s}}}", "read.cache: is not looked at"},
        Mistake{"mcpServers: {a: {command: x, policy: {maxAsksPerCall: 65}}}", "maxAsksPerCall"},
        Mistake{"tools: {a: {cost: 5 sats}}", "currency.usdPerSat is not set"},
        Mistake{"tools:\n  a:\n    arguments:\n      b:\n        pattern: '('",
                "line 5: tools.a.arguments.b.pattern: '(' is no regular expression"},
        Mistake{"tools: {a: {arguments: {b: {max: ten}}}}", "arguments.b.max: must be a number"},
        Mistake{"tools: {a: {arguments: {b: {min: 2, max: 1}}}}", "b.min: is above `max`"},
        Mistake{"tools: {a: {arguments: {b: {}}}}", "tools.a.arguments.b: says nothing"},
        Mistake{"tools: {a: {arguments: {b: {min: 1, oneOf: []}}}}", "b.oneOf: lists nothing"},
        Mistake{"tools: {a: {arguments: {b: {hosts: ['*']}}}}", "b.hosts: '*' must be a host"},
        Mistake{"tools: {a: {arguments: {b: {maximum: 1}}}}", "maximum: unknown key"},
        Mistake{"policies: {t: {tools: {a: {arguments: {b..c: {max: 1}}}}}}",
                "policies.t.tools.a.arguments.b..c: must be the name of an argument"},
        Mistake{"mcpServers: {a: {command: x, policy: {allow: write}}}", "must be read or all"},
        Mistake{"tools: {prompts/get: {arguments: {a: {max: 1}}}}",
                "prompts/get.arguments: is not"},
        Mistake{"approvals: {expires: 8d}", "approvals.expires: must be from a second to a week"},
        Mistake{"approvals: {wait: 1h}", "approvals.wait: must be at most 600 seconds"},
        Mistake{"approvals: {webhook: 'ftp://x', secret: y}", "approvals.webhook"},
        Mistake{"approvals: {webhook: 'http://x/y?z'}", "approvals.secret: is missing"},
        Mistake{"tools: {a: {approvalAbove: -1}}", "approvalAbove: '-1' is not an amount"},
        Mistake{"version: 2", "this version reads `version: 1`"},
        Mistake{"mode: sell", "must be observe, control or charge"},
        Mistake{"mode: maybe", "'maybe' must be observe, control or charge"},
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
        Mistake{"mcpServers: {a: {command: x, sharing: some}}",
                "'some' must be automatic, shared or separate"},
        Mistake{"mcpServers: {a: {command: x, definitions: some}}",
                "'some' must be trusted, pinned or reviewed"},
        Mistake{"mcpServers: {a: {command: x, tools: {t: {}}}}", "says nothing"},
        Mistake{"mcpServers: {a: {command: x, tools: {t: {name: 'b c'}}}}", "must have 1 to 64 of"},
        Mistake{"mcpServers: {a: {command: x, tools: {t: {name: satgate.budget}}}}",
                "not begin with 'satgate.'"},
        Mistake{"mcpServers: {a: {command: x, tools: {t: {name: b}, u: {name: b}}}}",
                "another tool of this server is 'b' already"},
        Mistake{"mcp: {toolNameMax: 23}", "toolNameMax"},
        Mistake{"mcp: {toolNameMax: 65}", "toolNameMax"},
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
        Mistake{"models: {m: {input: 1, output: 1, batch: {input: 1}}}",
                "models.m.batch: needs both input and output"},
        Mistake{"models: {m: {input: 1, output: 1, batch: {input: 1, output: 1, flex: 1}}}",
                "models.m.batch.flex: unknown key"},
        Mistake{"endpoints: {/a: {cost: 1, share: {x: 20.00001%}}}", "share.x: must be a share"},
        Mistake{"endpoints: {/a: {cost: 1, share: {x: 101}}}", "share.x: must be a share"},
        Mistake{"endpoints: {/a: {cost: 1, share: {x: -1%}}}", "share.x: must be a share"},
        Mistake{"tools: {a: {cost: 1, share: {x: 60%, y: 40.0001%}}}",
                "a.share: is more than 100%"},
        Mistake{"tools: {a: {cost: 1, share: {'x y': 60%}}}", "is no name of a partner"},
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
  EXPECT_EQ(result.warnings, std::vector<std::string>());
  EXPECT_EQ(result.settings->upstreams[0].credential.second, "Bearer sk-test");
  EXPECT_EQ(result.settings->budgets[0].name, "engineering") << "parents first";
}

TEST(Config, WhatMayBeBoughtOfAnUpstream) {
  const ConfigResult result = parse(R"(
currency: {usdPerSat: 0.0006}
lightning: {provider: dev}
upstreams: {shop: {kind: http, url: "http://x"}}
routes:
  - {match: /a/*, upstream: shop, price: 1, pay: {max: $0.05}}
  - match: /b/*
    upstream: shop
    price: 1
    pay: {max: 10 sats, feeMax: 3%, totalPerDay: $5, reuse: route, shared: true}
  - {match: /c/*, upstream: shop, price: 1}
)");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const auto& routes = result.settings->routes;
  ASSERT_TRUE(routes[0].pay && routes[1].pay);
  EXPECT_EQ(routes[0].pay->max, parse_amount("0.05").value());
  EXPECT_EQ(routes[0].pay->fee_percent, 1);
  EXPECT_FALSE(routes[0].pay->daily || routes[0].pay->shared);
  EXPECT_EQ(routes[1].pay->max, parse_amount("0.006").value());
  EXPECT_EQ(routes[1].pay->fee_percent, 3);
  EXPECT_EQ(routes[1].pay->daily, Money::credits(5));
  EXPECT_EQ(routes[1].pay->reuse, flow::PayTerms::Reuse::route);
  EXPECT_TRUE(routes[1].pay->shared);
  EXPECT_FALSE(routes[2].pay);
}

TEST(Config, ARouteThatCanNotBuyIsAMistake) {
  const auto errors = [](std::string_view lightning, std::string_view upstream,
                         std::string_view route) {
    const ConfigResult result = parse(fmt::format(
        "currency: {{usdPerSat: 0.0006}}\n{}\nupstreams: {{shop: {{url: 'http://x', {}}}}}\n"
        "routes: [{{match: /a/*, upstream: shop, price: 1, {}}}]\n",
        lightning, upstream, route));
    EXPECT_EQ(result.settings, nullptr);
    return all(result.errors);
  };
  constexpr std::string_view node = "lightning: {provider: dev}";
  constexpr std::string_view http = "kind: http";
  const auto has = [](const std::string& said, std::string_view part) {
    EXPECT_NE(said.find(part), std::string::npos) << said;
  };
  has(errors(node, http, "pay: {feeMax: 1%}"), "pay.max: is missing");
  has(errors(node, http, "pay: {max: 0}"), "pay.max: must be more than nothing");
  has(errors(node, http, "pay: {max: 1, feeMax: 101%}"), "feeMax: must be a share");
  has(errors(node, http, "pay: {max: 1, reuse: host}"), "reuse");
  has(errors(node, http, "pay: {max: 1, most: 2}"), "pay.most: unknown key");
  has(errors("", http, "pay: {max: 1}"), "there is no `lightning`");
  has(errors(node, http, "mode: charge, pay: {max: 1}"), "is in mode charge");
  has(errors(node, "kind: http, credential: key", "pay: {max: 1}"),
      "`credential` in Authorization");
  has(errors(node, "kind: openai", "pay: {max: 1}"), "is not of kind http");
}

TEST(Config, WhoSharesAConnectionToAnMcpServer) {
  using Sharing = flow::mcp::ServerConfig::Sharing;
  const ConfigResult result = parse(
      "mcpServers: {a: {command: x}, b: {command: x, sharing: separate}, "
      "c: {url: 'http://x', sharing: shared}}");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const auto& servers = result.settings->mcp_servers;
  ASSERT_EQ(servers.size(), 3U);
  EXPECT_EQ(servers[0].sharing, Sharing::automatic);
  EXPECT_EQ(servers[1].sharing, Sharing::separate);
  EXPECT_EQ(servers[2].sharing, Sharing::shared);
}

TEST(Config, HostsAndThePublicUrlOfAListener) {
  const ConfigResult result = parse(
      "server: {hosts: [gw.example, '*.team.example'], publicUrl: 'https://GW2.example/base/'}\n"
      "admin: {listen: '0.0.0.0:9090', hosts: admin.example}\n");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const flow::Settings& settings = *result.settings;
  EXPECT_EQ(settings.public_url, "https://gw2.example/base");
  for (const char* host : {"gw.example", "a.team.example", "gw2.example", "localhost:8000"}) {
    EXPECT_TRUE(settings.server.hosts.answers_to(host)) << host;
  }
  EXPECT_FALSE(settings.server.hosts.answers_to("admin.example"));
  EXPECT_TRUE(settings.admin.hosts.answers_to("admin.example:9090"));
  EXPECT_FALSE(settings.admin.hosts.answers_to("gw.example"));
}

TEST(Config, HowTheGatewayGetsAccessTokensAtAnMcpServer) {
  const ConfigResult result = parse(
      "mcpServers:\n"
      "  a: {url: 'https://a.example/mcp', caFile: ca.pem, oauth: {tokenUrl: "
      "'https://as.example/t',\n"
      "      clientId: me, clientSecret: 'file:/secret', scope: [x, y]}}\n"
      "  b: {url: 'https://b.example/mcp', credential: 'X-Key: own',\n"
      "      credentialFrom: {header: X-B-Authorization}}\n");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const auto& servers = result.settings->mcp_servers;
  const auto& first = std::get<flow::mcp::HttpUpstream>(servers[0].transport);
  const flow::mcp::OAuthClient expected = {.token_url = "https://as.example/t",
                                           .client_id = "me",
                                           .client_secret = "from-file",
                                           .scope = "x y",
                                           .resource = "https://a.example/mcp",
                                           .audience = {},
                                           .secret_in_body = false,
                                           .ca_file = "ca.pem"};
  EXPECT_EQ(first.oauth, expected);
  const auto& second = std::get<flow::mcp::HttpUpstream>(servers[1].transport);
  EXPECT_EQ(second.credential_from, "x-b-authorization");
  EXPECT_EQ(second.credential.first, "x-key");
  EXPECT_TRUE(second.headers.empty());
  EXPECT_EQ(print_settings(*result.settings).find("from-file"), std::string::npos);
}

TEST(Config, CredentialsOfTokensAtAnMcpServer) {
  const ConfigResult result = parse(
      "mcpServers:\n"
      "  a: {url: 'https://a.example/mcp', credential: own, credentials: {\n"
      "      one: 'Bearer of-one', two: 'file:/secret', three: 'X-Key: of-three',\n"
      "      four: 'Basic of=', nobody: of-nobody}}\n");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  const auto& http = std::get<flow::mcp::HttpUpstream>(result.settings->mcp_servers[0].transport);
  const decltype(http.credentials) expected = {{"one", {"authorization", "Bearer of-one"}},
                                               {"two", {"authorization", "Bearer from-file"}},
                                               {"three", {"x-key", "of-three"}},
                                               {"four", {"authorization", "Basic of="}},
                                               {"nobody", {"authorization", "Bearer of-nobody"}}};
  EXPECT_EQ(http.credentials, expected);
  EXPECT_EQ(http.credential.second, "Bearer own");
  ASSERT_EQ(result.warnings.size(), 1U);
  EXPECT_NE(result.warnings[0].find("a.credentials.nobody: there is no token"), std::string::npos);
  const std::string printed = print_settings(*result.settings);
  for (const char* secret : {"of-one", "from-file", "of-three", "of=", "of-nobody"})
    EXPECT_EQ(printed.find(secret), std::string::npos) << secret;
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

TEST(Config, PricesByArgumentAndByAnswerAreRead) {
  const ConfigResult result = parse(
      "tools:\n"
      "  a:\n"
      "    price:\n"
      "      base: $1\n"
      "      perUnit: {argument: n, amount: 0.5, max: 10, min: 2, default: 3}\n"
      "      byArgument: {argument: s, values: {x: 1, y: 4}, other: 5, default: x}\n"
      "      perResultKiB: 0.25\n"
      "      maxResultKiB: 8\n"
      "    cache: {ttl: 1m, cost: 0.1, scope: budget}\n");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  Call call;
  call.protocol = Protocol::mcp;
  call.tool = call.listed_tool = "a";
  const auto offer = result.settings->tariff->offer_of_tool(call, "t");
  ASSERT_TRUE(offer && offer->parts);
  EXPECT_EQ(offer->cost, Money::credits(1 + 5 + 5 + 2));
  EXPECT_EQ(offer->parts->per_unit->min, 2);
  EXPECT_EQ(result.settings->tariff->quote(call, "t")->fixed(), Money::nano(3'500'000'000));
  const tariff::ToolCache* cache = result.settings->tariff->cache_of(call, "t");
  ASSERT_NE(cache, nullptr);
  EXPECT_EQ(cache->ttl_seconds, 60);
  EXPECT_EQ(cache->cost, Money::nano(100'000'000));
  EXPECT_EQ(cache->scope, tariff::CacheScope::budget);
}

TEST(Config, AWalletByNwcIsNamedByItsUriAlone) {
  const std::string key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
  const std::string uri = "nostr+walletconnect://" + key + "?relay=wss://r.example&secret=" + key;
  const auto with = [](const std::string& members) {
    return parse("currency: {usdPerSat: 0.0006}\nlightning: {provider: nwc, " + members + "}\n");
  };
  const ConfigResult good = with("credential: '" + uri + "'");
  ASSERT_NE(good.settings, nullptr) << all(good.errors);
  EXPECT_EQ(good.settings->lightning->credential, uri);
  EXPECT_NE(all(with("url: 'https://r', credential: '" + uri + "'").errors).find("no meaning"),
            std::string::npos);
  EXPECT_NE(all(with("network: regtest").errors).find("credential"), std::string::npos);
  const std::string why = all(with("credential: '" + uri + "0'").errors);
  EXPECT_NE(why.find("lightning.credential"), std::string::npos) << why;
  EXPECT_EQ(why.find(key), std::string::npos) << why;
}

TEST(Config, SharesStandWherePricesStand) {
  const ConfigResult result = parse(
      "upstreams: {a: {kind: http, url: 'http://x'}}\n"
      "mcpServers: {s: {url: 'http://m', policy: {price: 1, share: {srv: 5%}}}}\n"
      "tools: {t: {cost: 1, share: {acme: 12.3456%, data: 20}}}\n"
      "endpoints: {/api/x: {cost: 1, share: {}}, '/api/*': {cost: 1}}\n"
      "routes: [{name: r, match: /api/*, upstream: a, share: {host: 100%}}]\n");
  ASSERT_TRUE(result.settings) << all(result.errors);
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = "s";
  call.tool = call.listed_tool = "t";
  const auto shares = [&] {
    const auto found = result.settings->tariff->shares_of(call, "a");
    return Shares(found.begin(), found.end());
  };
  EXPECT_EQ(shares(), (Shares{{"acme", 123'456}, {"data", 200'000}}));
  call.tool = call.listed_tool = "other";
  EXPECT_EQ(shares(), (Shares{{"srv", 50'000}}));
  call.protocol = Protocol::http;
  call.route = "r";
  call.endpoint = "/api/x";
  EXPECT_EQ(shares(), Shares{}) << "an entry may say that nobody has a share";
  call.endpoint = "/api/y";
  EXPECT_EQ(shares(), (Shares{{"host", kWholeShare}}));
}

TEST(Config, WebhooksAreOfNodesThatSendThem) {
  const auto with = [](const std::string& provider, const std::string& webhook) {
    return parse("currency: {usdPerSat: 0.0006}\nlightning: {provider: " + provider +
                 ", url: 'http://n', credential: 'a:b', webhook: " + webhook + "}\n");
  };
  const ConfigResult good = with("phoenixd", "{secret: 'file:/secret'}");
  ASSERT_NE(good.settings, nullptr) << all(good.errors);
  EXPECT_TRUE(good.settings->lightning->hears_webhooks);
  EXPECT_EQ(good.settings->lightning->webhook_secret, "from-file");
  EXPECT_EQ(print_settings(*good.settings).find("from-file"), std::string::npos);
  EXPECT_NE(with("lnbits", "{url: 'http://me/.well-known/satgate/lightning'}").settings, nullptr);
  for (const auto& [provider, webhook] :
       std::map<std::string, std::string>{{"phoenixd", "{url: 'http://me'}"},
                                          {"lnbits", "{url: 'http://me', secret: x}"},
                                          {"electrum", "{url: 'http://me'}"}})
    EXPECT_EQ(with(provider, webhook).settings, nullptr) << provider;
  EXPECT_EQ(with("lnbits", "{url: me}").settings, nullptr);
  EXPECT_EQ(with("lnbits", "{}").settings, nullptr);
}

TEST(Config, HowOftenServersMayAskIsBounded) {
  const ConfigResult result =
      parse("mcpServers: {s: {url: \"http://127.0.0.1:1/mcp\", policy: {maxAsksPerCall: 0}}}");
  ASSERT_NE(result.settings, nullptr) << all(result.errors);
  EXPECT_EQ(result.settings->mcp_asks_max("s"), 0u);
  EXPECT_EQ(result.settings->mcp_asks_max("other"), limits::mcp_asks_default);
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
