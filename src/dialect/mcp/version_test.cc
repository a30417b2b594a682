#include "dialect/mcp/version.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

std::string call_with(std::string_view meta, std::string_view method = "tools/call") {
  return std::string(R"({"jsonrpc":"2.0","id":1,"method":")") + std::string(method) +
         R"(","params":{"name":"add","_meta":{)" + std::string(meta) + "}}}";
}

constexpr std::string_view kMeta = R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                                   R"("io.modelcontextprotocol/clientCapabilities":{})";

struct Case {
  std::string what;
  std::string body;
  McpHeaders headers;
  int code;  // 0: modern; 1: legacy
  int status;
};

McpHeaders modern(std::string_view method = "tools/call", std::string_view name = "add") {
  return {.protocol_version = kModernVersion, .method = method, .name = name};
}

std::vector<Case> cases() {
  const std::string good = call_with(kMeta);
  const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  const std::string no_capabilities =
      call_with(R"("io.modelcontextprotocol/protocolVersion":"2026-07-28")");
  const std::string future = call_with(R"("io.modelcontextprotocol/protocolVersion":"2031-01-01",)"
                                       R"("io.modelcontextprotocol/clientCapabilities":{})");
  auto future_headers = modern();
  future_headers.protocol_version = "2031-01-01";
  auto without_method = modern();
  without_method.method.reset();
  auto without_name = modern();
  without_name.name.reset();
  auto legacy_header = modern();
  legacy_header.protocol_version = "2025-11-25";
  const McpHeaders none;
  const McpHeaders only_version = {
      .protocol_version = kModernVersion, .method = std::nullopt, .name = std::nullopt};
  const McpHeaders nonsense = {
      .protocol_version = "banana", .method = std::nullopt, .name = std::nullopt};
  const McpHeaders old = {
      .protocol_version = "2025-06-18", .method = std::nullopt, .name = std::nullopt};
  const std::string initialize =
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1"}})";
  return {
      {"modern call", good, modern(), 0, 0},
      {"blanks around values", good, modern(" tools/call ", "\tadd"), 0, 0},
      {"encoded name", good, modern("tools/call", "=?base64?YWRk?="), 0, 0},
      {"unpadded base64", good, modern("tools/call", "=?base64?YWQ?="), kHeaderMismatch, 400},
      {"method differs", good, modern("tools/list"), kHeaderMismatch, 400},
      {"method differs in case", good, modern("Tools/Call"), kHeaderMismatch, 400},
      {"name differs", good, modern("tools/call", "del"), kHeaderMismatch, 400},
      {"name differs in case", good, modern("tools/call", "ADD"), kHeaderMismatch, 400},
      {"method missing", good, without_method, kHeaderMismatch, 400},
      {"name missing", good, without_name, kHeaderMismatch, 400},
      {"version header missing", good, none, kHeaderMismatch, 400},
      {"version header differs", good, legacy_header, kHeaderMismatch, 400},
      {"meta missing", ping, only_version, kInvalidParams, 400},
      {"capabilities missing", no_capabilities, modern(), kInvalidParams, 400},
      {"future version", future, future_headers, kUnsupportedVersion, 400},
      {"removed method", call_with(kMeta, "ping"), modern("ping"), kMethodNotFound, 404},
      {"initialize is gone", call_with(kMeta, "initialize"), modern("initialize"), kMethodNotFound,
       404},
      {"unknown method", call_with(kMeta, "x/y"), modern("x/y"), kMethodNotFound, 404},
      {"response", R"({"jsonrpc":"2.0","id":1,"result":{}})", only_version, kInvalidRequest, 400},
      {"notification", R"({"jsonrpc":"2.0","method":"n"})", only_version, 0, 0},
      {"legacy without header", ping, none, 1, 0},
      {"legacy", ping, old, 1, 0},
      {"legacy response", R"({"jsonrpc":"2.0","id":1,"result":{}})", old, 1, 0},
      {"legacy with nonsense", ping, nonsense, kInvalidRequest, 400},
      {"initialize negotiates in its body", initialize, nonsense, 1, 0},
      {"ambiguous meta", call_with(std::string(kMeta) + "," + std::string(kMeta)), modern(),
       kInvalidParams, 400},
  };
}

TEST(Version, EveryRuleOfAnEraIsChecked) {
  RawJson json;
  for (const Case& c : cases()) {
    const auto envelope = read_envelope(c.body, json);
    ASSERT_TRUE(envelope) << c.what;
    const auto era = classify(envelope->messages[0], c.headers, json);
    if (c.code <= 1 && c.code >= 0) {
      ASSERT_TRUE(era) << c.what << ": " << era.error().message;
      EXPECT_EQ(*era, c.code == 0 ? Era::modern : Era::legacy) << c.what;
    } else {
      ASSERT_FALSE(era) << c.what;
      EXPECT_EQ(era.error().code, c.code) << c.what;
      EXPECT_EQ(era.error().http_status, c.status) << c.what;
    }
  }
}

TEST(Version, UnsupportedSaysWhatIsSupported) {
  RawJson json;
  const std::string text = call_with(R"("io.modelcontextprotocol/protocolVersion":"2031-01-01",)"
                                     R"("io.modelcontextprotocol/clientCapabilities":{})");
  const auto envelope = read_envelope(text, json);
  auto headers = modern();
  headers.protocol_version = "2031-01-01";
  const auto era = classify(envelope->messages[0], headers, json);
  ASSERT_FALSE(era);
  EXPECT_EQ(era.error().data,
            R"({"supported":["2026-07-28","2025-11-25","2025-06-18","2025-03-26","2024-11-05"],)"
            R"("requested":"2031-01-01"})");
}

TEST(Version, NegotiationEchoesWhatItKnows) {
  for (const std::string_view version : kLegacyVersions)
    EXPECT_EQ(negotiate(version), version);
  EXPECT_EQ(negotiate("2026-07-28"), kLatestLegacy);  // modern versions know no initialize
  EXPECT_EQ(negotiate("1.0"), kLatestLegacy);
  EXPECT_EQ(negotiate(""), kLatestLegacy);
}

TEST(Version, HeaderValuesTravelBothWays) {
  for (const std::string_view value :
       {"add", "caf\xc3\xa9", " padded ", "=?base64?x?=", "", "a b", "x\ny"}) {
    EXPECT_EQ(decode_header_value(encode_header_value(value)), value);
  }
  EXPECT_EQ(encode_header_value("add"), "add");
  EXPECT_EQ(encode_header_value("caf\xc3\xa9"), "=?base64?Y2Fmw6k=?=");
  EXPECT_EQ(decode_header_value("=?base64?!!!!?="), std::nullopt);
}

}  // namespace
}  // namespace satgate::dialect::mcp
