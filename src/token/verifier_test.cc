#include "token/verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "token/macaroon.h"
#include "token/mint.h"

namespace satgate::token {
namespace {

using testing::ElementsAre;
using Lines = std::vector<std::string>;

Hash256 root_secret() {
  Hash256 out{};
  out.fill(7);
  return out;
}

const Keyring& ring() {
  static const Keyring keys(root_secret(), Time{});
  return keys;
}

std::string root(const Lines& caveats = {}) {
  return mint(ring(), TokenId{{1, 2, 3}}, caveats).value();
}

// A child with any line at all, as a holder with another macaroon library would make it.
std::string append_raw(std::string_view token, const Lines& lines) {
  const std::string bytes = macaroon_from_text(token).value();
  Macaroon macaroon = read_macaroon(bytes).value();
  for (const std::string& line : lines) {
    macaroon.signature = chain_next(macaroon.signature, line);
    macaroon.caveats.push_back({line, std::nullopt, std::nullopt});
  }
  return macaroon_to_text(write_macaroon(macaroon).value());
}

Verifier make_verifier(size_t entries = 64) {
  return Verifier(std::make_shared<const Keyring>(ring()), {}, entries);
}

VerifiedToken verified(std::string_view token) {
  Verifier verifier = make_verifier();
  std::string why;
  auto out = verifier.verify(token, &why);
  EXPECT_TRUE(out) << why;
  return out.value();
}

Refusal refusal_of(std::string_view token) {
  Verifier verifier = make_verifier();
  const auto out = verifier.verify(token);
  EXPECT_FALSE(out) << token;
  return out ? Refusal::price_unknown : out.error();
}

Call http_call(std::string_view endpoint, std::string_view method = "GET",
               std::string_view query = "") {
  Call call;
  call.method = method;
  call.endpoint = endpoint;
  call.query = query;
  call.upstream = "orders";
  return call;
}

Call mcp_call(std::string_view server, std::string_view tool, std::string_view listed = "") {
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = server;
  call.tool = tool;
  call.listed_tool = listed.empty() ? tool : listed;
  return call;
}

Call llm_call(std::string_view model) {
  Call call = http_call("/v1/chat/completions", "POST");
  call.protocol = Protocol::openai;
  call.upstream = "openai";
  call.model = model;
  return call;
}

std::optional<Refusal> permit(const Lines& caveats, const Call& call) {
  return permits(verified(root(caveats)), call);
}

TEST(Verify, TellsMalformedFromInvalid) {
  EXPECT_EQ(refusal_of(""), Refusal::token_malformed);
  EXPECT_EQ(refusal_of("sg_"), Refusal::token_malformed);
  EXPECT_EQ(refusal_of("sk-proj-1234"), Refusal::token_malformed);
  EXPECT_EQ(refusal_of("sg_" + std::string(100'000, 'A')), Refusal::token_malformed);
  EXPECT_EQ(refusal_of("MDAxY2xvY2F0aW9uIGh0dHA6Ly9teWJhbmsv"), Refusal::token_malformed);
  Hash256 other{};
  const std::string foreign = mint(Keyring(other, Time{}), TokenId{{1}}, {}).value();
  EXPECT_EQ(refusal_of(foreign), Refusal::token_invalid);
}

TEST(Verify, EveryChangedByteRefuses) {
  const Lines caveats = {"budget_max = 5", "tools = a"};
  const std::string bytes = macaroon_from_text(root(caveats)).value();
  const size_t location_end = bytes.find("satgate") + 7;
  Verifier verifier = make_verifier();
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string changed = bytes;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      const auto token = verifier.verify(macaroon_to_text(changed));
      // The location is a hint that no signature covers; nothing depends on it.
      const bool unsigned_hint = i >= location_end - 7 && i < location_end;
      EXPECT_EQ(token.has_value(), unsigned_hint) << i;
    }
  }
}

TEST(Verify, CaveatsCannotBeRemovedOrReordered) {
  const Lines caveats = {"budget_max = 5", "tools = a", "models = m"};
  const std::string bytes = macaroon_from_text(root(caveats)).value();
  const Macaroon whole = read_macaroon(bytes).value();
  for (size_t i = 0; i < whole.caveats.size(); ++i) {
    Macaroon cut = whole;
    cut.caveats.erase(cut.caveats.begin() + static_cast<ptrdiff_t>(i));
    EXPECT_EQ(refusal_of(macaroon_to_text(*write_macaroon(cut))), Refusal::token_invalid);
    Macaroon swapped = whole;
    std::swap(swapped.caveats[i], swapped.caveats[(i + 1) % 3]);
    EXPECT_EQ(refusal_of(macaroon_to_text(*write_macaroon(swapped))), Refusal::token_invalid);
  }
}

TEST(Verify, ThirdPartyCaveatsRefuseAndSayWhy) {
  const std::string bytes = macaroon_from_text(root()).value();
  Macaroon macaroon = read_macaroon(bytes).value();
  macaroon.caveats.push_back({"c", "https://third.example", "vid"});
  Verifier verifier = make_verifier();
  std::string why;
  const auto token = verifier.verify(macaroon_to_text(*write_macaroon(macaroon)), &why);
  EXPECT_EQ(token.error(), Refusal::token_invalid);
  EXPECT_THAT(why, testing::HasSubstr("third-party"));
}

// --- The holes of SatGate's JavaScript and Go generations, each as a negative test. -------------

TEST(Holes, LastOneWinsExp) {
  const auto token = verified(append_raw(root({"expires = 1000"}), {"expires = 9999999999"}));
  EXPECT_EQ(judge_time(token, Time::seconds(1000)), Refusal::token_expired);
  EXPECT_EQ(judge_time(token, Time::seconds(999)), std::nullopt);
  EXPECT_EQ(expires_at(token), Time::seconds(1000));
}

TEST(Holes, LastOneWinsMaxCallsAndBudget) {
  const auto token =
      verified(append_raw(root({"budget_max = 1", "rate_limit = 1/min", "call_max = 1"}),
                          {"budget_max = 1000000", "rate_limit = 1000000/min", "call_max = 9"}));
  ASSERT_EQ(token.chain().accounts.size(), 4U);
  EXPECT_EQ(token.chain().accounts[0].limits[Window::lifetime], Money::credits(1));
  EXPECT_EQ(token.chain().accounts[1].limits[Window::minute], Money::credits(1));
  EXPECT_TRUE(token.chain().accounts[1].is_rate);
  EXPECT_EQ(call_max(token), Money::credits(1));
}

TEST(Holes, LastOneWinsScope) {
  const auto token = verified(append_raw(root({"endpoints = /read/*"}), {"endpoints = *"}));
  EXPECT_EQ(permits(token, http_call("/admin")), Refusal::endpoint_denied);
  EXPECT_EQ(permits(token, http_call("/read/a")), std::nullopt);
}

TEST(Holes, FirstScopeOnly) {
  const auto token = verified(append_raw(root({"tools = *"}), {"tools = read", "tools = re*"}));
  EXPECT_EQ(permits(token, mcp_call("s", "read")), std::nullopt);
  EXPECT_EQ(permits(token, mcp_call("s", "reset")), Refusal::tool_denied);
}

TEST(Holes, UnknownCaveatsIgnored) {
  for (const char* line : {"scope = api:*", "budget_id = del-0123", "tenant_id = other", "ph=00",
                           "mc=1000000", "delegated_by = x", "preimage=00", "services=api:0", ""}) {
    EXPECT_EQ(refusal_of(append_raw(root(), {line})), Refusal::token_invalid) << line;
  }
}

TEST(Holes, DurationValuedExpiresAcceptedAndNeverEnforced) {
  for (const char* line : {"expires = 5m", "expires = 1h", "expires = soon", "expires = "}) {
    EXPECT_EQ(refusal_of(append_raw(root(), {line})), Refusal::token_invalid) << line;
  }
}

TEST(Holes, FreshCounterByHarmlessCaveat) {
  const std::string parent = root({"budget_max = 5", "rate_limit = 10/min"});
  const auto before = verified(parent);
  const auto after = verified(append_raw(parent, {"holder = x", "label.a = b"}));
  ASSERT_EQ(after.chain().accounts.size(), before.chain().accounts.size());
  for (size_t i = 0; i < before.chain().accounts.size(); ++i) {
    EXPECT_EQ(after.chain().accounts[i].account, before.chain().accounts[i].account);
  }
  EXPECT_EQ(after.token(), before.token());
}

TEST(Holes, BanEscapedByHarmlessCaveat) {
  const std::string parent = root({"holder = banned"});
  const AccountId point = verified(parent).chain().points.back();
  const auto child = verified(append_raw(parent, {"holder = x"}));
  const auto is_point = [&](const AccountId& id) { return id == point; };
  const auto no_token = [](const TokenId&) { return false; };
  EXPECT_EQ(judge_revocation(child, no_token, is_point), Refusal::token_revoked);
  EXPECT_EQ(judge_revocation(verified(root()), no_token, is_point), std::nullopt);
  const auto is_token = [](const TokenId& id) { return id == TokenId{{1, 2, 3}}; };
  EXPECT_EQ(judge_revocation(child, is_token, [](const AccountId&) { return false; }),
            Refusal::token_revoked);
}

TEST(Holes, DelegationNeverCarves) {
  const std::string parent = root({"budget_max = 100"});
  const auto first = verified(append_raw(parent, {"holder = a", "budget_max = 20"}));
  const auto second = verified(append_raw(parent, {"holder = b", "budget_max = 20"}));
  ASSERT_EQ(first.chain().accounts.size(), 2U);
  EXPECT_EQ(first.chain().accounts[0].account, second.chain().accounts[0].account);
  EXPECT_NE(first.chain().accounts[1].account, second.chain().accounts[1].account);
  EXPECT_EQ(first.chain().accounts[1].label, "budget_max 20 of a");
}

TEST(Holes, CheapTokenOpensDearRoute) {
  const Lines cheap = {"models = gpt-4o-mini"};
  EXPECT_EQ(permit(cheap, llm_call("gpt-4o")), Refusal::model_denied);
  EXPECT_EQ(permit(cheap, http_call("/premium")), Refusal::model_denied);
  EXPECT_EQ(permit({"endpoints = /micro/*"}, http_call("/premium/x")), Refusal::endpoint_denied);
}

TEST(Lineage, PointsAreOneWayAndAccountsBelongToThem) {
  const std::string text = root({"budget_max = 5"});
  const auto token = verified(text);
  const std::string bytes = macaroon_from_text(text).value();
  const Macaroon macaroon = read_macaroon(bytes).value();
  const auto& chain = token.chain();
  ASSERT_EQ(chain.points.size(), 2U);
  EXPECT_EQ(chain.points[1], account_id("satgate-lineage", as_bytes_view(macaroon.signature)));
  EXPECT_NE(chain.points[1].view(), as_bytes_view(macaroon.signature).substr(0, 16));
  EXPECT_EQ(chain.accounts[0].account, account_id("lineage", chain.points[1].view()));
  EXPECT_EQ(chain.key_id, ring().active().id);
}

TEST(Lineage, HoldersAndLabels) {
  const auto token = verified(append_raw(root({"label.team = ml", "holder = a"}),
                                         {"holder = b", "label.team = evil", "label.job = x"}));
  EXPECT_THAT(token.chain().holders, ElementsAre("a", "b"));
  EXPECT_EQ(token.chain().leaf_label, "b");
  EXPECT_EQ(label(token, "team"), "ml");
  EXPECT_EQ(label(token, "none"), std::nullopt);
  std::vector<std::pair<std::string_view, std::string_view>> all;
  each_label(token, [&all](auto name, auto value) { all.emplace_back(name, value); });
  EXPECT_THAT(
      all, ElementsAre(std::pair("team", "ml"), std::pair("team", "evil"), std::pair("job", "x")));
}

struct DepthCase {
  Lines lines;
  bool verifies;
};

TEST(Depth, CountsHoldersOrBudgetsAfterTheCaveat) {
  const std::vector<DepthCase> cases = {
      {{"max_depth = 0"}, true},
      {{"max_depth = 0", "tools = a", "expires = 9999999999"}, true},
      {{"max_depth = 0", "holder = a"}, false},
      {{"max_depth = 0", "budget_max = 1"}, false},
      {{"holder = a", "budget_max = 1", "max_depth = 0"}, true},
      {{"max_depth = 1", "holder = a", "budget_max = 1"}, true},
      {{"max_depth = 1", "holder = a", "holder = b"}, false},
      {{"max_depth = 1", "budget_max = 2", "budget_max = 1"}, false},
      {{"max_depth = 2", "holder = a", "max_depth = 5", "holder = b", "holder = c"}, false},
      {{"max_depth = 5", "holder = a", "max_depth = 0", "holder = b"}, false},
  };
  for (const DepthCase& row : cases) {
    Verifier verifier = make_verifier();
    const auto token = verifier.verify(append_raw(root(), row.lines));
    EXPECT_EQ(token.has_value(), row.verifies) << testing::PrintToString(row.lines);
    if (!token) {
      EXPECT_EQ(token.error(), Refusal::depth_exceeded);
    }
  }
}

TEST(Time, ATokenEndsAtItsInstantAndCachesDoNotKeepItAlive) {
  Verifier verifier = make_verifier();
  const std::string text = root({"expires = 1970-01-01T00:16:40Z"});
  for (int i = 0; i < 3; ++i) {
    const auto token = verifier.verify(text);
    ASSERT_TRUE(token);
    EXPECT_EQ(judge_time(*token, Time{1000 * kNanoPerSecond - 1}), std::nullopt);
    EXPECT_EQ(judge_time(*token, Time::seconds(1000)), Refusal::token_expired);
  }
  EXPECT_EQ(verifier.hits(), 2U);
  EXPECT_EQ(judge_time(verified(root()), Time{INT64_MAX}), std::nullopt);
}

struct PermitCase {
  Lines caveats;
  Call call;
  std::optional<Refusal> refusal;
};

TEST(Permits, EachCaveatFailsClosed) {
  const auto ok = std::optional<Refusal>();
  const std::vector<PermitCase> table = {
      {{}, http_call("/a"), ok},
      {{}, mcp_call("s", "t"), ok},
      // tools: the tool, its listed name, or the exact name of its server
      {{"tools = read"}, mcp_call("github", "read"), ok},
      {{"tools = github.read"}, mcp_call("github", "read", "github.read"), ok},
      {{"tools = github"}, mcp_call("github", "write"), ok},
      {{"tools = git*"}, mcp_call("github", "write"), Refusal::tool_denied},
      {{"tools = write"}, mcp_call("github", "read"), Refusal::tool_denied},
      {{"tools = *"}, http_call("/a"), Refusal::tool_denied},
      {{"tools = openai"}, llm_call("gpt-4o"), Refusal::tool_denied},
      {{"tools_deny = write"}, mcp_call("github", "read"), ok},
      {{"tools_deny = write"}, mcp_call("github", "write"), Refusal::tool_denied},
      {{"tools_deny = github.w*"},
       mcp_call("github", "write", "github.write"),
       Refusal::tool_denied},
      {{"tools_deny = git*"}, mcp_call("github", "read"), Refusal::tool_denied},
      {{"tools_deny = *"}, http_call("/a"), ok},
      {{"tools = *", "tools_deny = write"}, mcp_call("s", "write"), Refusal::tool_denied},
      // endpoints and methods
      {{"endpoints = /a"}, http_call("/a"), ok},
      {{"endpoints = /a, /b"}, http_call("/b"), ok},
      {{"endpoints = /a"}, mcp_call("s", "t"), Refusal::endpoint_denied},
      {{"endpoints = *"}, mcp_call("s", "t"), Refusal::endpoint_denied},
      {{"endpoints = /v1/embeddings"}, llm_call("m"), Refusal::endpoint_denied},
      {{"endpoints = /s?source=arxiv"}, http_call("/s", "GET", "source=arxiv"), ok},
      {{"endpoints = /s?source=arxiv"},
       http_call("/s", "GET", "source=arxiv&source=x"),
       Refusal::endpoint_denied},
      {{"endpoints = /read/*"}, http_call("/read/../admin"), Refusal::endpoint_denied},
      {{"methods = GET"}, http_call("/a", "GET"), ok},
      {{"methods = GET"}, http_call("/a", "get"), Refusal::endpoint_denied},
      {{"methods = GET"}, http_call("/a", "HEAD"), Refusal::endpoint_denied},
      {{"methods = GET"}, mcp_call("s", "t"), Refusal::endpoint_denied},
      // upstream and models
      {{"upstream = orders"}, http_call("/a"), ok},
      {{"upstream = openai"}, http_call("/a"), Refusal::endpoint_denied},
      {{"upstream = *"}, http_call("/a"), Refusal::endpoint_denied},
      {{"models = gpt-4o*"}, llm_call("gpt-4o-mini"), ok},
      {{"models = gpt-4o"}, llm_call("gpt-4o-mini"), Refusal::model_denied},
      {{"models = *"}, llm_call(""), Refusal::model_denied},
      {{"models = *"}, http_call("/a"), Refusal::model_denied},
      {{"models = *"}, mcp_call("s", "t"), Refusal::model_denied},
      // precedence: the lowest number of the enum
      {{"models = x", "tools = x", "endpoints = /x"}, http_call("/a"), Refusal::endpoint_denied},
      // what others judge
      {{"budget_max = 0", "rate_limit = 1/day", "expires = 1", "holder = h"}, http_call("/a"), ok},
  };
  for (const PermitCase& row : table) {
    EXPECT_EQ(permit(row.caveats, row.call), row.refusal) << testing::PrintToString(row.caveats);
  }
}

TEST(Permits, AllModelsOfABatchAndNoneOfAStoredAnswer) {
  const BatchItem cheap{"a", "gpt-4o-mini"}, dear{"b", "gpt-5"}, none{"c", ""};
  const Lines caveats = {"models = gpt-4o*"};
  const auto batch = [&](const BatchItem& second) {
    const std::array items = {cheap, second};
    Call call = llm_call("");
    call.batch = items;
    return permit(caveats, call);
  };
  EXPECT_EQ(batch(cheap), std::nullopt);
  EXPECT_EQ(batch(dear), Refusal::model_denied);
  EXPECT_EQ(batch(none), Refusal::model_denied);
  Call stored = llm_call("");
  stored.asks_stored = true;
  EXPECT_EQ(permit(caveats, stored), std::nullopt);
  EXPECT_EQ(permit({"models = gpt-4o*", "methods = POST"}, stored), std::nullopt);
  EXPECT_EQ(permit({"upstream = elsewhere"}, stored), Refusal::endpoint_denied);
}

TEST(Permits, AudienceIsComparedOnlyWhereTheGatewayHasOne) {
  const auto token = verified(root({"audience = a, b"}));
  const Lines mine = {"b", "c"}, foreign = {"x"};
  EXPECT_EQ(permits(token, http_call("/a"), mine), std::nullopt);
  EXPECT_EQ(permits(token, http_call("/a"), {}), std::nullopt);
  EXPECT_EQ(permits(token, http_call("/a"), foreign), Refusal::audience_denied);
  const auto twice = verified(root({"audience = a", "audience = b"}));
  EXPECT_EQ(permits(twice, http_call("/a"), mine), Refusal::audience_denied);
}

TEST(Cache, HitsOnlyOnTheExactCredential) {
  Verifier verifier = make_verifier();
  const std::string text = root({"budget_max = 5"});
  const TokenChain* chain = &verifier.verify(text)->chain();
  EXPECT_EQ(&verifier.verify(text)->chain(), chain);
  EXPECT_EQ(verifier.hits(), 1U);
  std::string forged = text;
  forged.back() = forged.back() == 'A' ? 'Q' : 'A';
  EXPECT_FALSE(verifier.verify(forged));
  EXPECT_FALSE(verifier.verify(forged));  // failures are not remembered as successes
  EXPECT_TRUE(verifier.verify(text.substr(3)));
  EXPECT_EQ(verifier.hits(), 1U);
}

TEST(Cache, IsBoundedAndSurvivesManyTokens) {
  Verifier verifier = make_verifier(8);
  const std::string parent = root();
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 100; ++i) {
      const Lines line = {"holder = h" + std::to_string(i)};
      const auto token = verifier.verify(append_raw(parent, line));
      ASSERT_TRUE(token);
      EXPECT_EQ(token->chain().leaf_label, line[0].substr(9));
    }
  }
  EXPECT_LE(verifier.hits(), 16U);
  const std::string large = root({"tools = " + std::string(4000, 'a')});
  EXPECT_TRUE(verifier.verify(large));
  const uint64_t hits = verifier.hits();
  EXPECT_TRUE(verifier.verify(large));
  EXPECT_EQ(verifier.hits(), hits);  // too large to keep
}

TEST(Cache, ASetKeepsToItsShareOfMemory) {
  Verifier verifier = make_verifier(Verifier::ways);  // one set
  const auto hits = [&](const Lines& tokens) {
    const uint64_t before = verifier.hits();
    for (const std::string& token : tokens) {
      EXPECT_TRUE(verifier.verify(token));
    }
    return verifier.hits() - before;
  };
  const Lines small = {root({"holder = a"}), root({"holder = b"}), root({"holder = c"})};
  EXPECT_EQ(hits(small), 0U);
  EXPECT_EQ(hits(small), 3U);
  const std::string large = root({"tools = " + std::string(1000, 'x')});
  EXPECT_EQ(hits({large}), 0U);
  EXPECT_EQ(hits({small[2], small[1], small[0], large}), 4U);
  // Another large one has room for the newest beside it.
  const std::string larger = root({"tools = " + std::string(1000, 'y')});
  EXPECT_EQ(hits({larger}), 0U);
  EXPECT_EQ(hits({larger, large}), 2U);
  EXPECT_LT(hits(small), 3U);
}

TEST(Cache, ATokenOutlivesItsEntry) {
  Verifier verifier = make_verifier(4);
  const auto token = verifier.verify(root({"holder = kept"}));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(verifier.verify(root({"holder = " + std::to_string(i)})));
  }
  EXPECT_EQ(token->chain().leaf_label, "kept");
}

}  // namespace
}  // namespace satgate::token
