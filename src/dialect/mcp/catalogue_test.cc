#include "dialect/mcp/catalogue.h"

#include <gtest/gtest.h>

#include "dialect/mcp/uri_template.h"

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

TEST(ToolsPage, KnowsWhichToolsOnlyRead) {
  struct Row {
    std::string_view annotations;
    bool only_reads;
  };
  constexpr Row rows[] = {
      {R"({"readOnlyHint":true})", true},
      {R"({"title":"T", "readOnlyHint" : true})", true},
      {R"({"readOnlyHint":false})", false},
      {R"({"readOnlyHint":"true"})", false},
      {R"({"readOnlyHint":true,"readOnlyHint":false})", false},
      {R"({"ReadOnlyHint":true})", false},
      {R"({})", false},
      {R"(null)", false},
      {R"([true])", false},
  };
  RawJson json;
  for (const Row& row : rows) {
    const auto page = read_tools_page(
        R"({"tools":[{"name":"a","annotations":)" + std::string(row.annotations) + "}]}", json);
    ASSERT_TRUE(page && page->tools.size() == 1) << row.annotations;
    EXPECT_EQ(page->tools[0].only_reads, row.only_reads) << row.annotations;
  }
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

TEST(Catalogue, AnAliasComesBeforePrefixAndMode) {
  auto servers = two_servers();
  servers[1].prefix = "gh_";
  servers[1].aliases = {{"push", "publish"}, {"gone", "nothing"}};
  const auto catalogue = Catalogue::build(servers, PrefixMode::always);
  EXPECT_EQ(listed(catalogue),
            (std::vector<std::string>{"gh_search", "publish", "web__fetch", "web__search"}));
  EXPECT_EQ(catalogue.find("publish")->tool.name, "push");
  EXPECT_EQ(catalogue.find("git hub.push")->listed_name, "publish");
  EXPECT_EQ(catalogue.find("gh_push"), nullptr);
}

// Else a server could take the name that the config has given to another's tool.
TEST(Catalogue, AnAliasThatTwoWantIsNobodys) {
  for (const PrefixMode mode : {PrefixMode::never, PrefixMode::collision}) {
    auto servers = two_servers();
    servers[1].aliases = {{"push", "fetch"}};
    const auto catalogue = Catalogue::build(servers, mode);
    EXPECT_EQ(catalogue.entries().size(), mode == PrefixMode::never ? 3U : 4U);
    const CatalogueEntry* fetch = catalogue.find("fetch");
    EXPECT_TRUE(fetch == nullptr || fetch->server == "web");
  }
}

TEST(Catalogue, NamesAreAsShortAsTheyHaveToBe) {
  const std::string longer(60, 'x');
  std::vector<ServerTools> servers = {{.server = "a",
                                       .prefix = std::nullopt,
                                       .tools = tools_named({longer, longer + "y", "short"})}};
  const auto catalogue = Catalogue::build(servers, PrefixMode::never, kListedNameMin);
  ASSERT_EQ(catalogue.entries().size(), 3u);
  for (const auto& entry : catalogue.entries())
    EXPECT_LE(entry.listed_name.size(), kListedNameMin);
  EXPECT_NE(catalogue.find("short"), nullptr);
  EXPECT_EQ(catalogue.find("a." + longer)->tool.name, longer);
}

TEST(Catalogue, WhatIsHeldBackIsMarkedUnderEachOfItsNames) {
  auto servers = two_servers();
  servers[0].held = {"search"};
  const auto catalogue = Catalogue::build(servers, PrefixMode::collision);
  EXPECT_TRUE(catalogue.find("web__search")->is_held);
  EXPECT_TRUE(catalogue.find("web.search")->is_held);
  EXPECT_FALSE(catalogue.find("git_hub__search")->is_held);
  EXPECT_FALSE(catalogue.find("fetch")->is_held);
}

TEST(Tool, GetsAnotherDescriptionAndElseStaysAsItIs) {
  constexpr std::string_view after = R"("title":"T","name":"a","x":{"y": 1.0e2},"_meta":{"m":1},)"
                                     R"("annotations":{"readOnlyHint":true}}]})";
  RawJson json;
  for (const std::string_view before :
       {R"("description":"old",)", "", R"("description":"","description":1,)"}) {
    const std::string text = R"({"tools":[{)" + std::string(before) + std::string(after);
    Tool tool = read_tools_page(text, json).value().tools.front();
    tool.definition = "as it was";
    const Tool said = with_description(tool, "say \"hi\"", json).value();
    EXPECT_EQ(said.name, "a");
    EXPECT_EQ(said.before_name, R"({"description":"say \"hi\"","title":"T","name":)");
    EXPECT_EQ(said.after_name, R"(,"x":{"y": 1.0e2},"annotations":{"readOnlyHint":true})");
    EXPECT_EQ(said.meta_members, tool.meta_members);
    EXPECT_EQ(said.definition, "as it was");
    EXPECT_TRUE(said.only_reads);
  }
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

TEST(ToolsPage, LeavesOutToolsThatAreNamedLikeGovernedMethods) {
  RawJson json;
  const auto page =
      read_tools_page(R"({"tools":[{"name":"resources/read"},{"name":"prompts/get"},{"name":"ok"},)"
                      R"({"name":"completion/complete"}]})",
                      json);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->tools.size(), 1u);
  EXPECT_EQ(page->refused, 3u);
}

TEST(ItemsPage, KeepsWhatServersWroteUnderTheirOwnKey) {
  RawJson json;
  const auto page = read_items_page(
      R"({"resources":[{"name":"n","uri":"a:\/\/b","size":1},{"name":"no uri"}],"nextCursor":"c"})",
      ItemKind::resource, json);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), 1u);
  EXPECT_EQ(page->items[0].name, "a://b");
  EXPECT_EQ(page->items[0].before_name, R"({"name":"n","uri":)");
  EXPECT_EQ(page->items[0].after_name, R"(,"size":1)");
  EXPECT_EQ(page->next_cursor, "c");
  EXPECT_EQ(read_items_page(R"({"prompts":[{"name":"two words"}]})", ItemKind::prompt, json)
                ->items.size(),
            1u);
  EXPECT_FALSE(read_items_page(R"({"prompts":[]})", ItemKind::resource, json));
}

Item named(std::string name) {
  Item item;
  item.name = std::move(name);
  return item;
}

TEST(Catalogue, PromptsAreNamedAsToolsAreAndUrisStay) {
  std::vector<ServerTools> servers(3);
  servers[0].server = "a";
  servers[0].prompts = {named("review"), named("only")};
  servers[0].resources = {named("x://1")};
  servers[1].server = "b";
  servers[1].prompts = {named("review")};
  servers[1].resources = {named("x://1"), named("x://2")};
  servers[1].templates = {named("x://{+rest}"), named("y://{id}/data")};
  servers[2].server = "c";
  servers[2].templates = {named("y://{id}/data")};
  const Catalogue catalogue = Catalogue::build(servers, PrefixMode::collision);
  ASSERT_EQ(catalogue.prompts().size(), 3u);
  ASSERT_NE(catalogue.find_prompt("b__review"), nullptr);
  EXPECT_EQ(catalogue.find_prompt("b__review")->item.name, "review");
  EXPECT_EQ(catalogue.find_prompt("only")->server, "a");
  EXPECT_EQ(catalogue.find_prompt("review"), nullptr);
  EXPECT_EQ(catalogue.resources().size(), 2u);
  EXPECT_EQ(catalogue.server_of_resource("x://1"), "a");
  EXPECT_EQ(catalogue.server_of_resource("x://any/thing"), "b");
  EXPECT_EQ(catalogue.server_of_resource("y://7/data"), "b");
  EXPECT_EQ(catalogue.server_of_resource("y://7/8/data"), "");
  EXPECT_EQ(catalogue.server_of_template("y://{id}/data"), "b");
  EXPECT_EQ(catalogue.server_of_template("z://{id}"), "");
}

TEST(Catalogue, ListsAreByNameAndTheFirstServerStillComesFirst) {
  std::vector<ServerTools> servers(2);
  servers[0].server = "a";
  servers[0].resources = {named("z://"), named("b://")};
  servers[0].templates = {named("x://{+rest}"), named("x://{id}")};
  servers[1].server = "b";
  servers[1].resources = {named("a://"), named("z://")};
  servers[1].templates = {named("a://{id}"), named("x://b/{id}")};
  const Catalogue catalogue = Catalogue::build(servers, PrefixMode::collision);
  const auto names = [](const std::vector<CatalogueItem>& items) {
    std::vector<std::string> all;
    for (const CatalogueItem& item : items)
      all.push_back(item.listed_name);
    return all;
  };
  EXPECT_EQ(names(catalogue.resources()), (std::vector<std::string>{"a://", "b://", "z://"}));
  EXPECT_EQ(names(catalogue.templates()),
            (std::vector<std::string>{"a://{id}", "x://b/{id}", "x://{+rest}", "x://{id}"}));
  EXPECT_EQ(catalogue.server_of_resource("x://b/7"), "a");
  EXPECT_EQ(catalogue.server_of_resource("z://"), "a");
  EXPECT_EQ(catalogue.server_of_resource("a://7"), "b");
}

TEST(Catalogue, TheOnlyServerWithResourcesGetsUrisThatNobodyLists) {
  std::vector<ServerTools> servers(2);
  servers[0].server = "a";
  servers[1].server = "b";
  servers[1].offers_resources = true;
  EXPECT_EQ(Catalogue::build(servers, PrefixMode::never).server_of_resource("q://"), "b");
  servers[0].resources = {named("x://1")};
  EXPECT_EQ(Catalogue::build(servers, PrefixMode::never).server_of_resource("q://"), "");
}

TEST(UriTemplate, FitsWhatCanHaveComeOutOfIt) {
  EXPECT_TRUE(fits_uri_template("test://t/{id}/data", "test://t/1/data"));
  EXPECT_TRUE(fits_uri_template("test://t/{id}/data", "test://t//data"));
  EXPECT_FALSE(fits_uri_template("test://t/{id}/data", "test://t/1/2/data"));
  EXPECT_FALSE(fits_uri_template("test://t/{id}/data", "test://t/1/datum"));
  EXPECT_TRUE(fits_uri_template("file:///{+path}", "file:///a/b/c"));
  EXPECT_TRUE(fits_uri_template("x://{a}-{b}", "x://1-2-3"));
  EXPECT_TRUE(fits_uri_template("x://s{?q,r}", "x://s?q=a/b"));
  EXPECT_TRUE(fits_uri_template("plain", "plain"));
  EXPECT_FALSE(fits_uri_template("open{", "open"));
  EXPECT_FALSE(fits_uri_template("{a}", std::string(1'000'000, 'a')));
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "{x}a";
  EXPECT_FALSE(fits_uri_template(many, std::string(4000, 'a')));
}

}  // namespace
}  // namespace satgate::dialect::mcp
