#include "dialect/mcp/definition.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

std::string text_of(std::string_view tool) {
  RawJson json;
  const std::string page = R"({"tools":[)" + std::string(tool) + "]}";
  return definition_text(read_tools_page(page, json).value().tools.front()).value();
}

TEST(Definition, IsTheSameHoweverItIsWritten) {
  const std::string one =
      text_of(R"({"name":"t","inputSchema":{"type":"object","b":[1,{"y":2,"x":1}],"a":null}})");
  EXPECT_EQ(one, R"({"inputSchema":{"a":null,"b":[1,{"x":1,"y":2}],"type":"object"},"name":"t"})");
  EXPECT_EQ(text_of(R"({ "inputSchema" : {"a" : null ,"type":"object",
      "b":[ 1 , {"x":1 , "y":2} ] } , "_meta":{"z":1}, "name" : "t" })"),
            one);
}

// Whatever a model or a client could take in another way is another definition.
TEST(Definition, TellsApartWhatCouldBeReadInAnotherWay) {
  const std::string_view others[] = {
      R"({"name":"t","description":"d"})",
      R"({"name":"t","description":"D"})",
      R"({"name":"t","description":"d "})",
      R"({"name":"t","description":"d\u200b"})",
      R"({"name":"t","title":"d"})",
      R"({"name":"t","description":"d","description":"e"})",
      R"({"name":"t","description":"e","description":"d"})",
      R"({"name":"t","description":["d"]})",
      R"({"name":"t","inputSchema":{"required":["a","b"]}})",
      R"({"name":"t","inputSchema":{"required":["b","a"]}})",
      R"({"name":"t","inputSchema":{"maximum":9007199254740993}})",
      R"({"name":"t","inputSchema":{"maximum":9007199254740992}})",
      R"({"name":"t","inputSchema":{"maximum":123456789012345678901234567890}})",
      R"({"name":"t","inputSchema":{},"x":"}"})",
      R"({"name":"t","inputSchema":{},"x":"\""})",
  };
  for (const std::string_view one : others) {
    for (const std::string_view other : others)
      EXPECT_EQ(text_of(one) == text_of(other), one == other) << one << " and " << other;
  }
}

TEST(Definition, BearsWhatIsNested) {
  std::string deep = R"({"name":"t","x":)";
  for (size_t i = 0; i + 4 < kJsonDepthMax; ++i)
    deep += R"({"b":1,"a":)";
  deep += "1";
  deep.append(kJsonDepthMax - 4, '}');
  EXPECT_TRUE(text_of(deep + "}").starts_with(R"({"name":"t","x":{"a":{"a":)"));
}

}  // namespace
}  // namespace satgate::dialect::mcp
