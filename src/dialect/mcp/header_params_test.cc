#include "dialect/mcp/header_params.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

Result<std::vector<HeaderParam>> read(const std::string& schema) {
  RawJson json;
  const std::string page = R"({"tools":[{"title":"x","name":"t","inputSchema":)" + schema + "}]}";
  const auto tools = read_tools_page(page, json);
  EXPECT_TRUE(tools);
  EXPECT_EQ(tools->tools.size(), 1u);
  return read_header_params(tools->tools.at(0), json);
}

std::string properties(const std::string& inner) {
  return R"({"type":"object","properties":{)" + inner + "}}";
}

TEST(HeaderParams, AreFoundOnPathsOfProperties) {
  const auto params = read(properties(
      R"("region":{"type":"string","x-mcp-header":"Region"},"plain":{"type":"string"},)"
      R"("deep":{"type":"object","properties":{"n":{"x-mcp-header":"X-N","type":"integer"}}})"));
  ASSERT_TRUE(params) << params.error().message;
  ASSERT_EQ(params->size(), 2u);
  EXPECT_EQ((*params)[0].name, "Region");
  EXPECT_EQ((*params)[1].path, (std::vector<std::string>{"deep", "n"}));
  EXPECT_TRUE(read(properties(R"("a":{"type":"string"})"))->empty());
  // An argument that is called so is no annotation, nor is what stands in a default.
  EXPECT_TRUE(read(properties(R"("x-mcp-header":{"type":"string"})"))->empty());
  EXPECT_TRUE(read(properties(R"("a":{"default":{"x-mcp-header":"A"},"type":"object"})"))->empty());
}

TEST(HeaderParams, AnAnnotationThatBreaksARuleSpoilsTheTool) {
  const std::string bad[] = {
      properties(R"("a":{"type":"number","x-mcp-header":"A"})"),
      properties(R"("a":{"type":"object","x-mcp-header":"A"})"),
      properties(R"("a":{"type":["string","null"],"x-mcp-header":"A"})"),
      properties(R"("a":{"x-mcp-header":"A"})"),
      properties(R"("a":{"type":"string","x-mcp-header":""})"),
      properties(R"("a":{"type":"string","x-mcp-header":7})"),
      properties(R"("a":{"type":"string","x-mcp-header":"A B"})"),
      properties(R"("a":{"type":"string","x-mcp-header":"A\r\nB: c"})"),
      properties(R"("a":{"type":"string","x-mcp-header":"É"})"),
      properties(R"("a":{"type":"string","x-mcp-header":"A"},)"
                 R"("b":{"type":"string","x-mcp-header":"a"})"),
      properties(R"("a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}})"),
      properties(R"("a":{"anyOf":[{"type":"string","x-mcp-header":"A"}]})"),
      R"({"x-mcp-header":"A","type":"string"})",
      R"({"$defs":{"d":{"type":"string","x-mcp-header":"A"}}})",
      R"({"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}})"};
  for (const std::string& schema : bad)
    EXPECT_FALSE(read(schema)) << schema;
  std::string deep = R"({"type":"string","x-mcp-header":"A"})";
  for (int i = 0; i < 60; ++i)
    deep = properties("\"a\":" + deep);
  EXPECT_FALSE(read(deep));
}

TEST(HeaderParams, FieldsRepeatTheArguments) {
  RawJson json;
  const std::vector<HeaderParam> params = {
      {"S", {"s"}}, {"I", {"i"}}, {"B", {"b"}}, {"D", {"o", "d"}}, {"Gone", {"x", "y"}}};
  const auto fields = [&](const std::string& arguments) {
    return header_fields(params, R"({"name":"t","arguments":)" + arguments + "}", json).value();
  };
  EXPECT_EQ(fields(R"({"s":"eu","i":-7,"b":true,"o":{"d":"z"}})"), (Fields{{"mcp-param-S", "eu"},
                                                                           {"mcp-param-I", "-7"},
                                                                           {"mcp-param-B", "true"},
                                                                           {"mcp-param-D", "z"}}));
  EXPECT_TRUE(fields(R"({"s":null,"i":[1],"b":{},"o":"d","x":null})").empty());
  EXPECT_EQ(fields(R"({"s":"a\r\nb","i":1e2})"),
            (Fields{{"mcp-param-S", "=?base64?YQ0KYg==?="}, {"mcp-param-I", "100"}}));
  EXPECT_EQ(fields(R"({"s":"","i":2.0})")[0].second,
            "=?base64?"
            "?=");
  EXPECT_EQ(fields(R"({"s":" padded"})")[0].second, "=?base64?IHBhZGRlZA==?=");
  EXPECT_TRUE(header_fields(params, R"({"name":"t"})", json)->empty());
}

}  // namespace
}  // namespace satgate::dialect::mcp
