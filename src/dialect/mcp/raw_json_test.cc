#include "dialect/mcp/raw_json.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

TEST(RawJson, ChecksEveryTokenAndNothingButJsonPasses) {
  const std::pair<std::string_view, bool> cases[] = {
      {R"({})", true},
      {R"([])", true},
      {" {\"a\" : [ 1 , -0.5e+3 , true , false , null , \"x\\u00e9\\/\" ] } \n", true},
      {R"({"n":123456789012345678901234567890123})", true},  // passed on, never computed with
      {R"({"s":"\ud83d"})", true},  // JSON.stringify writes halves of a pair like this
      {"", false},
      {"7", false},
      {R"("x")", false},
      {"{", false},
      {"}", false},
      {"{}{}", false},
      {"{} x", false},
      {"[] ]", false},
      {R"({"a":1,})", false},
      {R"({,"a":1})", false},
      {R"({"a" 1})", false},
      {R"({"a":})", false},
      {R"({a:1})", false},
      {R"({"a":[1,]})", false},
      {R"({"a":[}})", false},
      {R"({"a":[1}})", false},
      {R"({"a":{]}})", false},
      {R"({"a":tru})", false},
      {R"({"a":truex})", false},
      {R"({"a":nul})", false},
      {R"([{"a":null)", false},
      {R"({"a":nulll})", false},
      {R"({"a":NaN})", false},
      {R"({"a":01})", false},
      {R"({"a":1.})", false},
      {R"({"a":+1})", false},
      {R"({"a":.5})", false},
      {R"({"a":1e})", false},
      {R"({"a":1 2})", false},
      {R"({"a":'x'})", false},
      {R"({"a":"\x"})", false},
      {R"({"a":"\u12g4"})", false},
      {R"({"\q":1})", false},
      {"{\"a\":\"\n\"}", false},
      {"{\"a\":\"\xff\"}", false},
      {R"({"a":"unclosed})", false},
      {R"({"a":1}/* comment */)", false},
  };
  RawJson json;
  for (const auto& [text, valid] : cases) {
    EXPECT_EQ(json.check(text).has_value(), valid) << text;
  }
}

TEST(RawJson, DepthIsBounded) {
  RawJson json;
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(json.check(nested(kJsonDepthMax)));
  EXPECT_FALSE(json.check(nested(kJsonDepthMax + 1)));
  EXPECT_FALSE(json.check(nested(200'000)));
}

TEST(RawJson, MembersAreTheBytesThatCame) {
  RawJson json;
  const std::string text =
      " { \"a\" : { \"x\" : [ 1.10 , 2e0 ] } , \"b\\u002fc\":\"q\\\"}\" ,\"n\": 1e400 , \"a\":[ ] "
      "} ";
  const auto members = json.members(text);
  ASSERT_TRUE(members) << members.error().message;
  ASSERT_EQ(members->size(), 4u);
  EXPECT_EQ((*members)[0].key, "a");
  EXPECT_EQ((*members)[0].value, "{ \"x\" : [ 1.10 , 2e0 ] }");
  EXPECT_EQ((*members)[1].key, "b/c");
  EXPECT_EQ((*members)[1].value, "\"q\\\"}\"");
  EXPECT_EQ((*members)[2].value, "1e400");
  EXPECT_EQ((*members)[3].key, "a");
  EXPECT_EQ((*members)[3].value, "[ ]");
  EXPECT_GE((*members)[0].value.data(), text.data());  // views of the text, not of a copy
  EXPECT_LT((*members)[0].value.data(), text.data() + text.size());
  EXPECT_FALSE(json.members(text, 3));
  EXPECT_FALSE(json.members("[1]"));
}

TEST(RawJson, ElementsAreTheBytesThatCame) {
  RawJson json;
  const auto elements = json.elements("[ {\"a\":1} , 2, \"x\" ,[3 ] ]", 8);
  ASSERT_TRUE(elements);
  EXPECT_EQ(*elements, (std::vector<std::string_view>{"{\"a\":1}", "2", "\"x\"", "[3 ]"}));
  EXPECT_FALSE(json.elements("[1,2,3]", 2));
}

TEST(RawJson, StringsThatUtf8CannotSayAreRefused) {
  RawJson json;
  EXPECT_EQ(json.unescape(R"("a\/b\u00e9\ud83d\ude00")").value(), "a/b\u00e9\U0001f600");
  EXPECT_EQ(json.unescape(R"("")").value(), "");
  for (const std::string_view bad :
       {R"("\ud800")", R"("\udc00")", R"("\ud800\u0041")", R"("\ud800A")", "7", "\"", ""}) {
    EXPECT_FALSE(json.unescape(bad)) << bad;
  }
}

TEST(RawJson, UnescapedKeysSurviveLaterReads) {
  RawJson json;
  const auto first = json.members(R"({"\u0061bc":1})");
  ASSERT_TRUE(first);
  ASSERT_TRUE(json.members(R"({"\u007ayx":1})"));
  EXPECT_EQ(first->front().key, "abc");
}

TEST(RawJson, OneLineKeepsTheValue) {
  std::string text = "{\n\"a\":\r\n\"x\\ny\"}";
  make_one_line(text);
  EXPECT_EQ(text, "{ \"a\":  \"x\\ny\"}");
}

}  // namespace
}  // namespace satgate::dialect::mcp
