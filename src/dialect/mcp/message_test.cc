#include "dialect/mcp/message.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

using Kind = Message::Kind;

TEST(Message, TellsRequestsNotificationsAndResponsesApart) {
  RawJson json;
  const auto request = read_envelope(
      R"({"jsonrpc":"2.0","id":"a\"b","method":"tools\/call","params":{"name":"x"}})", json);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_FALSE(request->is_batch);
  ASSERT_EQ(request->messages.size(), 1u);
  EXPECT_EQ(request->messages[0].kind, Kind::request);
  EXPECT_EQ(request->messages[0].id, R"("a\"b")");
  EXPECT_EQ(request->messages[0].method, "tools/call");
  EXPECT_EQ(request->messages[0].params, R"({"name":"x"})");

  const auto notification =
      read_envelope(R"({"jsonrpc":"2.0","method":"notifications/initialized"})", json);
  ASSERT_TRUE(notification);
  EXPECT_EQ(notification->messages[0].kind, Kind::notification);

  const auto response = read_envelope(R"({"jsonrpc":"2.0","id":7,"result":{"a":1}})", json);
  ASSERT_TRUE(response);
  EXPECT_EQ(response->messages[0].kind, Kind::response);
  EXPECT_EQ(response->messages[0].result, R"({"a":1})");
}

TEST(Message, ReadsABatchInOrder) {
  RawJson json;
  const auto batch = read_envelope(
      R"([{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"n"}])", json);
  ASSERT_TRUE(batch);
  EXPECT_TRUE(batch->is_batch);
  ASSERT_EQ(batch->messages.size(), 2u);
  EXPECT_EQ(batch->messages[1].method, "n");

  std::string many = "[";
  for (size_t i = 0; i <= kBatchMax; ++i)
    many += R"({"jsonrpc":"2.0","method":"n"},)";
  many.back() = ']';
  EXPECT_EQ(read_envelope(many, json).error().code, kInvalidRequest);
}

// Each of these is read as something else by some JSON library, or is no JSON-RPC at all.
TEST(Message, RefusesWhatTwoReadersCouldReadDifferently) {
  const std::pair<std::string_view, int> cases[] = {
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"id":2,"method":"ping"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","METHOD":"tools/call"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":"a","params":{},"Params":{}})", kInvalidRequest},
      {"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\",\"param\xc5\xbf\":{}}", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":"a","params":[1]})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":null,"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1.5,"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1e3,"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":true,"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":{},"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":7})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"method":""})", kInvalidRequest},
      {R"({"jsonrpc":"1.0","id":1,"method":"a"})", kInvalidRequest},
      {R"({"id":1,"method":"a"})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1})", kInvalidRequest},
      {R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})", kInvalidRequest},
      {R"([])", kInvalidRequest},
      {R"([1])", kInvalidRequest},
      {R"([[]])", kInvalidRequest},
      {R"({"jsonrpc":"2.0")", kParseError},
      {R"("x")", kParseError},
      {"", kParseError},
      {"   ", kParseError},
      {R"({"jsonrpc":"2.0","id":1,"method":"a","params":{"x":[}}})", kParseError},
  };
  RawJson json;
  for (const auto& [text, code] : cases) {
    const auto envelope = read_envelope(text, json);
    ASSERT_FALSE(envelope) << text;
    EXPECT_EQ(envelope.error().code, code) << text;
    EXPECT_EQ(envelope.error().http_status, 400) << text;
  }
}

TEST(Message, LongIdsAreRefused) {
  RawJson json;
  const std::string text =
      R"({"jsonrpc":"2.0","method":"a","id":")" + std::string(kIdBytesMax, 'x') + "\"}";
  EXPECT_FALSE(read_envelope(text, json));
}

TEST(Message, UpstreamMessagesMayCarryStrangers) {
  RawJson json;
  const auto response =
      read_upstream(R"({"Result":1,"jsonrpc":"2.0","id":3,"result":{},"error":null})", json);
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->result, "{}");
  EXPECT_TRUE(
      read_upstream(R"({"jsonrpc":"2.0","id":null,"error":{"code":1,"message":""}})", json));
  EXPECT_FALSE(read_upstream(R"({"jsonrpc":"2.0","id":null,"result":{}})", json));
  EXPECT_FALSE(read_upstream(R"([{"jsonrpc":"2.0","id":1,"result":{}}])", json));
  EXPECT_FALSE(read_upstream(R"(Server listening on port 3000)", json));
}

TEST(ToolCall, ReadsNameArgumentsAndMeta) {
  RawJson json;
  const auto call =
      read_tool_call(R"({"name":"search\/code","arguments":{"q": 1.0},"_meta":{"progressToken":7,)"
                     R"("io.modelcontextprotocol\/protocolVersion":"2026-07-28",)"
                     R"("io.modelcontextprotocol/clientCapabilities":{}}})",
                     json);
  ASSERT_TRUE(call) << call.error().message;
  EXPECT_EQ(call->name, "search/code");
  EXPECT_EQ(call->arguments, R"({"q": 1.0})");
  EXPECT_TRUE(call->meta.present);
  EXPECT_EQ(call->meta.progress_token, "7");
  EXPECT_EQ(call->meta.protocol_version, "2026-07-28");
  EXPECT_EQ(call->meta.client_capabilities, "{}");
}

// The tool that is priced must be the tool that runs, whatever library the upstream uses.
TEST(ToolCall, RefusesASecondName) {
  RawJson json;
  for (const std::string_view params : {
           R"({"name":"cheap","name":"dear"})",
           R"({"name":"cheap","Name":"dear"})",
           R"({"name":"cheap","n\u0061me":"dear"})",
           R"({"name":"cheap","NAME":"dear"})",
           "{\"name\":\"cheap\",\"na\xef\xbd\x8d\x65\":\"dear\"}",
           R"({"name":"cheap","Arguments":{}})",
           R"({"name":"cheap","arguments":{},"arguments":{}})",
           R"({"name":"cheap","_meta":{},"_META":{}})",
           R"({"name":"cheap","_meta":{"progressToken":1,"progressToken":2}})",
           R"({"name":"cheap","_meta":{"progressToken":{}}})",
           R"({"name":"cheap","_meta":[]})",
           R"({"name":"cheap","arguments":[]})",
           R"({"name":"cheap","arguments":"{}"})",
           R"({"name":["cheap"]})",
           R"({"name":""})",
           R"({"name":null})",
           R"({})",
           "",
       }) {
    const auto call = read_tool_call(params, json);
    ASSERT_FALSE(call) << params;
    EXPECT_EQ(call.error().code, kInvalidParams) << params;
  }
  EXPECT_FALSE(read_tool_call(R"({"name":")" + std::string(129, 'a') + "\"}", json));
}

TEST(Params, AreRewrittenAroundTheRawParts) {
  RawJson json;
  std::string out;
  const std::string_view params =
      R"({"name":"gh__search","arguments":{ "q" : 1.10, "big":123456789012345678901234567890 },)"
      R"("task":{"ttl":1},"_meta":{"progressToken":"abc","traceparent":"00-1","io.satgate/x":1,)"
      R"("io.modelcontextprotocol/clientInfo":{"name":"c"}}})";
  ASSERT_TRUE(append_params(out, params, {.name = "search", .progress_token = "42"}, json));
  EXPECT_EQ(out,
            R"({"name":"search","arguments":{ "q" : 1.10, "big":123456789012345678901234567890 },)"
            R"("task":{"ttl":1},"_meta":{"traceparent":"00-1","progressToken":42}})");

  out.clear();
  ASSERT_TRUE(append_params(out, R"({"name":"a","_meta":{"progressToken":1}})", {}, json));
  EXPECT_EQ(out, R"({"name":"a"})");

  out.clear();
  ASSERT_TRUE(append_params(out, "", {.modern_meta = R"("k":1)"}, json));
  EXPECT_EQ(out, R"({"_meta":{"k":1}})");
}

TEST(Params, ProgressGetsTheClientsTokenBack) {
  RawJson json;
  std::string out;
  const std::string_view params = R"({"progressToken":42,"progress":1.50,"total":3})";
  EXPECT_EQ(read_progress_token(params, json).value(), "42");
  ASSERT_TRUE(append_progress_params(out, params, R"("abc")", json));
  EXPECT_EQ(out, R"({"progressToken":"abc","progress":1.50,"total":3})");
  EXPECT_FALSE(read_progress_token(R"({"progress":1})", json));
}

TEST(Message, WritersMakeWhatReadersTake) {
  RawJson json;
  std::string out;
  append_request(out, "7", "tools/call", R"({"name":"x"})");
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}})");
  out.clear();
  append_notification(out, "notifications/initialized", {});
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","method":"notifications/initialized"})");
  out.clear();
  append_result(out, R"("a")", R"({"x":1})");
  EXPECT_EQ(out, R"({"jsonrpc":"2.0","id":"a","result":{"x":1}})");
  out.clear();
  append_error(out, "", RpcError{.code = -32700, .message = "no \"JSON\"", .data = "[1]"});
  EXPECT_EQ(
      out,
      R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no \"JSON\"","data":[1]}})");
  EXPECT_TRUE(read_upstream(out, json));
}

TEST(Message, NamedParamsOfEachMethod) {
  RawJson json;
  const std::string_view params = R"({"name":"n","uri":"u"})";
  EXPECT_EQ(read_named("tools/call", params, json).value(), "n");
  EXPECT_EQ(read_named("prompts/get", params, json).value(), "n");
  EXPECT_EQ(read_named("resources/read", params, json).value(), "u");
  EXPECT_EQ(read_named("tools/list", params, json).value(), "");
  EXPECT_EQ(read_string_member(params, "uri", json).value(), "u");
  EXPECT_EQ(read_string_member(params, "cursor", json).value(), std::nullopt);
}

TEST(AppendParams, TheNextRoundReplacesWhatTheClientHadSaid) {
  RawJson json;
  const auto rewritten = [&](std::string_view params, const ParamsRewrite& rewrite) {
    std::string out;
    EXPECT_TRUE(append_params(out, params, rewrite, json));
    return out;
  };
  const std::string_view params =
      R"({"name":"a","inputResponses":{"k":1},"requestState":"old","arguments":{ }})";
  EXPECT_EQ(rewritten(params, {}), params);
  EXPECT_EQ(rewritten(params, {.input_responses = R"({"j":2})", .request_state = R"("new")"}),
            R"({"name":"a","arguments":{ },"inputResponses":{"j":2},"requestState":"new"})");
  EXPECT_EQ(rewritten(params, {.request_state = R"("new")"}),
            R"({"name":"a","arguments":{ },"requestState":"new"})");
}

TEST(Readdress, AResponseGetsAnotherId) {
  std::string text;
  append_result(text, "7", R"({"id":7})");
  readdress(text, "7", R"("b")");
  EXPECT_EQ(text, R"({"jsonrpc":"2.0","id":"b","result":{"id":7}})");
  readdress(text, "7", "8");  // it has another one
  EXPECT_EQ(text, R"({"jsonrpc":"2.0","id":"b","result":{"id":7}})");
}

TEST(AppendParams, APromptIsNamedInTheReferenceOfACompletion) {
  RawJson json;
  std::string out;
  ASSERT_TRUE(append_params(out, R"({"ref":{"type":"ref/prompt","name":"a"},"name":"b"})",
                            {.ref_name = "own"}, json));
  EXPECT_EQ(out, R"({"ref":{"type":"ref/prompt","name":"own"},"name":"b"})");
}

}  // namespace
}  // namespace satgate::dialect::mcp
