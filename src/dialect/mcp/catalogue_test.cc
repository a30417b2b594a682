#include "dialect/mcp/catalogue.h"

#include <gtest/gtest.h>

namespace satgate::dialect::mcp {
namespace {

std::vector<Tool> tools_named(const std::vector<std::string>& names) {
  RawJson json;
  std::string result = R"({"tools":[)";
  for (const std::string& name : names)
    result += R"({"name":")" + name + R"("},)";
  if (names.empty()) result += ' ';
  result.back() = ']';
  result += '}';
  return read_tools_page(result, json).value().tools;
}

std::vector<std::string> listed(const Catalogue& catalogue) {
  std::vector<std::string> names;
  for (const auto& entry : catalogue.entries())
    names.push_back(entry.listed_name);
  return names;
}

std::vector<ServerTools> two_servers() {
  return {{.server = "web", .prefix = std::nullopt, .tools = tools_named({"search", "fetch"})},
          {.server = "git hub", .prefix = std::nullopt, .tools = tools_named({"search", "push"})}};
}

TEST(ToolsPage, KeepsWhatServersWroteByteForByte) {
  RawJson json;
  const auto page = read_tools_page(
      R"({"nextCursor":"","tools":[ {"title":"T","name":"a","inputSchema":{ "max": 1.0e2 },)"
      R"("_meta":{"x":1,"io.satgate/price":{"cost":0}},"annotations":{}} ]})",
      json);
  ASSERT_TRUE(page) << page.error().message;
  ASSERT_EQ(page->tools.size(), 1u);
  const Tool& tool = page->tools[0];
  EXPECT_EQ(tool.name, "a");
  EXPECT_EQ(tool.before_name, R"({"title":"T","name":)");
  EXPECT_EQ(tool.after_name, R"(,"inputSchema":{ "max": 1.0e2 },"annotations":{})");
  EXPECT_EQ(tool.meta_members, R"("x":1)");  // a price that an upstream claims is not shown
  EXPECT_EQ(page->next_cursor, "");
}

TEST(ToolsPage, LeavesOutBrokenToolsAndKeepsTheOthers) {
  RawJson json;
  const auto page = read_tools_page(
      R"({"tools":[{"name":"ok"},{"name":"ok"},{"name":"a b"},{"name":""},{},7,{"name":7},)"
      R"({"name":"a","name":"b"},{"name":"last"}]})",
      json);
  ASSERT_TRUE(page);
  EXPECT_EQ(page->tools.size(), 2u);
  EXPECT_EQ(page->refused, 7u);
  EXPECT_FALSE(read_tools_page(R"({"resources":[]})", json));
  EXPECT_FALSE(read_tools_page(R"({"tools":{}})", json));
}

TEST(Catalogue, PrefixesOnlyWhatCollides) {
  const auto catalogue = Catalogue::build(two_servers(), PrefixMode::collision);
  EXPECT_EQ(listed(catalogue),
            (std::vector<std::string>{"fetch", "git_hub__search", "push", "web__search"}));
  EXPECT_EQ(catalogue.find("web__search")->server, "web");
  EXPECT_EQ(catalogue.find("git hub.search")->server, "git hub");
  EXPECT_EQ(catalogue.find("search"), nullptr);  // which of them is meant is not guessed
  EXPECT_EQ(catalogue.find(""), nullptr);
}

TEST(Catalogue, AlwaysAndNever) {
  EXPECT_EQ(
      listed(Catalogue::build(two_servers(), PrefixMode::always)),
      (std::vector<std::string>{"git_hub__push", "git_hub__search", "web__fetch", "web__search"}));
  const auto never = Catalogue::build(two_servers(), PrefixMode::never);
  EXPECT_EQ(listed(never), (std::vector<std::string>{"fetch", "push", "search"}));
  EXPECT_EQ(never.find("search")->server, "web");  // the first server in order
  EXPECT_EQ(never.find("git hub.search")->server, "git hub");
}

TEST(Catalogue, OwnPrefixComesBeforeTheMode) {
  auto servers = two_servers();
  servers[1].prefix = "gh_";
  EXPECT_EQ(listed(Catalogue::build(servers, PrefixMode::collision)),
            (std::vector<std::string>{"fetch", "gh_push", "gh_search", "search"}));
  servers[1].prefix = "";
  EXPECT_EQ(Catalogue::build(servers, PrefixMode::always).find("push")->server, "git hub");
}

TEST(Catalogue, NamesFitProvidersAndStayUnique) {
  const std::string longer(100, 'x');
  std::vector<ServerTools> servers = {
      {.server = "a", .prefix = std::nullopt, .tools = tools_named({longer, longer + "y", "p/q"})},
      {.server = "b", .prefix = "same", .tools = tools_named({"t"})},
      {.server = "c", .prefix = "same", .tools = tools_named({"t"})}};
  const auto catalogue = Catalogue::build(servers, PrefixMode::collision);
  ASSERT_EQ(catalogue.entries().size(), 5u);
  for (const auto& entry : catalogue.entries()) {
    EXPECT_LE(entry.listed_name.size(), kListedNameMax);
    EXPECT_EQ(entry.listed_name.find('/'), std::string::npos);
    EXPECT_EQ(catalogue.find(entry.listed_name)->qualified, entry.qualified);
  }
  EXPECT_EQ(catalogue.find("samet"), nullptr);  // two servers want it: both end in a hash
  EXPECT_NE(catalogue.find("p_q"), nullptr);
}

TEST(Catalogue, DoesNotDependOnTheOrderOfTools) {
  auto servers = two_servers();
  const auto before = listed(Catalogue::build(servers, PrefixMode::collision));
  std::swap(servers[0].tools[0], servers[0].tools[1]);
  std::swap(servers[0], servers[1]);
  EXPECT_EQ(listed(Catalogue::build(servers, PrefixMode::collision)), before);
}

TEST(Catalogue, AToolHasEveryNameThatAPolicyMayUse) {
  const auto catalogue = Catalogue::build(two_servers(), PrefixMode::collision);
  const auto names = addresses(*catalogue.find("web__search"));
  EXPECT_EQ(names.tool, "search");
  EXPECT_EQ(names.qualified, "web.search");
  EXPECT_EQ(names.server, "web");
  EXPECT_EQ(names.listed, "web__search");
}

}  // namespace
}  // namespace satgate::dialect::mcp
