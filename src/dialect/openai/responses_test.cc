#include "dialect/openai/responses.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect::openai {
namespace {

using nlohmann::json;

// The members before `input`, made a body.
std::string body(std::string_view members) {
  return R"({"model":"gpt-5",)" + std::string(members) + (members.empty() ? "" : ",") +
         R"("input":"hi"})";
}

std::string with_item(std::string_view item) {
  return R"({"model":"gpt-5","input":[)" + std::string(item) + "]}";
}

std::string with_part(std::string_view part) {
  return with_item(R"({"role":"user","content":[)" + std::string(part) + "]}");
}

std::string with_output(std::string_view output) {
  return with_item(R"({"type":"function_call_output","call_id":"c","output":)" +
                   std::string(output) + "}");
}

std::string complaint(std::string_view text) {
  ResponsesReader reader;
  const auto request = reader.peek(text);
  return request ? "accepted" : std::string(request.error().message);
}

std::string unbounded(std::string_view text) {
  ResponsesReader reader;
  const auto request = reader.peek(text);
  return request ? std::string(request->unbounded) : "refused";
}

bool whole_context(std::string_view text) {
  ResponsesReader reader;
  const auto request = reader.peek(text);
  return request && request->whole_context;
}

TEST(ResponsesPeek, ReadsWhatDecides) {
  ResponsesReader reader;
  const auto request = reader.peek(
      body(R"("stream":true,"background":true,"max_output_tokens":700,"service_tier":"flex",)"
           R"("instructions":"be brief","truncation":"auto","reasoning":{"effort":"high"})"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-5");
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->output_tokens_max, 700u);
  EXPECT_EQ(request->choices, 1u);
  EXPECT_FALSE(request->whole_context);
  EXPECT_EQ(request->unbounded, "");
}

TEST(ResponsesPeek, WhatItGoesOnFrom) {
  ResponsesReader reader;
  EXPECT_EQ(reader.peek(body(R"("previous_response_id":"resp_\u0031")"))->stored_id, "resp_1");
  for (const auto* members :
       {"", R"("previous_response_id":null)", R"("previous_response_id":7)",
        R"("conversation":"conv_1")", R"("metadata":{"previous_response_id":"resp_1"})"}) {
    EXPECT_EQ(reader.peek(body(members))->stored_id, "") << members;
  }
  EXPECT_EQ(complaint(body(R"("previous_response_id":"a","previous_response_id":"b")")),
            "a member that decides about cost appears twice");
}

TEST(ResponsesUsage, AndTheIdUnderWhichItIsStored) {
  ResponsesReader reader;
  EXPECT_EQ(reader.stored_id(), "");
  EXPECT_FALSE(reader.usage(R"({"id":"resp_1","status":"queued","usage":null})"));
  EXPECT_EQ(reader.stored_id(), "resp_1");
  for (const auto* answer : {R"({"id":7})", R"({"id":""})", R"({"id":"a/../b"})", R"([])", "x",
                             R"({"response":{"id":"resp_1"}})"}) {
    EXPECT_FALSE(reader.usage(answer));
    EXPECT_EQ(reader.stored_id(), "") << answer;
  }
}

TEST(ResponsesPeek, AbsentAndNullAreTheSame) {
  for (const auto* members :
       {"", R"("stream":null,"background":null,"max_output_tokens":null,"instructions":null,)"
            R"("tools":null,"service_tier":null,"previous_response_id":null,"conversation":null,)"
            R"("prompt":null,"context_management":null,"modalities":null,"reasoning":null,)"
            R"("prompt_cache_options":null,"multi_agent":null,"audio":null,"models":null,)"
            R"("fallbacks":null,"plugins":null)"}) {
    ResponsesReader reader;
    const auto request = reader.peek(body(members));
    ASSERT_TRUE(request) << members;
    EXPECT_FALSE(request->stream);
    EXPECT_FALSE(request->output_tokens_max);
    EXPECT_FALSE(request->whole_context);
    EXPECT_EQ(request->unbounded, "");
  }
  EXPECT_EQ(unbounded(R"({"model":"m","input":null})"), "");
}

TEST(ResponsesPeek, RefusesWhatUpstreamsMayReadDifferently) {
  for (const std::string& text : {
           body(R"("max_output_tokens":1,"max_output_tokens":100000)"),
           body(R"("max_output_tokens":1,"m\u0061x_output_tokens":100000)"),
           body(R"("model":"gpt-5-pro")"), body(R"("stream":false,"stream":true)"),
           body(R"("background":false,"background":true)"),
           body(R"("service_tier":"default","service_tier":"priority")"), body(R"("input":[])"),
           body(R"("tools":[],"tools":[{"type":"web_search"}])"),
           body(R"("previous_response_id":null,"previous_response_id":"resp_1")"),
           body(R"("MAX_OUTPUT_TOKENS":100000)"), body(R"("Model":"gpt-5-pro")"),
           body(R"("Conversation":"conv_1")"),
           body("\"max_output_to\xe2\x84\xaa"
                "ens\":100000"),                       // U+212A folds to k
           body(R"("\u017fervice_tier":"priority")"),  // U+017F folds to s
       }) {
    EXPECT_NE(complaint(text), "accepted") << text;
  }
}

TEST(ResponsesPeek, RefusesBadValues) {
  for (const auto* bound :
       {"-1", "0", "1.5", "10.0", R"("10")", "1e3", "18446744073709551616", "true", "[]", "{}"}) {
    EXPECT_NE(complaint(body(R"("max_output_tokens":)" + std::string(bound))), "accepted") << bound;
  }
  for (const auto* members : {R"("stream":"true")", R"("stream":1)", R"("background":"no")",
                              R"("background":0)", R"("service_tier":1)"}) {
    EXPECT_NE(complaint(body(members)), "accepted") << members;
  }
  EXPECT_EQ(complaint(body(R"("max_output_tokens":18446744073709551615)")), "accepted");
}

TEST(ResponsesPeek, RefusesBadJson) {
  for (const auto* text :
       {"", " ", "null", "[]", R"({"input":"x"})", R"({"model":""})", R"({"model":null})",
        R"({"model":["a"]})", R"({"model":"a")", R"({"model":"a"} x)", R"({"model":"a",})"}) {
    EXPECT_NE(complaint(text), "accepted") << text;
  }
}

TEST(ResponsesPeek, DecoysInsideAreOnlyText) {
  ResponsesReader reader;
  const auto request = reader.peek(
      R"({"input":[{"role":"user","content":"\"max_output_tokens\":999"},)"
      R"({"type":"function_call","call_id":"c","name":"f","arguments":"{\"type\":\"mcp\"}"}],)"
      R"("metadata":{"model":"x","prompt":"p","stream":true},)"
      R"("tools":[{"type":"function","name":"f","parameters":{"type":"object","Type":"mcp"}}],)"
      R"("m\u0061x_output_tokens":5,"mod\u0065l":"gpt-\u0035"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-5");
  EXPECT_EQ(request->output_tokens_max, 5u) << "an escaped name is the same name";
  EXPECT_FALSE(request->stream);
  EXPECT_FALSE(request->whole_context);
  EXPECT_EQ(request->unbounded, "");
}

TEST(ResponsesPeek, TextIsBounded) {
  for (const std::string& text : {
           with_item(""),
           with_item(R"({"role":"user","content":"input_image"})"),
           with_item(R"({"type":"message","role":"developer","content":"a","phase":null})"),
           with_item(R"({"type":null,"role":"user","content":"a"})"),
           with_part(R"({"type":"input_text","text":"a"})"),
           with_part(R"({"type":"input_text","text":"a",)"
                     R"("prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}})"),
           with_item(R"({"type":"message","id":"msg_1","role":"assistant","status":"completed",)"
                     R"("content":[{"type":"output_text","text":"a","annotations":[],)"
                     R"("logprobs":[]},{"type":"refusal","refusal":"no"}]})"),
           with_item(R"({"type":"function_call","id":"fc_1","call_id":"c","name":"f",)"
                     R"("arguments":"{}","status":"completed"})"),
           with_output(R"("input_image")"),
           with_output("null"),
           with_output(R"([{"type":"input_text","text":"a"}])"),
           with_item(R"({"type":"custom_tool_call","call_id":"c","name":"f","input":"a"})"),
           with_item(R"({"type":"custom_tool_call_output","call_id":"c","output":"a"})"),
           with_item(R"({"type":"reasoning","id":"rs_1","encrypted_content":"Z0FB",)"
                     R"("summary":[{"type":"summary_text","text":"a"}]})"),
           with_item(R"({"type":"reasoning","summary":[],"content":[)"
                     R"({"type":"reasoning_text","text":"a"}]})"),
           body(R"("instructions":[{"role":"developer","content":"a"}])"),
           body(R"("service_tier":"auto","modalities":["text"])"),
           body(R"("reasoning":{"effort":"high","summary":"auto","mode":"standard"})"),
           body(R"("prompt_cache_options":{"mode":"explicit","ttl":"30m"})"),
           body(R"("tools":[],"tool_choice":"auto","text":{"format":{"type":"json_schema"}})"),
           body(R"("tools":[{"type":"function","name":"f"},{"type":"custom","name":"g"}])"),
       }) {
    EXPECT_EQ(unbounded(text), "") << text;
    EXPECT_FALSE(whole_context(text)) << text;
  }
}

TEST(ResponsesPeek, NamesContentThatIsUnbounded) {
  for (const auto& [text, want] : std::initializer_list<std::pair<std::string, const char*>>{
           {with_part(R"({"type":"input_image","image_url":"https://x"})"), "input_image"},
           {with_part(R"({"file_id":"f","type":"input_file"})"), "input_file"},
           {with_part(R"({"type":"input_audio","input_audio":{}})"), "input_audio"},
           {with_part(R"({"type":"brand_new","text":"a"})"), "content"},
           {with_part(R"({"type":"input_text","text":"a","file_id":"f"})"), "content"},
           {with_part(R"({"type":"input_text","type":"input_image"})"), "input_image"},
           {with_part(R"({"type":"input_text","Type":"input_image"})"), "content"},
           {with_part(R"({"type":["input_text"]})"), "content"},
           {with_part(R"({"text":"a"})"), "content"},
           {with_part(R"("a")"), "content"},
           {with_part(R"({"type":"input_text","prompt_cache_breakpoint":{"ttl":"12h"}})"),
            "prompt_cache_breakpoint"},
           {with_item(R"({"role":"user","content":{"type":"input_text"}})"), "content"},
           {with_item(R"({"role":"user","content":"a","Content":"b"})"), "input"},
           {with_item(R"({"role":"user","content":"a","content":"b"})"), "input"},
           {with_item(R"({"role":"user","content":"a","audio":{"id":"x"}})"), "input"},
           {with_item(R"({"type":7,"content":"a"})"), "input"},
           {with_item(R"({"type":"message","type":"computer_call","content":"a"})"), "input"},
           {with_item(R"({"type":""})"), "input"},
           {with_item(R"("hi")"), "input"},
           {with_output(R"([{"type":"input_image","file_id":"f"}])"), "input_image"},
           {with_output(R"([{"type":"output_text","text":"a"}])"), "content"},
           {with_output(R"({"type":"input_text"})"), "content"},
           {with_item(R"({"type":"brand_new"},{"role":"user","content":[)"
                      R"({"type":"input_file","file_url":"https://x"}]})"),
            "input_file"},
           {body(R"("instructions":[{"role":"developer","content":[{"type":"input_image"}]}])"),
            "input_image"},
           {body(R"("instructions":{"a":1})"), "instructions"},
           {R"({"model":"m","input":{"role":"user"}})", "input"},
           {R"({"model":"m","input":7})", "input"},
       }) {
    EXPECT_EQ(unbounded(text), want) << text;
  }
}

TEST(ResponsesPeek, ItemsThatAreNoTextAreUnbounded) {
  for (const std::string_view type :
       {"file_search_call", "web_search_call", "computer_call", "computer_call_output",
        "code_interpreter_call", "image_generation_call", "local_shell_call", "shell_call_output",
        "apply_patch_call", "mcp_list_tools", "mcp_call", "additional_tools", "compaction",
        "compaction_trigger", "program", "Message", "brand_new"}) {
    EXPECT_EQ(unbounded(with_item(R"({"type":")" + std::string(type) + R"(","content":"a"})")),
              "input")
        << type;
  }
}

TEST(ResponsesPeek, NamesMembersThatAreUnbounded) {
  for (const std::string_view name : {"prompt", "context_management", "multi_agent", "audio",
                                      "models", "fallbacks", "plugins", "web_search_options"}) {
    for (const auto* value : {R"("x")", "[]", "{}", "false"}) {
      EXPECT_EQ(unbounded(body("\"" + std::string(name) + "\":" + value)), name);
    }
  }
  for (const auto& [members, want] : std::initializer_list<std::pair<const char*, const char*>>{
           {R"("service_tier":"scale")", "service_tier"},
           {R"("service_tier":"")", "service_tier"},
           {R"("modalities":["text","audio"])", "modalities"},
           {R"("modalities":"text")", "modalities"},
           {R"("reasoning":{"mode":"pro"})", "reasoning"},
           {R"("reasoning":{"Mode":"standard"})", "reasoning"},
           {R"("reasoning":{"mode":"standard","mode":"pro"})", "reasoning"},
           {R"("reasoning":[])", "reasoning"},
           {R"("prompt_cache_options":{"ttl":"12h"})", "prompt_cache_options"},
       }) {
    EXPECT_EQ(unbounded(body(members)), want) << members;
  }
}

TEST(ResponsesPeek, OnlyTheClientsOwnToolsAreBounded) {
  for (const auto* tool :
       {R"({"type":"web_search"})", R"({"type":"file_search"})", R"({"type":"code_interpreter"})",
        R"({"type":"image_generation"})", R"({"type":"mcp"})", R"({"type":"computer"})",
        R"({"type":"local_shell"})", R"({"type":"shell"})", R"({"type":"apply_patch"})",
        R"({"type":"namespace"})", R"({"type":"brand_new"})", R"({"type":7})", R"({"type":null})",
        R"({"type":"function","type":"mcp"})", R"({"type":"function","Type":"mcp"})",
        R"({"name":"f"})", R"("f")"}) {
    const std::string text =
        body(R"("tools":[{"type":"function","name":"f"},)" + std::string(tool) + "]");
    EXPECT_EQ(unbounded(text), "tools") << tool;
  }
  EXPECT_EQ(unbounded(body(R"("tools":{})")), "tools");
}

TEST(ResponsesPeek, WhatIsStoredIsBoundedByTheContext) {
  for (const std::string& text : {
           body(R"("previous_response_id":"resp_1")"),
           body(R"("conversation":"conv_1")"),
           body(R"("conversation":{"id":"conv_1"})"),
           with_item(R"({"type":"item_reference","id":"msg_1"})"),
           with_item(R"({"id":"msg_1"})"),
           with_item(R"({"type":null,"id":"msg_1"})"),
           with_item(R"({"id":"msg_1","content":"short"})"),
           with_item(R"({"role":"user","content":"a"},{"type":"item_reference","id":"msg_1"})"),
           with_item(R"({"type":"reasoning","id":"rs_1","summary":[]})"),
           with_item(R"({"type":"reasoning","id":"rs_1","encrypted_content":null})"),
           with_item(R"({"type":"reasoning","id":"rs_1","encrypted_content":""})"),
           body(R"("instructions":[{"type":"item_reference","id":"msg_1"}])"),
       }) {
    EXPECT_TRUE(whole_context(text)) << text;
    EXPECT_EQ(unbounded(text), "") << text;
  }
  EXPECT_TRUE(whole_context(body(R"("prompt":{"id":"pmpt_1"})")));
  EXPECT_TRUE(whole_context(with_item(R"({"type":"mcp_call"},{"type":"item_reference"})")))
      << "also behind an item that is unbounded";
}

struct EditCase {
  std::string_view from;
  LlmEdit edit;
  std::string_view to;
};

TEST(ResponsesEdit, ByteForByteElsewhere) {
  const LlmEdit clamp{.output_tokens = 20};
  for (const EditCase& c : std::initializer_list<EditCase>{
           {R"({"model":"m"})", {}, R"({"model":"m"})"},
           {R"({"model":"m","max_output_tokens":100})",
            {},
            R"({"model":"m","max_output_tokens":100})"},
           {R"({"model":"m"})", clamp, R"({"max_output_tokens":20,"model":"m"})"},
           {R"( { "model":"m" , "x":1.50})", clamp,
            R"( {"max_output_tokens":20, "model":"m" , "x":1.50})"},
           {R"({"model":"m","max_output_tokens" : null })", clamp,
            R"({"model":"m","max_output_tokens" : 20 })"},
           {R"({"model":"m","max_output_tokens":9})", clamp,
            R"({"model":"m","max_output_tokens":9})"},
           {R"({"model":"m","m\u0061x_output_tokens": 100 ,"input":"h\u00e9"})", clamp,
            R"({"model":"m","m\u0061x_output_tokens": 20 ,"input":"h\u00e9"})"},
           {R"({"a":{"max_output_tokens":70},"model":"\"max_output_tokens\":70"})", clamp,
            R"({"max_output_tokens":20,"a":{"max_output_tokens":70},)"
            R"("model":"\"max_output_tokens\":70"})"},
           {R"({"model":"m","stream":true,"max_output_tokens":100})",
            {.output_tokens = 20, .bound_name = "max_tokens", .include_usage = true},
            R"({"model":"m","stream":true,"max_output_tokens":20})"},
       }) {
    ResponsesReader reader;
    ASSERT_TRUE(reader.peek(c.from)) << c.from;
    std::string out = "left over";
    ASSERT_TRUE(reader.edit(c.from, c.edit, out)) << c.from;
    EXPECT_EQ(out, c.to);
    EXPECT_TRUE(json::accept(out)) << out;
  }
}

TEST(ResponsesEdit, OnlyABodyThatWasAccepted) {
  ResponsesReader reader;
  std::string out;
  EXPECT_FALSE(reader.edit(body(""), {}, out));
  ASSERT_TRUE(reader.peek(body("")));
  EXPECT_FALSE(reader.edit(body(R"("stream":true)"), {}, out));
  EXPECT_FALSE(reader.peek("{"));
  EXPECT_FALSE(reader.edit("{", {}, out));
}

TEST(ResponsesEdit, SurvivesReadingTheAnswerFirst) {
  ResponsesReader reader;
  const std::string text = body("");
  const auto request = reader.peek(text);
  ASSERT_TRUE(request);
  EXPECT_TRUE(reader.usage(R"({"usage":{"input_tokens":1,"output_tokens":1}})"));
  EXPECT_EQ(request->model, "gpt-5");
  std::string out;
  EXPECT_TRUE(reader.edit(text, {}, out));
}

TEST(ResponsesUsage, Normalised) {
  ResponsesReader reader;
  const auto usage = reader.usage(
      R"({"id":"resp_1","status":"completed","output":[{"content":[{"text":"{\"usage\":1}"}]}],)"
      R"("usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60,)"
      R"("cache_write_tokens":5},"output_tokens":40,"output_tokens_details":{)"
      R"("reasoning_tokens":30},"total_tokens":140}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input, 100u);
  EXPECT_EQ(usage->cached_input, 60u);
  EXPECT_EQ(usage->cache_write, 5u);
  EXPECT_EQ(usage->output, 40u);
  EXPECT_EQ(usage->reasoning, 30u);
}

TEST(ResponsesUsage, OddReports) {
  ResponsesReader reader;
  const auto hidden =
      reader.usage(R"({"usage":{"input_tokens":10,"output_tokens":5,"total_tokens":35,)"
                   R"("input_tokens_details":null}})");
  ASSERT_TRUE(hidden);
  EXPECT_EQ(hidden->output, 25u) << "reasoning that only the total shows";
  const auto twice =
      reader.usage(R"({"usage":{"input_tokens":9,"output_tokens":1},"usage":{"input_tokens":1,)"
                   R"("output_tokens":7}})");
  ASSERT_TRUE(twice);
  EXPECT_EQ(twice->input, 9u);
  EXPECT_EQ(twice->output, 7u);
}

TEST(ResponsesUsage, NothingIfItCannotBeTrusted) {
  ResponsesReader reader;
  for (const auto* text :
       {"", "{}", R"({"input_tokens":3})", R"({"status":"queued","usage":null})", R"({"usage":{}})",
        R"({"usage":{"input_tokens":1}})", R"({"usage":{"output_tokens":1}})",
        R"({"usage":{"prompt_tokens":1,"completion_tokens":1}})",
        R"({"usage":{"input_tokens":null,"output_tokens":1}})",
        R"({"usage":{"input_tokens":-1,"output_tokens":1}})",
        R"({"usage":{"input_tokens":1.5,"output_tokens":1}})",
        R"({"usage":{"input_tokens":"7","output_tokens":1}})",
        R"({"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":"2"}})",
        R"({"usage":{"input_tokens":1,"output_tokens":1},"usage":null})",
        R"({"usage":{"input_tokens":0,"output_tokens":0},"status":"in_progress"})",
        R"({"usage":[]})", "[1]", "<html>"}) {
    EXPECT_FALSE(reader.usage(text)) << text;
  }
}

}  // namespace
}  // namespace satgate::dialect::openai
