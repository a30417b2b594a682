#include "dialect/openai/chat.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace satgate::dialect::openai {
namespace {

using nlohmann::json;

// The members before `messages`, made a body.
std::string body(std::string_view members) {
  return R"({"model":"gpt-4o",)" + std::string(members) + (members.empty() ? "" : ",") +
         R"("messages":[{"role":"user","content":"hi"}]})";
}

std::string with_message(std::string_view message) {
  return R"({"model":"gpt-4o","messages":[)" + std::string(message) + "]}";
}

std::string complaint(std::string_view text) {
  ChatReader reader;
  const auto request = reader.peek(text);
  return request ? "accepted" : std::string(request.error().message);
}

std::string unbounded(std::string_view text) {
  ChatReader reader;
  const auto request = reader.peek(text);
  return request ? std::string(request->unbounded) : "refused";
}

TEST(Peek, ReadsWhatDecides) {
  ChatReader reader;
  const auto request =
      reader.peek(body(R"("stream":true,"stream_options":{"include_usage":true},"max_tokens":5,)"
                       R"("max_completion_tokens":7,"n":3,"service_tier":"flex")"));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_TRUE(request->stream);
  EXPECT_TRUE(request->include_usage);
  EXPECT_EQ(request->output_tokens_max, 7u) << "the larger: upstreams differ";
  EXPECT_EQ(request->choices, 3u);
  EXPECT_EQ(request->unbounded, "");
}

TEST(Peek, AbsentAndNullAreTheSame) {
  for (const auto* members : {"", R"("stream":null,"stream_options":null,"max_tokens":null,)"
                                  R"("max_completion_tokens":null,"n":null,"service_tier":null,)"
                                  R"("tools":null,"audio":null,"modalities":null)"}) {
    ChatReader reader;
    const auto request = reader.peek(body(members));
    ASSERT_TRUE(request) << members;
    EXPECT_FALSE(request->stream);
    EXPECT_FALSE(request->output_tokens_max);
    EXPECT_EQ(request->choices, 1u);
    EXPECT_EQ(request->unbounded, "");
  }
}

TEST(Peek, RefusesWhatUpstreamsMayReadDifferently) {
  for (const std::string& text : {
           body(R"("max_tokens":1,"max_tokens":100000)"),
           body(R"("max_tokens":1,"m\u0061x_tokens":100000)"),
           body(R"("model":"gpt-4")"),
           body(R"("n":1,"n":100)"),
           body(R"("stream":false,"stream":true)"),
           body(R"("service_tier":"default","service_tier":"priority")"),
           body(R"("stream_options":{"include_usage":true,"include_usage":false})"),
           body(R"("messages":[])"),
           body(R"("MAX_TOKENS":100000)"),
           body(R"("Model":"gpt-4")"),
           body("\"max_to\xe2\x84\xaa"
                "ens\":100000"),                       // U+212A folds to k
           body(R"("\u017fervice_tier":"priority")"),  // U+017F folds to s
           body(R"("stream_options":{"Include_Usage":true})"),
       }) {
    EXPECT_NE(complaint(text), "accepted") << text;
  }
}

TEST(Peek, RefusesBadValues) {
  for (const auto* members :
       {R"("max_tokens":-1)", R"("max_tokens":0)", R"("max_tokens":1.5)", R"("max_tokens":10.0)",
        R"("max_tokens":"10")", R"("max_tokens":1e3)", R"("max_tokens":18446744073709551616)",
        R"("max_tokens":true)", R"("max_completion_tokens":[])", R"("n":0)", R"("n":129)",
        R"("n":-2)", R"("n":"2")", R"("stream":"true")", R"("stream":1)", R"("stream_options":[])",
        R"("stream_options":{"include_usage":1})", R"("service_tier":1)"}) {
    EXPECT_NE(complaint(body(members)), "accepted") << members;
  }
  EXPECT_EQ(complaint(body(R"("max_tokens":18446744073709551615)")), "accepted");
}

TEST(Peek, RefusesBadJson) {
  for (const std::string& text :
       {std::string(), std::string(" "), std::string("null"), std::string("[]"),
        std::string(R"({"messages":[]})"), std::string(R"({"model":""})"),
        std::string(R"({"model":null})"), std::string(R"({"model":"a")"),
        std::string(R"({"model":"a"} x)"), std::string(R"({"model":"a"}{"model":"b"})"),
        std::string(R"({"model":"a",})"), std::string(R"({'model':'a'})"),
        std::string("{\"model\":\"\xff\"}"), std::string("\xef\xbb\xbf{\"model\":\"a\"}"),
        std::string("{\"model\":\"a\"}\0", 14), std::string(R"({"model":"a","x":NaN})"),
        R"({"model":"a","x":)" + std::string(5000, '[') + std::string(5000, ']') + "}"}) {
    EXPECT_NE(complaint(text), "accepted") << text.substr(0, 60);
  }
}

TEST(Peek, DecoysInsideAreOnlyText) {
  ChatReader reader;
  const auto request =
      reader.peek(R"({"messages":[{"role":"user","content":"\"max_tokens\":999","max_tokens":999,)"
                  R"("model":"gpt-4"}],"metadata":{"model":"gpt-4","n":50,"stream":true},)"
                  R"("tools":[{"type":"function","function":{"parameters":{"max_tokens":7}}}],)"
                  R"("m\u0061x_tokens":5,"mod\u0065l":"gpt-\u0034o"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->model, "gpt-4o");
  EXPECT_EQ(request->output_tokens_max, 5u) << "an escaped name is the same name";
  EXPECT_EQ(request->choices, 1u);
  EXPECT_FALSE(request->stream);
  EXPECT_EQ(request->unbounded, "");
}

TEST(Peek, TextIsBounded) {
  for (const auto* message :
       {R"({"role":"user","content":"text"})", R"({"role":"assistant","content":null})",
        R"({"role":"user","content":[{"type":"text","text":"a","cache_control":{}}]})",
        R"({"role":"assistant","content":[{"type":"refusal","refusal":"no"}],"audio":null})",
        R"({"role":"tool","tool_call_id":"x","content":"image_url"})"}) {
    EXPECT_EQ(unbounded(with_message(message)), "") << message;
  }
}

TEST(Peek, NamesWhatIsUnbounded) {
  for (const auto& [text, want] : std::initializer_list<std::pair<std::string, const char*>>{
           {with_message(R"({"content":[{"type":"image_url","image_url":{"url":"https://x"}}]})"),
            "image_url"},
           {with_message(R"({"content":[{"type":"input_audio","input_audio":{}}]})"),
            "input_audio"},
           {with_message(R"({"content":[{"type":"file","file":{"file_id":"f"}}]})"), "file"},
           {with_message(R"({"content":[{"type":"text","text":"x","image_url":{}}]})"),
            "image_url"},
           {with_message(R"({"content":[{"type":"text","type":"image"}]})"), "content"},
           {with_message(R"({"content":[{"type":"text","Type":"image_url"}]})"), "content"},
           {with_message(R"({"content":"x","content":[{"type":"video"}]})"), "content"},
           {with_message(R"({"content":"x","Content":[{"type":"video"}]})"), "content"},
           {with_message(R"({"content":{"type":"video"}})"), "content"},
           {with_message(R"({"role":"assistant","audio":{"id":"a1"}})"), "audio"},
           {body(R"("audio":{"voice":"x"},"modalities":["text","audio"])"), "audio"},
           {body(R"("modalities":["text","audio"])"), "modalities"},
           {body(R"("web_search_options":{})"), "web_search_options"},
           {body(R"("prediction":{"type":"content","content":"x"})"), "prediction"},
           {body(R"("service_tier":"scale")"), "service_tier"},
           {body(R"("service_tier":"brand-new")"), "service_tier"},
           {body(R"("best_of":5)"), "best_of"},
           {body(R"("models":["gpt-4"])"), "models"},
           {body(R"("plugins":[{"id":"web"}])"), "plugins"},
           {body(R"("tools":[{"type":"web_search"}])"), "tools"},
           {body(R"("tools":[{"type":"function","function":{}}])"), ""},
           {body(R"("service_tier":"auto")"), ""},
       }) {
    EXPECT_EQ(unbounded(text), want) << text;
  }
}

struct EditCase {
  std::string_view from;
  LlmEdit edit;
  std::string_view to;
};

TEST(Edit, TouchesOnlyWhatItMust) {
  const LlmEdit clamp{.output_tokens = 20};
  const LlmEdit usage{.include_usage = true};
  for (const EditCase& c : std::initializer_list<EditCase>{
           {R"({"model":"m"})", {}, R"({"model":"m"})"},
           {R"({"model":"m"})", clamp, R"({"max_completion_tokens":20,"model":"m"})"},
           {R"( { "model":"m"})", clamp, R"( {"max_completion_tokens":20, "model":"m"})"},
           {R"({"model":"m"})",
            {.output_tokens = 20, .bound_name = "max_tokens"},
            R"({"max_tokens":20,"model":"m"})"},
           {R"({"model":"m" , "max_tokens" : 100 , "x":1.50})", clamp,
            R"({"model":"m" , "max_tokens" : 20 , "x":1.50})"},
           {R"({"model":"m","max_tokens":100,"max_completion_tokens":9})", clamp,
            R"({"model":"m","max_tokens":20,"max_completion_tokens":9})"},
           {R"({"model":"m","max_tokens":null})", clamp,
            R"({"max_completion_tokens":20,"model":"m","max_tokens":null})"},
           {R"({"model":"m","max_completion_tokens":null})", clamp,
            R"({"model":"m","max_completion_tokens":20})"},
           {R"({"model":"m","m\u0061x_tokens":100})", clamp,
            R"({"model":"m","m\u0061x_tokens":20})"},
           {R"({"a":{"max_tokens":7},"model":"\"max_tokens\":7","max_tokens":100})", clamp,
            R"({"a":{"max_tokens":7},"model":"\"max_tokens\":7","max_tokens":20})"},
           {R"({"model":"m"})", usage, R"({"stream_options":{"include_usage":true},"model":"m"})"},
           {R"({"model":"m","stream_options":null})", usage,
            R"({"model":"m","stream_options":{"include_usage":true}})"},
           {R"({"model":"m","stream_options":{ }})", usage,
            R"({"model":"m","stream_options":{"include_usage":true }})"},
           {R"({"model":"m","stream_options":{"include_obfuscation":false}})", usage,
            R"({"model":"m","stream_options":{"include_usage":true,"include_obfuscation":false}})"},
           {R"({"model":"m","stream_options":{"include_usage": false },"s":1})", usage,
            R"({"model":"m","stream_options":{"include_usage": true },"s":1})"},
           {R"({"model":"m","stream_options":{"include_usage":null}})", usage,
            R"({"model":"m","stream_options":{"include_usage":true}})"},
           {R"({"max_tokens":50,"stream_options":{},"model":"m"})",
            {.output_tokens = 3, .include_usage = true},
            R"({"max_tokens":3,"stream_options":{"include_usage":true},"model":"m"})"},
       }) {
    ChatReader reader;
    ASSERT_TRUE(reader.peek(c.from)) << c.from;
    std::string out = "left over";
    ASSERT_TRUE(reader.edit(c.from, c.edit, out)) << c.from;
    EXPECT_EQ(out, c.to);
    EXPECT_TRUE(json::accept(out)) << out;
  }
}

TEST(Edit, TheEditedBodyReadsBackAsWanted) {
  ChatReader reader;
  const std::string text = body(R"("stream":true,"max_tokens":1000,"temperature":0.1234567890123)");
  ASSERT_TRUE(reader.peek(text));
  std::string out;
  ASSERT_TRUE(reader.edit(text, {.output_tokens = 5, .include_usage = true}, out));
  const auto request = reader.peek(out);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->output_tokens_max, 5u);
  EXPECT_TRUE(request->include_usage);
  EXPECT_NE(out.find("0.1234567890123"), out.npos);
}

TEST(Edit, OnlyABodyThatWasAccepted) {
  ChatReader reader;
  std::string out;
  EXPECT_FALSE(reader.edit(R"({"model":"m"})", {}, out));
  ASSERT_TRUE(reader.peek(R"({"model":"m"})"));
  EXPECT_FALSE(reader.edit(R"({"model":"n"})", {}, out));
  EXPECT_FALSE(reader.peek("{"));
  EXPECT_FALSE(reader.edit("{", {}, out));
}

TEST(Edit, SurvivesReadingTheAnswerFirst) {
  ChatReader reader;
  const std::string text = body("");
  const auto request = reader.peek(text);
  ASSERT_TRUE(request);
  EXPECT_TRUE(reader.usage(R"({"usage":{"prompt_tokens":1,"completion_tokens":1}})"));
  EXPECT_EQ(request->model, "gpt-4o");
  std::string out;
  EXPECT_TRUE(reader.edit(text, {}, out));
}

TEST(Edit, LargeBodyThenSmallOnes) {
  ChatReader reader;
  const std::string large = with_message(R"({"content":")" + std::string(3'000'000, 'a') + "\"}");
  std::string out;
  for (const std::string& text : {large, body(""), large, body("")}) {
    ASSERT_TRUE(reader.peek(text));
    ASSERT_TRUE(reader.edit(text, {.output_tokens = 4}, out));
    EXPECT_EQ(out.size(), text.size() + std::string_view(R"("max_completion_tokens":4,)").size());
  }
}

TEST(ResponseUsage, Normalised) {
  ChatReader reader;
  const auto usage = reader.usage(
      R"({"id":"x","choices":[{"message":{"content":"{\"usage\":1}"}}],"usage":{)"
      R"("prompt_tokens":100,"completion_tokens":40,"total_tokens":140,)"
      R"("prompt_tokens_details":{"cached_tokens":60,"cache_write_tokens":5,"audio_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":30}}})");
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->input, 100u);
  EXPECT_EQ(usage->cached_input, 60u);
  EXPECT_EQ(usage->cache_write, 5u);
  EXPECT_EQ(usage->output, 40u);
  EXPECT_EQ(usage->reasoning, 30u);
}

TEST(ResponseUsage, OddReports) {
  ChatReader reader;
  EXPECT_EQ(reader.usage(R"({"usage":{"prompt_tokens":3,"total_tokens":3}})")->output, 0u);
  EXPECT_EQ(reader
                .usage(R"({"usage":{"prompt_tokens":10,"completion_tokens":5,)"
                       R"("total_tokens":35,"prompt_tokens_details":null}})")
                ->output,
            25u)
      << "reasoning that only the total shows";
  EXPECT_EQ(reader
                .usage(R"({"usage":{"prompt_tokens":1,"total_tokens":1},)"
                       R"("usage":{"prompt_tokens":9,"completion_tokens":0}})")
                ->input,
            9u)
      << "the larger of two";
  for (const auto* text :
       {"", "{}", R"({"usage":null})", R"({"usage":{}})", R"({"usage":{"prompt_tokens":-1}})",
        R"({"usage":{"prompt_tokens":1.5}})", R"({"usage":{"prompt_tokens":"7"}})",
        R"({"usage":{"prompt_tokens":7}})", R"({"usage":{"prompt_tokens":7,"total_tokens":null}})",
        R"({"usage":{"prompt_tokens":7,"completion_tokens":null}})",
        R"({"usage":{"prompt_tokens":null,"completion_tokens":5,"total_tokens":5}})",
        R"({"usage":{"prompt_tokens":1,"completion_tokens":-4}})", R"({"usage":[]})", "[1]",
        "<html>"}) {
    EXPECT_FALSE(reader.usage(text)) << text;
  }
}

// /v1/completions

std::expected<LlmRequest, BadRequest> legacy(std::string_view members) {
  static ChatReader reader(Completions::legacy);
  return reader.peek(R"({"model":"m",)" + std::string(members) + "}");
}

TEST(Legacy, EachPromptHasItsAnswers) {
  struct Case {
    const char* members;
    uint32_t choices;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"("prompt":"one")", 1},
           {R"("prompt":null)", 1},
           {R"("prompt":["one"],"n":3)", 3},
           {R"("n":3,"prompt":["one","two"])", 6},
           {R"("prompt":[1,2,3,4])", 1},
           {R"("prompt":[[1,2],[3]],"n":2)", 4},
           {R"("prompt":[])", 1},
       }) {
    const auto request = legacy(c.members);
    ASSERT_TRUE(request) << c.members;
    EXPECT_EQ(request->choices, c.choices) << c.members;
  }
  EXPECT_FALSE(legacy(R"("prompt":["a","b"],"n":65)")) << "130 answers";
  EXPECT_FALSE(legacy(R"("prompt":{"x":1})"));
  EXPECT_FALSE(legacy(R"("prompt":[1,"a","b","c"])")) << "one prompt, or three?";
  EXPECT_FALSE(legacy(R"("prompt":["a",{"type":"image"}])"));
  EXPECT_EQ(legacy(R"("prompt":"x","best_of":4)")->unbounded, "best_of");
}

TEST(Legacy, TheDefaultBoundIsWrittenDown) {
  struct Case {
    const char* body;
    LlmEdit edit;
    const char* forwarded;
  };
  for (const Case& c : std::initializer_list<Case>{
           {R"({"model":"m"})", {}, R"({"max_tokens":16,"model":"m"})"},
           {R"({"model":"m"})", {.output_tokens = 9}, R"({"max_tokens":9,"model":"m"})"},
           {R"({"model":"m","max_tokens":null})", {}, R"({"model":"m","max_tokens":16})"},
           {R"({"model":"m","max_tokens":50})", {}, R"({"model":"m","max_tokens":50})"},
           {R"({"model":"m","max_tokens":50})",
            {.output_tokens = 9},
            R"({"model":"m","max_tokens":9})"},
       }) {
    ChatReader reader(Completions::legacy);
    const auto request = reader.peek(c.body);
    ASSERT_TRUE(request) << c.body;
    EXPECT_TRUE(request->output_tokens_max) << c.body;
    std::string out;
    ASSERT_TRUE(reader.edit(c.body, c.edit, out));
    EXPECT_EQ(out, c.forwarded) << c.body;
  }
}

}  // namespace
}  // namespace satgate::dialect::openai
