// Golden lines: these bytes are hashed, signed and read by other programs.
#include "audit/event_json.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::audit {
namespace {

constexpr Time kApril{1'775'757'600 * kNanoPerSecond};  // 2026-04-09T18:00:00Z

std::string line(const AuditEvent& event) {
  std::string out;
  append_event_json(out, event);
  return out;
}

TEST(EventJson, ArticleExampleComesFirst) {
  AuditEvent event;
  event.time = kApril;
  event.subject = "cursor-dev";
  event.labels = {{"project", "satgate-landing"}};
  event.call.emplace();
  event.call->tool = "web-fetch";
  event.call->listed_tool = "web-fetch";
  event.call->protocol = Protocol::mcp;
  event.cost = Money::credits(2);
  event.decision = Decision::allow;
  EXPECT_EQ(line(event),
            R"({"time":"2026-04-09T18:00:00.000Z","subject":"cursor-dev",)"
            R"("project":"satgate-landing","tool":"web-fetch","cost":2,"decision":"allow",)"
            R"("event":"call","protocol":"mcp","mode":"control",)"
            R"("request_id":"00000000000000000000000000000000"})");
}

TEST(EventJson, SharesAreOfWhatWasCharged) {
  const Shares shares = {{"acme", 200'000}, {"data-co", 333'333}};
  AuditEvent event;
  event.time = kApril;
  event.subject = "a";
  event.shares = shares;
  const std::string none = R"({"time":"2026-04-09T18:00:00.000Z","subject":"a","event":"call"})";
  EXPECT_EQ(line(event), none);
  event.cost = Money();
  EXPECT_FALSE(line(event).contains("shares"));
  event.cost = Money::nano(10);
  EXPECT_EQ(line(event), R"({"time":"2026-04-09T18:00:00.000Z","subject":"a","cost":0.00000001,)"
                         R"("event":"call","shares":{"acme":0.000000002,"data-co":0.000000003}})");
}

TEST(EventJson, EverythingSetHasOnePlace) {
  AuditEvent event;
  event.time = Time{kApril.unix_ns + 123'456'789};
  event.subject = "root";
  event.token = TokenId{{1}};
  event.holders = {"root", "worker"};
  event.labels = {{"cost-center", "42"},       {"team", "search"},
                  {"environment", "prod"},     {"project", "p"},
                  {"workflow", "w"},           {"team", "not the issuer's"},
                  {"cost-center", "shadowed"}, {"subject", "mine"}};
  event.budget = "engineering";
  Call call;
  call.id = RequestId{{0xab}};
  call.mode = Mode::observe;
  call.protocol = Protocol::openai;
  call.route = "llm";
  call.upstream = "openai";
  call.method = "POST";
  call.endpoint = "/v1/chat/completions";
  call.query = "key=secret";
  call.tool = "search";
  call.listed_tool = "web_search";
  call.model = "gpt-4o";
  event.call = call;
  event.quote = Money::nano(1);
  event.cost = Money();
  event.decision = Decision::would_deny;
  event.refusal = Refusal::budget_exhausted;
  event.usage =
      Usage{.input = 10, .cached_input = 2, .cache_write = 3, .output = 4, .reasoning = 1};
  event.http_status = 200;
  event.usage->result_bytes = 1234;
  event.usage->asks = 3;
  event.usage_missing = true;
  event.clamped_output_tokens = 77;
  event.loop_repeats = 21;
  event.detail = "why";
  EXPECT_EQ(
      line(event),
      R"({"time":"2026-04-09T18:00:00.123Z","subject":"root","project":"p","tool":"search",)"
      R"("cost":0,"decision":"would_deny","event":"call","team":"search","environment":"prod",)"
      R"("workflow":"w","labels":{"cost-center":"42","subject":"mine"},"protocol":"openai",)"
      R"("upstream":"openai","route":"llm","method":"POST","endpoint":"/v1/chat/completions",)"
      R"("listed_tool":"web_search","model":"gpt-4o","mode":"observe",)"
      R"("request_id":"ab000000000000000000000000000000","quote":0.000000001,)"
      R"("code":"budget_exhausted","token":"01000000000000000000000000000000",)"
      R"("holders":["root","worker"],"budget":"engineering",)"
      R"("usage":{"input":10,"cached_input":2,"cache_write":3,"output":4,"reasoning":1,)"
      R"("result_bytes":1234,"asks":3},)"
      R"("usage_missing":true,"clamped_output_tokens":77,"loop_repeats":21,)"
      R"("http_status":200,"detail":"why"})");
}

TEST(EventJson, QueriesAreNeverWritten) {
  AuditEvent event;
  event.call.emplace();
  event.call->endpoint = "/search";
  event.call->query = "api_key=hunter2";
  EXPECT_EQ(line(event).find("hunter2"), std::string::npos);
}

TEST(EventJson, HostileTextStaysOneLineOfValidUtf8) {
  AuditEvent event;
  event.subject = "a\"},{\"cost\":0\n\r\x01\xff\xc3(";
  event.call.emplace();
  event.call->tool = std::string_view("nul\0nul", 7);
  EXPECT_EQ(line(event),
            "{\"time\":\"1970-01-01T00:00:00.000Z\","
            "\"subject\":\"a\\\"},{\\\"cost\\\":0\\n\\r\\u0001\xef\xbf\xbd\xef\xbf\xbd(\","
            "\"tool\":\"nul\\u0000nul\",\"event\":\"call\",\"protocol\":\"http\","
            "\"mode\":\"control\",\"request_id\":\"00000000000000000000000000000000\"}");
}

TEST(EventJson, CutsLongTextBetweenCharacters) {
  AuditEvent event;
  std::string name(252, 'x');
  name += "\xe2\x82\xac\xe2\x82\xac";  // two euro signs; the cut at 253 falls after the x's
  event.subject = name;
  EXPECT_NE(line(event).find("\"" + std::string(252, 'x') + "...\""), std::string::npos);
}

TEST(EventJson, NoEventIsLongerThanItsBound) {
  const std::string junk(1 << 20, '\x01');
  AuditEvent event;
  event.subject = event.budget = event.detail = junk;
  event.token = TokenId{};
  event.holders.assign(1000, junk);
  std::vector<std::string> names;
  for (int i = 0; i < 1000; ++i)
    names.push_back(std::to_string(i) + junk.substr(0, 100));
  for (const std::string& name : names)
    event.labels.push_back({name, junk});
  for (const char* own : {"project", "team", "environment", "workflow"}) {
    event.labels.push_back({own, junk});
  }
  Call call;
  call.route = call.upstream = call.method = call.endpoint = call.tool = call.model = junk;
  event.call = call;
  event.quote = event.cost = Money::nano(INT64_MIN);
  event.decision = Decision::would_deny;
  event.refusal = Refusal::request_exceeds_budget;
  event.usage = Usage{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  event.usage->result_bytes = event.usage->asks = UINT64_MAX;
  event.clamped_output_tokens = UINT64_MAX;
  event.http_status = -2147483647;
  event.usage_missing = true;
  const std::string text = line(event);
  EXPECT_LE(text.size(), event_bytes_max);
  EXPECT_GT(text.size(), event_bytes_max / 2);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  EXPECT_NE(text.find(R"("holders_omitted":976)"), std::string::npos);
}

}  // namespace
}  // namespace satgate::audit
