#include "dialect/mcp/handshake.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

TEST(Handshake, InitializeSaysWhatTheClientCan) {
  std::string params;
  append_initialize_params(params, R"({"roots":{}})", "1.2");
  EXPECT_EQ(params, R"({"protocolVersion":"2025-11-25","capabilities":{"roots":{}},)"
                    R"("clientInfo":{"name":"satgate","version":"1.2"}})");
}

TEST(Handshake, ReadsWhatAServerOffers) {
  RawJson json;
  const auto legacy = read_initialize_result(
      R"({"protocolVersion":"2025-06-18","capabilities":{"resources":{"subscribe":true},)"
      R"("logging":{}},"serverInfo":{"name":"a","version":"1"}})",
      json);
  ASSERT_TRUE(legacy);
  EXPECT_EQ(legacy->version, "2025-06-18");
  EXPECT_TRUE(legacy->resource_updates);
  EXPECT_TRUE(legacy->offers.logging);
  EXPECT_FALSE(legacy->offers.tools);
  EXPECT_EQ(legacy->info, "a 1");
  EXPECT_FALSE(read_initialize_result(R"({"protocolVersion":"2026-07-28"})", json));
  EXPECT_FALSE(read_initialize_result("[]", json));
  const auto modern = read_discover_result(
      R"({"supportedVersions":["2027-01-01","2026-07-28"],"capabilities":{"tools":{}},)"
      R"("_meta":{"io.modelcontextprotocol/serverInfo":{"name":"b","version":"2"}}})",
      json);
  ASSERT_TRUE(modern);
  EXPECT_TRUE(modern->offers.tools);
  EXPECT_EQ(modern->info, "b 2");
  EXPECT_FALSE(read_discover_result(R"({"supportedVersions":["2027-01-01"]})", json));
  EXPECT_FALSE(read_discover_result(R"({"tools":[]})", json));
}

TEST(Handshake, ErrorsTellTheEra) {
  RawJson json;
  const auto hint = [&](std::string_view error) { return read_era_hint(error, json); };
  EXPECT_EQ(hint(R"({"code":-32020,"message":""})"), EraHint::modern);
  EXPECT_EQ(hint(R"({"code":-32021,"message":""})"), EraHint::modern);
  EXPECT_EQ(hint(R"({"code":-32601,"message":""})"), EraHint::legacy);
  EXPECT_EQ(hint(R"({"code":-32000,"message":"No session"})"), EraHint::legacy);
  EXPECT_EQ(hint(R"({"code":"x"})"), EraHint::legacy);
  EXPECT_EQ(hint(R"({"code":-32022,"data":{"supported":["2027-01-01"]}})"),
            EraHint::unknown_version);
  EXPECT_EQ(hint(R"({"code":-32022,"data":{"supported":["2027-01-01","2025-11-25"]}})"),
            EraHint::legacy);
  EXPECT_EQ(hint(R"({"code":-32022})"), EraHint::unknown_version);
  EXPECT_EQ(hint(R"({"code":-32022,"data":{"supported":["2026-07-28","2025-11-25"]}})"),
            EraHint::again);
}

TEST(InputRequired, ReadsRequestsAndTheStateRaw) {
  RawJson json;
  const auto required = read_input_required(
      R"({"resultType":"input_required","requestState":"a\u0062","inputRequests":{)"
      R"("one":{"method":"elicitation/create","params":{"x":1}},"two":{"method":"roots/list"}}})",
      json);
  ASSERT_TRUE(required);
  ASSERT_TRUE(*required);
  EXPECT_EQ((*required)->request_state, R"("a\u0062")");
  ASSERT_EQ((*required)->requests.size(), 2u);
  EXPECT_EQ((*required)->requests[0].key, "one");
  EXPECT_EQ((*required)->requests[0].params, R"({"x":1})");
  EXPECT_EQ((*required)->requests[1].params, "");
  const auto final = read_input_required(R"({"content":[{"text":"input_required"}]})", json);
  ASSERT_TRUE(final);
  EXPECT_FALSE(*final);
  for (const char* bad :
       {R"({"resultType":"input_required","requestState":7})",
        R"({"resultType":"input_required","inputRequests":[]})",
        R"({"resultType":"input_required","inputRequests":{"a":{"method":"tools/call"}}})",
        R"({"resultType":"input_required","inputRequests":{"a":7}})"}) {
    EXPECT_FALSE(read_input_required(bad, json)) << bad;
  }
}

TEST(Capabilities, SayWhatAClientCanBeAsked) {
  RawJson json;
  const std::string_view can = R"({"sampling":{},"elicitation":{"form":{}},"roots":null})";
  EXPECT_TRUE(can_be_asked(can, "sampling/createMessage", "", json));
  EXPECT_TRUE(can_be_asked(can, "elicitation/create", "", json));
  EXPECT_FALSE(can_be_asked(can, "roots/list", "", json));
  EXPECT_FALSE(can_be_asked(can, "tools/call", "", json));
  EXPECT_FALSE(can_be_asked("", "roots/list", "", json));
}

TEST(LogLevels, AreOrdered) {
  EXPECT_LT(*log_rank("debug"), *log_rank("info"));
  EXPECT_LT(*log_rank("error"), *log_rank("emergency"));
  EXPECT_FALSE(log_rank("loud"));
}

}  // namespace
}  // namespace satgate::dialect::mcp
