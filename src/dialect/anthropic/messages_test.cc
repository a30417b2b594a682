#include "dialect/anthropic/messages.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect::anthropic {
namespace {

using nlohmann::json;

// The members before `messages`, made a body.
std::string body(std::string_view members) {
  return R"({"model":"claude-sonnet-4-5","max_tokens":64,)" + std::string(members) +
         (members.empty() ? "" : ",") + R"("messages":[{"role":"user","content":"hi"}]})";
}

std::string with_message(std::string_view message) {
  return R"({"model":"m","max_tokens":64,"messages":[)" + std::string(message) + "]}";
}

std::string with_block(std::string_view block) {
  return with_message(R"({"role":"user","content":[)" + std::string(block) + "]}");
}

std::string with_result(std::string_view content) {
  return with_block(R"({"type":"tool_result","tool_use_id":"t","content":)" + std::string(content) +
                    "}");
}

std::string complaint(std::string_view text, Messages endpoint = Messages::create) {
  MessagesReader reader(endpoint);
  const auto request = reader.peek(text);
  return request ? "accepted" : std::string(request.error().message);
}

std::string unbounded(std::string_view text) {
  MessagesReader reader(Messages::create);
  const auto request = reader.peek(text);
  return request ? std::string(request->unbounded) : "refused";
}

TEST(MessagesPeek, ReadsWhatDecides) {
  MessagesReader reader(Messages::create);
  const auto request = reader.peek(
      R"({"model":"claude-opus-4-1","max_tokens":2048,"stream":true,"service_tier":"auto",)"
      R"("system":"be brief","thinking":{"type":"enabled","budget_tokens":1024},)"
      R"("messages":[{"role":"user","content":"hi"}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "claude-opus-4-1");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->output_tokens_max, 2048u);
  EXPECT_EQ(request->choices, 1u);
  EXPECT_EQ(request->hidden_input_tokens, 0u);
  EXPECT_EQ(request->unbounded, "");
}

TEST(MessagesPeek, AbsentAndNullAreTheSame) {
  for (const auto* members :
       {"", R"("stream":null,"system":null,"tools":null,"service_tier":null,"mcp_servers":null,)"
            R"("container":null,"speed":null,"output_config":null,"output_format":null)"}) {
    MessagesReader reader(Messages::create);
    const auto request = reader.peek(body(members));
    ASSERT_TRUE(request) << members;
    EXPECT_FALSE(request->stream);
    EXPECT_EQ(request->hidden_input_tokens, 0u);
    EXPECT_EQ(request->unbounded, "");
  }
}

TEST(MessagesPeek, OnlyCountingNeedsNoBound) {
  constexpr std::string_view want = "max_tokens must be a whole number above zero";
  for (const auto* text :
       {R"({"model":"m","messages":[]})", R"({"model":"m","max_tokens":null,"messages":[]})"}) {
    EXPECT_EQ(complaint(text), want);
    EXPECT_EQ(complaint(text, Messages::count), "accepted");
  }
  MessagesReader reader(Messages::count);
  const auto request = reader.peek(R"({"model":"m","messages":[],"tools":[{"name":"f"}]})");
  ASSERT_TRUE(request);
  EXPECT_FALSE(request->output_tokens_max);
  EXPECT_EQ(request->hidden_input_tokens, 1000u);
}

TEST(MessagesPeek, RefusesWhatUpstreamsMayReadDifferently) {
  for (const std::string& text : {
           body(R"("max_tokens":100000)"), body(R"("m\u0061x_tokens":100000)"),
           body(R"("model":"claude-opus-4-1")"), body(R"("stream":false,"stream":true)"),
           body(R"("service_tier":"auto","service_tier":"priority")"), body(R"("messages":[])"),
           body(R"("system":"a","system":"b")"),
           body(R"("tools":[],"tools":[{"type":"web_search_20250305"}])"),
           body(R"("MAX_TOKENS":100000)"), body(R"("Model":"claude-opus-4-1")"),
           body(R"("Mcp_Servers":[])"),
           body("\"max_to\xe2\x84\xaa"
                "ens\":100000"),                       // U+212A folds to k
           body(R"("\u017fervice_tier":"priority")"),  // U+017F folds to s
       }) {
    EXPECT_NE(complaint(text), "accepted") << text;
  }
}

TEST(MessagesPeek, RefusesBadValues) {
  for (const auto* bound :
       {"-1", "0", "1.5", "10.0", R"("10")", "1e3", "18446744073709551616", "true", "[]", "{}"}) {
    const std::string text = R"({"model":"m","max_tokens":)" + std::string(bound) + "}";
    EXPECT_NE(complaint(text), "accepted") << text;
    EXPECT_NE(complaint(text, Messages::count), "accepted") << text;
  }
  for (const auto* members : {R"("stream":"true")", R"("stream":1)", R"("service_tier":1)"}) {
    EXPECT_NE(complaint(body(members)), "accepted") << members;
  }
  EXPECT_EQ(complaint(R"({"model":"m","max_tokens":18446744073709551615})"), "accepted");
}

TEST(MessagesPeek, RefusesBadJson) {
  for (const auto* text :
       {"", " ", "null", "[]", R"({"max_tokens":1})", R"({"model":"","max_tokens":1})",
        R"({"model":null,"max_tokens":1})", R"({"model":"a","max_tokens":1)",
        R"({"model":"a","max_tokens":1} x)", R"({"model":"a","max_tokens":1,})",
        "\xef\xbb\xbf{\"model\":\"a\",\"max_tokens\":1}"}) {
    EXPECT_NE(complaint(text), "accepted") << text;
  }
}

TEST(MessagesPeek, DecoysInsideAreOnlyText) {
  MessagesReader reader(Messages::create);
  const auto request = reader.peek(
      R"({"messages":[{"role":"user","content":"\"max_tokens\":999","max_tokens":999},)"
      R"({"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{)"
      R"("type":"image","source":{"url":"x"},"content":[{"type":"image"}]}}]}],)"
      R"("metadata":{"model":"x","mcp_servers":[1]},)"
      R"("tools":[{"name":"f","input_schema":{"type":"object","max_tokens":7}}],)"
      R"("m\u0061x_tokens":5,"mod\u0065l":"cl\u0061ude"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "claude");
  EXPECT_EQ(request->output_tokens_max, 5u) << "an escaped name is the same name";
  EXPECT_FALSE(request->stream);
  EXPECT_EQ(request->unbounded, "");
}

TEST(MessagesPeek, TextIsBounded) {
  for (const std::string& text : {
           with_message(R"({"role":"user","content":"image"})"),
           with_block(R"({"type":"text","text":"a","cache_control":{"type":"ephemeral"}})"),
           with_block(R"({"type":"text","text":"a","citations":[{"type":"char_location"}]})"),
           with_block(R"({"type":"thinking","thinking":"","signature":"c2ln"})"),
           with_block(R"({"type":"redacted_thinking","data":"ZGF0YQ=="})"),
           with_block(R"({"type":"tool_use","id":"t","name":"f","input":{},)"
                      R"("caller":{"type":"direct"}})"),
           with_block(R"({"type":"tool_result","tool_use_id":"t","is_error":true})"),
           with_result("null"),
           with_result(R"("image")"),
           with_result(R"([{"type":"text","text":"a"}])"),
           body(R"("system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}])"),
           body(R"("service_tier":"standard_only")"),
           body(R"("tools":[],"tool_choice":{"type":"auto"})"),
           body(R"("tools":[{"name":"f","type":"custom"},{"name":"g","type":null}])"),
           body(R"("output_config":{"effort":"low","format":null})"),
       }) {
    EXPECT_EQ(unbounded(text), "") << text;
  }
}

TEST(MessagesPeek, NamesContentThatIsUnbounded) {
  for (const auto& [text, want] : std::initializer_list<std::pair<std::string, const char*>>{
           {with_block(R"({"type":"image","source":{"type":"url","url":"https://x"}})"), "image"},
           {with_block(R"({"source":{"type":"base64"},"type":"document"})"), "document"},
           {with_block(R"({"type":"server_tool_use","id":"s","name":"web_search","input":{}})"),
            "content"},
           {with_block(R"({"type":"web_search_tool_result","tool_use_id":"s","content":[]})"),
            "content"},
           {with_block(R"({"type":"search_result","source":"x","title":"t","content":[]})"),
            "content"},
           {with_block(R"({"type":"container_upload","file_id":"f"})"), "content"},
           {with_block(R"({"type":"brand_new","text":"x"})"), "content"},
           {with_block(R"({"type":"text","text":"x","source":{"type":"url"}})"), "content"},
           {with_block(R"({"type":"text","text":"x","file_id":"f"})"), "content"},
           {with_block(R"({"type":"text","type":"image"})"), "image"},
           {with_block(R"({"type":"text","Type":"image"})"), "content"},
           {with_block(R"({"type":["text"]})"), "content"},
           {with_block(R"("text")"), "content"},
           {with_result(R"([{"type":"text","text":"a"},{"type":"image","source":{}}])"), "image"},
           {with_result(R"([{"type":"document","source":{}}])"), "document"},
           {with_result(R"([{"type":"tool_reference","tool_name":"f"}])"), "content"},
           {with_result(R"([{"type":"tool_result","content":[]}])"), "content"},
           {with_result(R"([{"type":"text","text":"a","content":"b"}])"), "content"},
           {with_result(R"({"type":"text"})"), "content"},
           {with_block(R"({"type":"tool_result","content":"a","content":[{"type":"image"}]})"),
            "image"},
           {with_block(R"({"type":"tool_result","Content":[{"type":"image"}]})"), "content"},
           {with_message(R"({"role":"user","content":"x","content":[{"type":"image"}]})"), "image"},
           {with_message(R"({"role":"user","content":"x","Content":"y"})"), "content"},
           {with_message(R"({"role":"user","content":{"type":"text"}})"), "content"},
           {with_message(R"("hi")"), "messages"},
           {body(R"("system":[{"type":"image","source":{}}])"), "image"},
           {body(R"("system":[{"type":"tool_use","input":{}}])"), "content"},
           {body(R"("system":{"type":"text"})"), "system"},
       }) {
    EXPECT_EQ(unbounded(text), want) << text;
  }
}

TEST(MessagesPeek, NamesMembersThatAreUnbounded) {
  for (const std::string_view name : {"mcp_servers", "container", "speed", "inference_geo",
                                      "context_management", "fallbacks", "models", "plugins"}) {
    for (const auto* value : {R"("x")", "[]", "{}", "false"}) {
      EXPECT_EQ(unbounded(body("\"" + std::string(name) + "\":" + value)), name);
    }
  }
  for (const auto& [members, want] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"("service_tier":"priority")", "service_tier"},
           {R"("service_tier":"")", "service_tier"},
           {R"("output_config":{"Format":{}})", "output_config"},
           {R"("output_config":[])", "output_config"},
       }) {
    EXPECT_EQ(unbounded(body(members)), want) << members;
  }
}

TEST(MessagesPeek, OnlyTheClientsOwnToolsAreBounded) {
  for (const auto* tool :
       {R"({"type":"web_search_20250305","name":"web_search"})", R"({"type":"bash_20250124"})",
        R"({"type":"code_execution_20250825"})", R"({"type":"text_editor_20250728"})",
        R"({"type":"computer_20250124"})", R"({"type":"mcp_toolset"})", R"({"type":"brand_new"})",
        R"({"type":"custom","type":"web_search_20250305"})", R"({"Type":"web_search_20250305"})",
        R"({"type":7})", R"("f")"}) {
    EXPECT_EQ(unbounded(body(R"("tools":[{"name":"f"},)" + std::string(tool) + "]")), "tools")
        << tool;
  }
  EXPECT_EQ(unbounded(body(R"("tools":{})")), "tools");
}

TEST(MessagesPeek, ToolsBringAHiddenPrompt) {
  MessagesReader reader(Messages::create);
  EXPECT_EQ(reader.peek(body(R"("tools":[{"name":"f","input_schema":{}}])"))->hidden_input_tokens,
            1000u);
  EXPECT_EQ(reader.peek(body(R"("tools":[])"))->hidden_input_tokens, 0u);
}

TEST(MessagesPeek, OnlyWhatIsMarkedMayBeWrittenToTheCache) {
  MessagesReader reader(Messages::create);
  const auto may_write = [&](const std::string& text) {
    const auto request = reader.peek(text);
    return request && request->may_write_cache;
  };
  EXPECT_FALSE(may_write(body(R"("tools":[{"name":"f","input_schema":{}}])")));
  for (const auto* members :
       {R"("system":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}])",
        R"("tools":[{"name":"f","cache_control":null,"input_schema":{}}])",
        R"("cache_control":{"type":"ephemeral"})", R"("x":[{"y":{"cache\u005fcontrol":1}}])"}) {
    EXPECT_TRUE(may_write(body(members))) << members;
  }
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_TRUE(may_write(body("\"metadata\":" + deep))) << "nobody looked";
}

TEST(MessagesPeek, AFormatBringsAHiddenPrompt) {
  MessagesReader reader(Messages::create);
  for (const auto* members : {R"("output_config":{"effort":"low","format":{"type":"json_schema"}})",
                              R"("output_format":{"type":"json_schema"})"}) {
    const auto request = reader.peek(body(members));
    EXPECT_EQ(request->unbounded, "");
    EXPECT_EQ(request->hidden_input_tokens, 1000u) << members;
  }
}

struct EditCase {
  std::string_view from;
  LlmEdit edit;
  std::string_view to;
};

TEST(MessagesEdit, OnlyEverLowersTheBound) {
  const LlmEdit clamp{.output_tokens = 20};
  for (const EditCase& c : std::initializer_list<EditCase>{
           {R"({"model":"m","max_tokens":100})", {}, R"({"model":"m","max_tokens":100})"},
           {R"({"model":"m","max_tokens":9})", clamp, R"({"model":"m","max_tokens":9})"},
           {R"( { "model":"m" , "max_tokens" : 100 , "x":1.50})", clamp,
            R"( { "model":"m" , "max_tokens" : 20 , "x":1.50})"},
           {R"({"model":"m","m\u0061x_tokens":100})", clamp,
            R"({"model":"m","m\u0061x_tokens":20})"},
           {R"({"a":{"max_tokens":70},"model":"\"max_tokens\":70","max_tokens":100})", clamp,
            R"({"a":{"max_tokens":70},"model":"\"max_tokens\":70","max_tokens":20})"},
           {R"({"max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":1024},"model":"m"})",
            clamp,
            R"({"max_tokens":20,"thinking":{"type":"enabled","budget_tokens":1024},"model":"m"})"},
           {R"({"model":"m","stream":true,"max_tokens":100})",
            {.output_tokens = 20, .include_usage = true},
            R"({"model":"m","stream":true,"max_tokens":20})"},
       }) {
    MessagesReader reader(Messages::create);
    ASSERT_TRUE(reader.peek(c.from)) << c.from;
    std::string out = "left over";
    ASSERT_TRUE(reader.edit(c.from, c.edit, out)) << c.from;
    EXPECT_EQ(out, c.to);
    EXPECT_TRUE(json::accept(out)) << out;
  }
}

TEST(MessagesEdit, CountingStaysAsItIs) {
  for (const auto* text :
       {R"({"model":"m","messages":[]})", R"({"model":"m","max_tokens":null})"}) {
    MessagesReader reader(Messages::count);
    ASSERT_TRUE(reader.peek(text));
    std::string out;
    ASSERT_TRUE(reader.edit(text, {.output_tokens = 20}, out));
    EXPECT_EQ(out, text);
  }
}

TEST(MessagesEdit, OnlyABodyThatWasAccepted) {
  MessagesReader reader(Messages::create);
  std::string out;
  EXPECT_FALSE(reader.edit(body(""), {}, out));
  ASSERT_TRUE(reader.peek(body("")));
  EXPECT_FALSE(reader.edit(body(R"("stream":true)"), {}, out));
  EXPECT_FALSE(reader.peek("{"));
  EXPECT_FALSE(reader.edit("{", {}, out));
}

TEST(MessagesEdit, SurvivesReadingTheAnswerFirst) {
  MessagesReader reader(Messages::create);
  const std::string text = body("");
  const auto request = reader.peek(text);
  ASSERT_TRUE(request);
  EXPECT_TRUE(reader.usage(R"({"usage":{"input_tokens":1,"output_tokens":1}})"));
  EXPECT_EQ(request->model, "claude-sonnet-4-5");
  std::string out;
  EXPECT_TRUE(reader.edit(text, {}, out));
}

TEST(MessagesUsage, DisjointCountsAreSummed) {
  MessagesReader reader(Messages::create);
  const auto usage = reader.usage(
      R"({"type":"message","content":[{"type":"text","text":"{\"usage\":1}"}],"usage":{)"
      R"("input_tokens":10,"cache_creation_input_tokens":300,"cache_read_input_tokens":2000,)"
      R"("cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},)"
      R"("output_tokens":40,"output_tokens_details":{"thinking_tokens":30},)"
      R"("server_tool_use":null,"service_tier":"standard"}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input, 2310u);
  EXPECT_EQ(usage->cached_input, 2000u);
  EXPECT_EQ(usage->cache_write, 300u);
  EXPECT_EQ(usage->cache_write_1h, 200u);
  EXPECT_EQ(usage->output, 40u);
  EXPECT_EQ(usage->reasoning, 30u);
}

TEST(MessagesUsage, OddReports) {
  MessagesReader reader(Messages::create);
  const auto parts = reader.usage(
      R"({"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":5,)"
      R"("cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":3}}})");
  ASSERT_TRUE(parts);
  EXPECT_EQ(parts->cache_write, 7u) << "parts that are more than their whole";
  EXPECT_EQ(parts->input, 8u);
  const auto nulls = reader.usage(
      R"({"usage":{"input_tokens":1,"output_tokens":2,"cache_creation_input_tokens":null,)"
      R"("cache_read_input_tokens":null,"cache_creation":null}})");
  ASSERT_TRUE(nulls);
  EXPECT_EQ(nulls->input, 1u);
  const auto twice =
      reader.usage(R"({"usage":{"input_tokens":9,"output_tokens":1},"usage":{"input_tokens":1,)"
                   R"("output_tokens":7}})");
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->input, 9u);
  EXPECT_EQ(twice->output, 7u);
  const auto huge =
      reader.usage(R"({"usage":{"input_tokens":18446744073709551615,"output_tokens":1,)"
                   R"("cache_read_input_tokens":5}})");
  ASSERT_TRUE(huge);
  EXPECT_EQ(huge->input, UINT64_MAX) << "a sum never wraps";
}

TEST(MessagesUsage, NothingIfItCannotBeTrusted) {
  MessagesReader reader(Messages::create);
  for (const auto* text :
       {"", "{}", R"({"input_tokens":3})", R"({"usage":null})", R"({"usage":{}})",
        R"({"usage":{"input_tokens":1}})", R"({"usage":{"output_tokens":1}})",
        R"({"usage":{"input_tokens":null,"output_tokens":1}})",
        R"({"usage":{"input_tokens":-1,"output_tokens":1}})",
        R"({"usage":{"input_tokens":1.5,"output_tokens":1}})",
        R"({"usage":{"input_tokens":"7","output_tokens":1}})",
        R"({"usage":{"input_tokens":1,"output_tokens":1,"cache_read_input_tokens":"2"}})",
        R"({"usage":{"input_tokens":1,"output_tokens":1},"usage":{"input_tokens":-1}})",
        R"({"usage":[]})", "[1]", "<html>"}) {
    EXPECT_FALSE(reader.usage(text)) << text;
  }
}

}  // namespace
}  // namespace satgate::dialect::anthropic
