#include "dialect/mcp/asking.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "dialect/mcp/handshake.h"

namespace satgate::dialect::mcp {
namespace {

std::string key(std::string_view method, std::string_view params) {
  RawJson json;
  return input_key(method, params, json);
}

std::string form(std::string properties, std::string meta = "{}") {
  return R"({"message":"?","_meta":)" + meta +
         R"(,"requestedSchema":{"type":"object","properties":)" + properties + "}}";
}

TEST(InputKey, IsTheOnePropertyThatIsAskedFor) {
  EXPECT_EQ(key("elicitation/create", form(R"({"user_name":{"type":"string"}})")), "user_name");
  EXPECT_EQ(key("elicitation/create", form(R"({"a":{},"b":{}})")), "elicitation");
  EXPECT_EQ(key("elicitation/create", form("{}")), "elicitation");
  EXPECT_EQ(key("elicitation/create", form(R"({"na me":{}})")), "elicitation");
  EXPECT_EQ(key("elicitation/create", form(R"({"\u006eame":{}})")), "name");
}

TEST(InputKey, IsWhatTheServerNames) {
  const std::string meta = R"({"io.satgate/inputKey":"user_name"})";
  EXPECT_EQ(key("elicitation/create", form(R"({"name":{}})", meta)), "user_name");
  EXPECT_EQ(key("sampling/createMessage", R"({"_meta":)" + meta + "}"), "user_name");
  EXPECT_EQ(key("roots/list", R"({"_meta":)" + meta + "}"), "user_name");
}

TEST(InputKey, ANameThatIsNoneIsNotTaken) {
  const std::string longest(kInputKeyBytesMax, 'k');
  const auto named = [](const std::string& raw) {
    return key("roots/list", R"({"_meta":{"io.satgate/inputKey":)" + raw + "}}");
  };
  EXPECT_EQ(named('"' + longest + '"'), longest);
  for (const std::string& bad :
       {'"' + longest + "k\"", std::string(R"("a b")"), std::string("\"\""), std::string("7"),
        std::string(R"("ä")"), std::string(R"("a\n")")}) {
    EXPECT_EQ(named(bad), "roots") << bad;
  }
}

TEST(InputKey, IsTheKindOfTheQuestionElse) {
  EXPECT_EQ(key("sampling/createMessage", "{}"), "sampling");
  EXPECT_EQ(key("roots/list", ""), "roots");
  for (const char* odd :
       {"", "{}", "[]", R"({"requestedSchema":7})", R"({"requestedSchema":{"properties":[]}})",
        R"({"mode":"url","elicitationId":"7"})"}) {
    EXPECT_EQ(key("elicitation/create", odd), "elicitation") << odd;
  }
}

TEST(Elicitations, IdsAreSaidAndReplaced) {
  RawJson json;
  std::vector<std::string> said;
  const ElicitationMap keep = [&](std::string_view id) {
    said.emplace_back(id);
    return std::string(id);
  };
  const ElicitationMap change = [](std::string_view id) { return std::string(id) + "\"2"; };
  const std::string params = R"({ "mode":"url", "elicitationId":"a\u0062","url":"https://x/1.50"})";
  EXPECT_EQ(map_elicitation(params, keep, json), params);
  EXPECT_EQ(said, (std::vector<std::string>{"ab"}));
  EXPECT_EQ(map_elicitation(params, change, json),
            R"({"mode":"url","elicitationId":"ab\"2","url":"https://x/1.50"})");
  const std::string error = R"({"code":-32042,"message":"m","data":{"elicitations":[)" + params +
                            R"(,{"x":1}],"k":2e1}})";
  EXPECT_EQ(map_required_elicitations(error, keep, json), error);
  EXPECT_EQ(map_required_elicitations(error, change, json),
            R"({"code":-32042,"message":"m","data":{"elicitations":[)"
            R"({"mode":"url","elicitationId":"ab\"2","url":"https://x/1.50"},{"x":1}],"k":2e1}})");
}

TEST(Elicitations, WhatHasNoIdsStaysAsItIs) {
  RawJson json;
  const ElicitationMap change = [](std::string_view) { return std::string("changed"); };
  const std::string large(limits::mcp_elicitation_bytes_max + 1, 'x');
  for (const std::string& params :
       {std::string("{}"), std::string(), std::string("[]"), std::string(R"({"elicitationId":7})"),
        std::string(R"({"elicitationId":""})"), R"({"elicitationId":")" + large + "\"}"}) {
    EXPECT_EQ(map_elicitation(params, change, json), params);
  }
  for (const char* error : {"{}", R"({"data":7})", R"({"data":{"elicitations":{}}})",
                            R"({"data":{"elicitations":[7,"x",null]}})"}) {
    EXPECT_EQ(map_required_elicitations(error, change, json), error);
  }
}

TEST(Elicitations, AClientIsAskedInAModeThatItHas) {
  RawJson json;
  const auto can = [&](std::string_view capabilities, std::string_view params) {
    return can_be_asked(capabilities, "elicitation/create", params, json);
  };
  const std::string_view url = R"({"mode":"url","elicitationId":"1"})";
  EXPECT_TRUE(can(R"({"elicitation":{}})", "{}"));
  EXPECT_TRUE(can(R"({"elicitation":{}})", R"({"mode":"form"})"));
  EXPECT_FALSE(can(R"({"elicitation":{}})", url));
  EXPECT_FALSE(can(R"({"elicitation":{"form":{}}})", url));
  EXPECT_TRUE(can(R"({"elicitation":{"form":{},"url":{}}})", url));
  EXPECT_TRUE(can(R"({"elicitation":{"url":{}}})", url));
  EXPECT_FALSE(can(R"({"elicitation":{"url":{}}})", "{}"));
  EXPECT_TRUE(can(R"({"elicitation":{"applyDefaults":true}})", "{}"));
  EXPECT_FALSE(can(R"({"sampling":{}})", url));
}

}  // namespace
}  // namespace satgate::dialect::mcp
