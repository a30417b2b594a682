#include "tariff/tariff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tariff/prices.h"

namespace satgate::tariff {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<const Tariff> make(Policy policy) {
  auto tariff = Tariff::create(std::move(policy));
  EXPECT_TRUE(tariff) << (tariff ? "" : tariff.error().message);
  return tariff ? std::move(*tariff) : nullptr;
}

Money credits(std::string_view text) {
  return parse_amount(text).value();
}

Call tool_call(std::string_view server, std::string_view tool, std::string_view listed = {}) {
  Call call;
  call.protocol = Protocol::mcp;
  call.upstream = server;
  call.tool = tool;
  call.listed_tool = listed.empty() ? tool : listed;
  return call;
}

Call http_call(std::string_view path, std::string_view route = "api") {
  Call call;
  call.endpoint = path;
  call.route = route;
  return call;
}

Call chat_call(std::string_view model, uint64_t input_bytes = 1000,
               std::optional<uint64_t> output = 100, uint32_t choices = 1) {
  Call call;
  call.protocol = Protocol::openai;
  call.model = model;
  call.input_bytes = input_bytes;
  call.output_tokens_max = output;
  call.choices = choices;
  return call;
}

// "worst by rule", or the code of the refusal.
std::string said(const std::expected<Quote, Refusal>& quote) {
  if (!quote) return std::string(code(quote.error()));
  return format_credits(quote->worst()) + " by " + std::string(quote->rule());
}

// The config of the article "Cursor MCP Proxy Setup Guide".
Policy cursor_article() {
  Policy policy;
  ServerPolicy github, web, ci;
  github.price = credits("1");
  github.limits[Window::day] = credits("100");
  web.price = credits("2");
  web.limits[Window::day] = credits("50");
  ci.price = credits("10");
  ci.require_approval = true;
  policy.servers = {{"github-read", github}, {"web-fetch", web}, {"ci-actions", ci}};
  TokenPolicy cursor;
  cursor.limits[Window::day] = credits("25");
  cursor.tools["github-read"] = {.cost = credits("1"), .max_calls_per_hour = 100};
  cursor.tools["web-fetch"] = {.cost = credits("2"), .max_calls_per_hour = 20};
  cursor.tools["ci-actions"] = {.enabled = false};
  policy.tokens["cursor-dev"] = cursor;
  return policy;
}

TEST(Article, CursorServersAndTokenPolicy) {
  const auto tariff = make(cursor_article());
  EXPECT_EQ(said(tariff->quote(tool_call("github-read", "search_code"), "cursor-dev")),
            "1 by policies.cursor-dev.tools.github-read");
  EXPECT_EQ(said(tariff->quote(tool_call("web-fetch", "get"), "someone-else")),
            "2 by mcpServers.web-fetch.policy.price");
  EXPECT_EQ(said(tariff->quote(tool_call("ci-actions", "deploy"), "cursor-dev")), "tool_denied");
  EXPECT_EQ(said(tariff->quote(tool_call("ci-actions", "deploy"), "ops")), "approval_required");
  EXPECT_EQ(said(tariff->quote(tool_call("ci-actions", "deploy"), "ops", true)),
            "10 by mcpServers.ci-actions.policy.price");
  // Approval never overrides a ban.
  EXPECT_EQ(said(tariff->quote(tool_call("ci-actions", "deploy"), "cursor-dev", true)),
            "tool_denied");
  EXPECT_TRUE(tariff->requires_approval(tool_call("ci-actions", "deploy"), "ops"));
  EXPECT_EQ(said(tariff->quote(tool_call("unheard-of", "x"), "cursor-dev")), "price_unknown");
}

TEST(Article, CursorAccounts) {
  const auto tariff = make(cursor_article());
  Path path;
  ASSERT_TRUE(tariff->add_accounts(path, tool_call("web-fetch", "get"), "cursor-dev"));
  ASSERT_EQ(path.size(), 3u);
  const PathEntry& policy = path.entries()[0];
  EXPECT_EQ(policy.kind, AccountKind::policy);
  EXPECT_EQ(policy.limits[Window::day], credits("25"));
  EXPECT_EQ(policy.account, account_id("policy", "cursor-dev"));
  EXPECT_EQ(policy.label, "policy cursor-dev");
  const PathEntry& server = path.entries()[1];
  EXPECT_EQ(server.kind, AccountKind::tool);
  EXPECT_EQ(server.limits[Window::day], credits("50"));
  EXPECT_EQ(server.account, account_id("tool-limit", "web-fetch"));
  EXPECT_EQ(server.label, "tool web-fetch");
  const PathEntry& rate = path.entries()[2];
  EXPECT_EQ(rate.kind, AccountKind::rate);
  EXPECT_EQ(rate.limits[Window::hour], Money::credits(20));
  EXPECT_EQ(rate.label, "calls of policies.cursor-dev.tools.web-fetch");

  Path other;
  ASSERT_TRUE(tariff->add_accounts(other, tool_call("web-fetch", "get"), "someone-else"));
  ASSERT_EQ(other.size(), 1u);
  EXPECT_EQ(other.entries()[0].account, server.account) << "a server's limit is shared by all";
}

TEST(Article, ToolCosts) {
  Policy policy;
  policy.tools["github.search_code"] = {.cost = credits("1 credit")};
  policy.tools["analysis.review_code"] = {.cost = credits("50 credits")};
  policy.tools["analysis.generate_report"] = {.cost = credits("200 credits")};
  const auto tariff = make(policy);
  // As server and tool, and as one tool whose own name has the dot.
  EXPECT_EQ(said(tariff->quote(tool_call("analysis", "review_code"), "t")),
            "50 by tools.analysis.review_code");
  EXPECT_EQ(said(tariff->quote(tool_call("suite", "analysis.review_code"), "t")),
            "50 by tools.analysis.review_code");
  EXPECT_EQ(said(tariff->quote(tool_call("other", "review_code"), "t")), "price_unknown");
}

TEST(Article, EndpointCosts) {
  Policy policy;
  policy.endpoints["/api/search"] = {credits("2 credits")};
  policy.endpoints["/api/generate"] = {credits("15 credits")};
  policy.endpoints["/api/generate/image"] = {credits("50 credits")};
  policy.endpoints["/api/embed"] = {credits("1 credit")};
  const auto tariff = make(policy);
  EXPECT_EQ(said(tariff->quote(http_call("/api/generate"), "t")), "15 by endpoints./api/generate");
  EXPECT_EQ(said(tariff->quote(http_call("/api/generate/image"), "t")),
            "50 by endpoints./api/generate/image");
  EXPECT_EQ(said(tariff->quote(http_call("/api/other"), "t")), "price_unknown");
  const auto quote = tariff->quote(http_call("/api/generate"), "t");
  const auto offers = tariff->alternatives(http_call("/api/generate"), *quote, "t");
  ASSERT_EQ(offers.size(), 2u);
  EXPECT_EQ(offers[0].name, "/api/embed");
  EXPECT_EQ(offers[1].name, "/api/search");
  EXPECT_EQ(offers[1].kind, Alternative::Kind::endpoint);
}

TEST(Article, ModelsPerCallNameTheCheaperOne) {
  Policy policy;
  policy.models["gpt-4o"] = {.cost = credits("15")};
  policy.models["gpt-4o-mini"] = {.cost = credits("1")};
  const auto tariff = make(policy);
  const Call call = chat_call("gpt-4o");
  const auto quote = tariff->quote(call, "t");
  EXPECT_EQ(said(quote), "15 by models.gpt-4o");
  EXPECT_FALSE(quote->is_per_token());
  const auto offers = tariff->alternatives(call, *quote, "t");
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].name, "gpt-4o-mini");
  EXPECT_EQ(offers[0].cost, credits("1"));
}

TEST(Resolution, MostSpecificWins) {
  Policy policy;
  policy.servers["git"].price = credits("9");
  policy.tools["*"] = {.cost = credits("1")};
  policy.tools["gi*"] = {.cost = credits("2")};
  policy.tools["git"] = {.cost = credits("3")};
  policy.tools["search_*"] = {.cost = credits("4")};
  policy.tools["git.search_*"] = {.cost = credits("5")};
  policy.tools["git.search_code"] = {.cost = credits("6")};
  policy.tools["search_code"] = {.cost = credits("7")};
  policy.tokens["dev"].tools["*"] = {.cost = credits("8")};
  const auto tariff = make(policy);
  struct Case {
    std::string_view server, tool, token, want;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"hg", "log", "t", "1 by tools.*"},
           {"gitlab", "log", "t", "2 by tools.gi*"},
           {"git", "log", "t", "3 by tools.git"},
           {"hg", "search_all", "t", "4 by tools.search_*"},
           {"git", "search_all", "t", "5 by tools.git.search_*"},
           {"git", "search_code", "t", "7 by tools.search_code"},  // equally exact: the dearest
           {"hg", "search_code", "t", "7 by tools.search_code"},
           {"git", "search_code", "dev", "8 by policies.dev.tools.*"},
       }) {
    EXPECT_EQ(said(tariff->quote(tool_call(c.server, c.tool), c.token)), c.want);
    EXPECT_EQ(format_credits(*tariff->price_of(c.server, c.tool, c.tool, c.token)),
              c.want.substr(0, 1));
  }
}

TEST(Resolution, SpecificEntryReopensWhatAStarCloses) {
  Policy policy;
  policy.servers["git"].price = credits("1");
  policy.tokens["dev"].tools["*"] = {.enabled = false};
  policy.tokens["dev"].tools["log"] = {};
  const auto tariff = make(policy);
  EXPECT_EQ(said(tariff->quote(tool_call("git", "push"), "dev")), "tool_denied");
  EXPECT_EQ(said(tariff->quote(tool_call("git", "log"), "dev")),
            "1 by mcpServers.git.policy.price");
}

TEST(Resolution, NoTableReopensWhatAnotherCloses) {
  Policy policy;
  policy.servers["git"] = {.price = credits("1"), .enabled = false};
  policy.servers["hg"] = {.price = credits("1")};
  policy.tools["hg"] = {.enabled = false};
  policy.tokens["dev"].tools["git"] = {.cost = credits("1"), .enabled = true};
  policy.tokens["dev"].tools["hg.log"] = {.cost = credits("1"), .enabled = true};
  const auto tariff = make(policy);
  EXPECT_EQ(said(tariff->quote(tool_call("git", "log"), "dev")), "tool_denied");
  EXPECT_EQ(said(tariff->quote(tool_call("hg", "log"), "dev")), "tool_denied");
  EXPECT_FALSE(tariff->price_of("git", "log", "log", "dev"));
}

TEST(Resolution, ListedNameCounts) {
  Policy policy;
  policy.tools["git_log"] = {.cost = credits("3")};
  const auto tariff = make(policy);
  EXPECT_EQ(said(tariff->quote(tool_call("git", "log", "git_log"), "t")), "3 by tools.git_log");
}

TEST(Resolution, OverlongToolNameIsDeniedNotUnmatched) {
  Policy policy;
  policy.tools["*"] = {.cost = credits("1")};
  const std::string name(600, 'a');
  EXPECT_EQ(said(make(policy)->quote(tool_call("git", name), "t")), "tool_denied");
}

TEST(Resolution, Endpoints) {
  Policy policy;
  policy.endpoints["/api/search/"] = {credits("2")};
  policy.endpoints["/api/*"] = {credits("1")};
  policy.endpoints["/api/admin/*"] = {credits("5")};
  policy.endpoints["/api/*/export"] = {credits("6")};
  policy.endpoints["/free"] = {Money()};
  policy.routes["paid"] = {credits("7")};
  const auto tariff = make(policy);
  for (const auto& [path, want] : std::initializer_list<std::pair<const char*, const char*>>{
           {"/api/search", "2 by endpoints./api/search/"},
           {"/api/search/", "2 by endpoints./api/search/"},
           {"/api/searching", "1 by endpoints./api/*"},
           {"/api/admin/users", "5 by endpoints./api/admin/*"},
           {"/api/x/export", "6 by endpoints./api/*/export"},
           {"/free", "0 by endpoints./free"},
           {"/elsewhere", "price_unknown"},
       }) {
    EXPECT_EQ(said(tariff->quote(http_call(path), "t")), want) << path;
  }
  EXPECT_EQ(said(tariff->quote(http_call("/elsewhere", "paid"), "t")), "7 by routes.paid.price");
}

TEST(Models, BuiltinTableHasTheArticlesModels) {
  const auto tariff = make({});
  for (const auto* name :
       {"gpt-4", "gpt-3.5-turbo", "gpt-4o", "gpt-4o-mini", "gpt-4o-2024-08-06", "gpt-4.1", "o3",
        "gpt-5", "claude-3-5-sonnet-latest", "claude-sonnet-4-20250514", "claude-opus-4-1",
        "text-embedding-3-small"}) {
    EXPECT_TRUE(tariff->quote(chat_call(name), "t")) << name;
  }
  for (const auto* name : {"gpt-4o-2031-01-01", "gpt-4o-mini-audio-preview", "GPT-4o", "gpt-4o ",
                           "claude-sonnet-5-5-20991231", "gpt-99", "whisper-1"}) {
    EXPECT_EQ(said(tariff->quote(chat_call(name), "t")), "price_unknown") << name;
  }
  Call none = chat_call("");
  none.route = "paid";
  EXPECT_EQ(said(tariff->quote(none, "t")), "price_unknown");
}

TEST(Models, OfAProviderOnlyAnExactPathHasAPrice) {
  Policy policy;
  policy.endpoints["/v1/*"] = {credits("0")};
  policy.endpoints["/v1/files"] = {credits("1")};
  const auto tariff = make(std::move(policy));
  const auto at = [&](Protocol protocol, std::string_view path) {
    Call call;
    call.protocol = protocol;
    call.endpoint = path;
    return said(tariff->quote(call, "t"));
  };
  for (const Protocol protocol : {Protocol::openai, Protocol::anthropic}) {
    EXPECT_EQ(at(protocol, "/v1/files"), "1 by endpoints./v1/files");
    EXPECT_EQ(at(protocol, "/v1/files/"), "price_unknown");
    EXPECT_EQ(at(protocol, "/v1/batches"), "price_unknown");
  }
  EXPECT_EQ(at(Protocol::http, "/v1/batches"), "0 by endpoints./v1/*");
}

TEST(Models, BuiltinRowsAreSane) {
  std::string_view last;
  for (const BuiltinModel& model : builtin_models()) {
    EXPECT_LT(last, model.name);
    last = model.name;
    ASSERT_LT(model.prices, builtin_prices().size());
    const BuiltinPrices& prices = builtin_prices()[model.prices];
    EXPECT_GT(prices.base.input, 0) << model.name;
    EXPECT_LE(prices.base.cached_input, prices.base.input) << model.name;
    EXPECT_GE(prices.base.cache_write, prices.base.input) << model.name;
    EXPECT_GE(prices.base.cache_write_1h, prices.base.cache_write) << model.name;
    EXPECT_GE(prices.long_context.input, prices.base.input) << model.name;
    EXPECT_EQ(prices.base.output == 0, model.kind == ModelKind::embedding) << model.name;
  }
  EXPECT_GT(builtin_models().size(), 200u);
}

TEST(Models, KnownPricesToTheNano) {
  const auto tariff = make({});
  // gpt-4o-mini: 0.15 and 0.60 dollars per million. 1000 bytes in, 100 tokens out.
  EXPECT_EQ(said(tariff->quote(chat_call("gpt-4o-mini"), "t")), "0.00021 by models.gpt-4o-mini");
  const auto quote = tariff->quote(chat_call("gpt-4"), "t");
  EXPECT_EQ(quote->fixed(), credits("0.03"));
  EXPECT_EQ(quote->worst(), credits("0.036"));
  EXPECT_EQ(tariff->cost(*quote, {.input = 10, .output = 5}), credits("0.0006"));
  EXPECT_EQ(quote->output_tokens_bound(), 100u);
}

TEST(Models, FractionsRoundUpOnceInACostAndNeverDown) {
  Policy policy;
  policy.models["m"] = {.input = Money::nano(1), .output = Money::nano(1)};
  const auto tariff = make(policy);
  const auto quote = tariff->quote(chat_call("m", 1, 1), "t");
  EXPECT_EQ(quote->worst().nano(), 2) << "fixed and output part each round up";
  EXPECT_EQ(tariff->cost(*quote, {.input = 1, .output = 1}).nano(), 1);
  EXPECT_EQ(tariff->cost(*quote, {.input = 1'000'000, .output = 1}).nano(), 2);
  EXPECT_EQ(tariff->cost(*quote, {}).nano(), 0);
}

TEST(Models, CurrencyConvertsRoundingUp) {
  Policy policy;
  policy.currency.nano_per_usd = 1000 * kNanoPerCredit;  // a credit is a tenth of a cent
  EXPECT_EQ(said(make(policy)->quote(chat_call("gpt-4"), "t")), "36 by models.gpt-4");
  policy.currency.nano_per_usd = 1;
  const auto tariff = make(policy);
  EXPECT_EQ(tariff->quote(chat_call("gpt-4o-mini"), "t")->rates().input, 1)
      << "no rate converts to zero";
}

TEST(Models, ConfigOverridesAndAmends) {
  Policy policy;
  policy.models["gpt-4o"] = {.input = credits("1"), .output = credits("2")};
  policy.models["gpt-4o-mini"] = {.max_output = 50};
  policy.models["local/*"] = {.input = Money(), .output = Money()};
  policy.models["gpt-4*"] = {.cost = credits("3")};
  const auto tariff = make(policy);
  EXPECT_EQ(tariff->quote(chat_call("gpt-4o"), "t")->rates().output, kNanoPerCredit * 2);
  EXPECT_EQ(tariff->quote(chat_call("gpt-4o-mini", 10, std::nullopt), "t")->output_tokens_bound(),
            50u);
  EXPECT_EQ(said(tariff->quote(chat_call("local/llama"), "t")), "0 by models.local/*");
  EXPECT_EQ(said(tariff->quote(chat_call("gpt-4.1"), "t")), "3 by models.gpt-4*");
  policy.builtin_models = false;
  policy.models.erase("gpt-4o-mini");
  EXPECT_EQ(said(make(policy)->quote(chat_call("o3"), "t")), "price_unknown");
}

TEST(Models, UnboundedInputHasNoPricePerToken) {
  Policy policy;
  policy.models["flat"] = {.cost = credits("1")};
  const auto tariff = make(policy);
  Call call = chat_call("gpt-4o");
  call.unbounded = "image_url";
  EXPECT_EQ(said(tariff->quote(call, "t")), "price_unknown");
  call.model = "flat";
  EXPECT_EQ(said(tariff->quote(call, "t")), "1 by models.flat");
}

TEST(Models, WhatIsUnboundedIsBilledByItsTokensWhereNothingIsHeld) {
  Policy policy;
  policy.models["flat"] = {.cost = credits("1")};
  const auto tariff = make(policy);
  Call call = chat_call("gpt-4o-mini");
  call.unbounded = "image_url";
  const Usage usage{.input = 1000, .cached_input = 400, .output = 100};
  EXPECT_EQ(tariff->cost_unbounded(call, usage), credits("0.00018"));
  for (const char* model : {"flat", "nobody-knows-me", ""}) {
    call.model = model;
    EXPECT_EQ(tariff->cost_unbounded(call, usage), std::nullopt) << model;
  }
}

TEST(Models, DefaultBoundLeavesRoomForThePrompt) {
  const auto tariff = make({});
  const auto bound = [&](std::string_view model, uint64_t bytes) {
    return tariff->quote(chat_call(model, bytes, std::nullopt), "t")->output_tokens_bound();
  };
  EXPECT_EQ(bound("gpt-4o", 1000), 16'384u);
  EXPECT_EQ(bound("gpt-4", 1000), 8192u - 500);
  EXPECT_EQ(bound("gpt-4", 1'000'000), 2048u);
  EXPECT_EQ(bound("gpt-5.4", 1000), 16'384u) << "size not known: the configured default";
  EXPECT_EQ(tariff->quote(chat_call("gpt-4o", 10, std::nullopt, 3), "t")->output_tokens_bound(),
            3u * 16'384);
  EXPECT_EQ(bound("text-embedding-3-small", 1000), 0u);
}

TEST(Models, LongPromptsReserveTheDearTierAndSettleAtTheRealOne) {
  const auto tariff = make({});
  const auto quote = tariff->quote(chat_call("gpt-5.4", 300'000, 10), "t");
  EXPECT_EQ(quote->rates().input, 5 * kNanoPerCredit);
  EXPECT_EQ(tariff->cost(*quote, {.input = 100'000}), credits("0.25"));
  EXPECT_EQ(tariff->cost(*quote, {.input = 271'999}), credits("0.6799975"));
  EXPECT_EQ(tariff->cost(*quote, {.input = 272'000}), credits("1.36"));
  const auto shorter = tariff->quote(chat_call("gpt-5.4", 271'999, 10), "t");
  EXPECT_EQ(shorter->rates().input, 5 * kNanoPerCredit / 2);
}

TEST(Models, InputThatLiesAtTheProviderIsBoundedByTheContext) {
  Policy policy;
  policy.models["mine"] = {.input = credits("1"), .output = credits("1")};
  policy.models["mine-too"] = {.input = credits("1"), .output = credits("1"), .context = 5'000};
  const auto tariff = make(std::move(policy));
  const auto stored = [&](std::string_view model) {
    Call call = chat_call(model, 100, 0);
    call.whole_context = true;
    return tariff->quote(call, "t");
  };
  EXPECT_EQ(stored("gpt-4o")->input_tokens_bound(), 128'000U);
  EXPECT_EQ(stored("mine-too")->input_tokens_bound(), 5'000U);
  EXPECT_EQ(stored("mine-too")->worst(), credits("0.005"));
  EXPECT_EQ(said(stored("mine")), "price_unknown") << "nobody knows its context";
  EXPECT_EQ(stored("gpt-5.4")->rates().input, 5 * kNanoPerCredit) << "the tier of long prompts";
  EXPECT_EQ(tariff->quote(chat_call("mine", 100, 0), "t")->input_tokens_bound(), 100U);
}

TEST(Models, CacheTokensHaveTheirOwnRates) {
  const auto tariff = make({});
  const auto quote = tariff->quote(chat_call("claude-sonnet-4-0", 10'000'000, 0), "t");
  const auto cost = [&](const Usage& usage) { return format_credits(tariff->cost(*quote, usage)); };
  const uint64_t m = 1'000'000;
  EXPECT_EQ(cost({.input = m}), "3");
  EXPECT_EQ(cost({.input = m, .cached_input = m}), "0.3");
  EXPECT_EQ(cost({.input = m, .cache_write = m}), "3.75");
  EXPECT_EQ(cost({.input = m, .cache_write = m, .cache_write_1h = m}), "6");
  EXPECT_EQ(cost({.input = 3 * m, .cached_input = m, .cache_write = m}), "7.05");
  EXPECT_EQ(cost({.input = 0, .cached_input = m}), "0.3") << "an impossible report is not free";
  EXPECT_EQ(quote->fixed(), credits("60")) << "the dearest input rate is a one-hour cache write";
  Call unmarked = chat_call("claude-sonnet-4-0", 10'000'000, 0);
  unmarked.may_write_cache = false;
  EXPECT_EQ(tariff->quote(unmarked, "t")->fixed(), credits("30"));
}

TEST(Law1, APurchaseIsHeldBeforeAndChargedAsPaid) {
  Policy policy;
  policy.endpoints["/partner/*"] = {credits("2")};
  const auto tariff = make(std::move(policy));
  const auto quote = tariff->quote(http_call("/partner/x"), "t");
  ASSERT_TRUE(quote);
  EXPECT_TRUE(quote->purchase_max().is_zero());
  const Quote buying = tariff->quote_with_purchase(*quote, credits("0.05"));
  EXPECT_EQ(buying.worst(), credits("2.05"));
  EXPECT_EQ(buying.purchase_max(), credits("0.05"));
  EXPECT_EQ(buying.rule(), quote->rule());
  EXPECT_EQ(tariff->cost(buying, {}), credits("2"));
  EXPECT_EQ(tariff->quote_with_purchase(*quote, Money::max()).worst(), Money::max());
}

TEST(Law1, HugeNumbersSaturateInsteadOfWrapping) {
  const auto tariff = make({});
  const auto quote = tariff->quote(chat_call("o1-pro", UINT64_MAX, UINT64_MAX, UINT32_MAX), "t");
  ASSERT_TRUE(quote);
  EXPECT_EQ(quote->worst(), Money::max());
  EXPECT_EQ(quote->output_tokens_bound(), UINT64_MAX);
  Usage usage;
  usage.input = usage.cached_input = usage.cache_write = usage.output = UINT64_MAX;
  EXPECT_EQ(tariff->cost(*quote, usage), Money::max());
  EXPECT_FALSE(tariff->affordable_output(*quote, credits("1"), 1));
}

class Law1Random : public ::testing::Test {
 protected:
  uint64_t below(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  std::mt19937_64 random_{20261123};
  std::unique_ptr<const Tariff> tariff_ = make({});
};

TEST_F(Law1Random, NoUsageWithinTheBoundsCostsMoreThanTheQuote) {
  const auto models = builtin_models();
  for (int i = 0; i < 50'000; ++i) {
    const Call call = chat_call(models[below(models.size())].name, below(600'000), below(50'000),
                                static_cast<uint32_t>(1 + below(4)));
    const auto quote = tariff_->quote(call, "t");
    ASSERT_TRUE(quote);
    Usage usage;
    usage.input = i % 2 ? call.input_bytes : below(call.input_bytes + 1);
    usage.cached_input = below(usage.input + 1);
    usage.cache_write = below(usage.input - usage.cached_input + 1);
    usage.cache_write_1h = below(usage.cache_write + 1);
    usage.output = i % 3 ? quote->output_tokens_bound() : below(quote->output_tokens_bound() + 1);
    ASSERT_LE(tariff_->cost(*quote, usage), quote->worst()) << call.model << " " << i;
  }
}

TEST_F(Law1Random, ClampFitsTheHeadroomAndIsTheLargestThatDoes) {
  const auto models = builtin_models();
  int clamped = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto choices = static_cast<uint32_t>(1 + below(4));
    const Call call =
        chat_call(models[below(models.size())].name, below(10'000), 1 + below(50'000), choices);
    const auto quote = tariff_->quote(call, "t");
    const Money headroom = Money::nano(
        static_cast<int64_t>(below(static_cast<uint64_t>(quote->worst().nano()) * 2 + 1)));
    const auto each = tariff_->affordable_output(*quote, headroom, choices);
    if (!each) {
      const Money least = tariff_->requote_with_output(*quote, choices).worst();
      ASSERT_TRUE(least > headroom || quote->output_tokens_bound() == 0);
      continue;
    }
    const Quote fitted = tariff_->requote_with_output(*quote, *each * choices);
    ASSERT_LE(fitted.worst(), headroom);
    ASSERT_LE(fitted.worst(), quote->worst());
    if (*each * choices < quote->output_tokens_bound()) {
      ++clamped;
      ASSERT_GT(tariff_->requote_with_output(*quote, (*each + 1) * choices).worst(), headroom);
    }
  }
  EXPECT_GT(clamped, 1000);
}

TEST_F(Law1Random, QuotesGrowWithTheirBounds) {
  const auto models = builtin_models();
  for (int i = 0; i < 20'000; ++i) {
    const Call small = chat_call(models[below(models.size())].name, below(600'000), below(9000));
    Call large = small;
    large.input_bytes += below(100'000);
    large.output_tokens_max = *small.output_tokens_max + below(1000);
    ASSERT_LE(tariff_->quote(small, "t")->worst(), tariff_->quote(large, "t")->worst());
  }
}

TEST(Alternatives, CheaperModelsOfTheSameKindCheapestFirst) {
  const auto tariff = make({});
  const Call call = chat_call("gpt-4");
  const auto quote = tariff->quote(call, "t");
  const auto offers = tariff->alternatives(call, *quote, "t");
  std::vector<std::string_view> names;
  for (const Offer& offer : offers) {
    EXPECT_LT(offer.cost, quote->worst());
    names.push_back(offer.name);
  }
  EXPECT_THAT(names, ::testing::Contains("gpt-4o-mini"));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("text-embedding-3-small")));
  EXPECT_THAT(names, ::testing::Not(::testing::Contains("claude-3-haiku")));
  EXPECT_TRUE(std::ranges::is_sorted(offers, {}, &Offer::cost));
}

TEST(Alternatives, ToolsAreThoseTheTokenMayCall) {
  Policy policy;
  policy.servers["analysis"];
  policy.tools["analysis.review"] = {.cost = credits("50")};
  policy.tools["analysis.lint"] = {.cost = credits("5")};
  policy.tools["analysis.count"] = {.cost = credits("1")};
  policy.tokens["dev"].tools["analysis.count"] = {.enabled = false};
  const auto tariff = make(policy);
  const Call call = tool_call("analysis", "review");
  const auto offers = tariff->alternatives(call, *tariff->quote(call, "dev"), "dev");
  ASSERT_EQ(offers.size(), 1u);
  EXPECT_EQ(offers[0].name, "analysis.lint");
}

TEST(Accounts, FullPathIsSaidSo) {
  const auto tariff = make(cursor_article());
  Path path;
  while (path.add({})) {
  }
  EXPECT_FALSE(tariff->add_accounts(path, tool_call("web-fetch", "get"), "cursor-dev"));
}

TEST(Accounts, EveryMatchingRateCounts) {
  Policy policy;
  policy.tools["*"] = {.max_calls_per_hour = 100};
  policy.tokens["dev"].tools["search_*"] = {.max_calls_per_hour = 10};
  policy.tokens["dev"].tools["search_code"] = {.max_calls_per_hour = 0};
  policy.servers["git"].max_calls_per_hour = 50;
  const auto tariff = make(policy);
  Path path;
  ASSERT_TRUE(tariff->add_accounts(path, tool_call("git", "search_code"), "dev"));
  std::vector<int64_t> limits;
  for (const PathEntry& entry : path.entries()) {
    limits.push_back(entry.limits[Window::hour].nano() / kNanoPerCredit);
  }
  EXPECT_THAT(limits, ::testing::UnorderedElementsAre(50, 0, 10, 100));
}

TEST(Config, AllMistakesAtOnce) {
  Policy policy;
  policy.tools["t"] = {.cost = Money::nano(-1)};
  policy.endpoints["api"] = {Money()};
  policy.models["both"] = {.cost = Money(), .input = Money(), .output = Money()};
  policy.models["half"] = {.input = Money()};
  policy.models["none"] = {};
  policy.servers["s"].limits[Window::day] = Money::nano(-5);
  const auto tariff = Tariff::create(policy);
  ASSERT_FALSE(tariff);
  for (const auto* part : {"tools.t.cost", "endpoints.api", "models.both", "models.half",
                           "models.none", "mcpServers.s.policy"}) {
    EXPECT_THAT(tariff.error().message, HasSubstr(part));
  }
}

TEST(Listing, HasWhatTheConfigPricesAndTheModels) {
  const auto tariff = make(cursor_article());
  const auto listing = tariff->listing();
  EXPECT_THAT(listing, ::testing::Contains(::testing::Field(&Offer::name, "web-fetch")));
  EXPECT_THAT(listing, ::testing::Contains(::testing::Field(&Offer::name, "gpt-4o")));
}

TEST(OnlyReads, IsTheServersWordAboutEachTool) {
  Policy policy;
  policy.servers["files"] = {.price = Money::credits(1), .only_reads = true};
  policy.servers["other"] = {.price = Money::credits(1)};
  const auto tariff = make(std::move(policy));
  Call call = tool_call("files", "write");
  EXPECT_EQ(said(tariff->quote(call, "x")), "tool_denied");
  EXPECT_FALSE(tariff->price_of("files", "write", "write", "x", false));
  call.only_reads = true;
  EXPECT_TRUE(tariff->quote(call, "x"));
  EXPECT_TRUE(tariff->price_of("files", "read", "read", "x", true));
  EXPECT_TRUE(tariff->quote(tool_call("other", "write"), "x"));
}

TEST(ApprovalAbove, AsksForCallsThatCostMore) {
  const auto credits = [](int64_t n) { return Money::credits(n); };
  Policy policy;
  policy.servers["shop"] = {.price = credits(20), .approval_above = credits(30)};
  policy.tools["*"] = {.approval_above = credits(10)};
  policy.tools["trusted"] = {.approval_above = credits(100)};
  policy.tools["cheap"] = {.cost = credits(10)};
  policy.tools["dear"] = {.cost = credits(40), .approval_above = credits(50)};
  policy.tokens["careful"].tools["trusted"] = {.approval_above = credits(5)};
  const auto tariff = Tariff::create(std::move(policy));
  ASSERT_TRUE(tariff) << tariff.error().message;
  const auto asks = [&](std::string_view tool, std::string_view token) {
    Call call;
    call.protocol = Protocol::mcp;
    call.upstream = "shop";
    call.tool = call.listed_tool = tool;
    EXPECT_TRUE((*tariff)->quote(call, token, true)) << tool;
    const auto quote = (*tariff)->quote(call, token);
    EXPECT_TRUE(quote || quote.error() == Refusal::approval_required) << tool;
    return !quote;
  };
  EXPECT_FALSE(asks("cheap", "x"));    // exactly the bound
  EXPECT_TRUE(asks("other", "x"));     // 20 above the 10 of `*`
  EXPECT_FALSE(asks("trusted", "x"));  // the nearer entry says 100, the server 30
  EXPECT_TRUE(asks("trusted", "careful"));
  EXPECT_TRUE(asks("dear", "x"));  // 40 above the server's 30
}

}  // namespace
}  // namespace satgate::tariff
