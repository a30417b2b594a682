#include "dialect/mcp/page_cursor.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace satgate::dialect::mcp {
namespace {

TEST(PageCursor, SaysBehindWhichNameOfWhichList) {
  for (const std::string name : {"a", "search__web", "file:///ü?x=1&y=%20", "a b\n\"", " "}) {
    const std::string cursor = page_cursor("tools/list", name);
    EXPECT_EQ(read_page_cursor("tools/list", cursor), name);
    EXPECT_EQ(read_page_cursor("prompts/list", cursor), std::nullopt);
    EXPECT_EQ(cursor.find(name.size() > 1 ? name : "tools"), cursor.npos);
  }
}

TEST(PageCursor, NothingElseIsOne) {
  const std::string good = page_cursor("tools/list", "ab");
  EXPECT_EQ(read_page_cursor("tools/list", good + "="), std::nullopt);
  EXPECT_EQ(read_page_cursor("tools/list", " " + good), std::nullopt);
  for (const std::string& text : {std::string("tools/list"), std::string("tools/list "),
                                  std::string("tools/listx"), std::string("tools"), std::string()})
    EXPECT_EQ(read_page_cursor("tools/list", base64url_encode(text)), std::nullopt) << text;
  for (const char* bad : {"", "1", "ab", "tools/list a", "%%%%"})
    EXPECT_EQ(read_page_cursor("tools/list", bad), std::nullopt) << bad;
  // A cut one is another position, or none.
  for (size_t size = 0; size < good.size(); ++size) {
    const auto read = read_page_cursor("tools/list", std::string_view(good).substr(0, size));
    EXPECT_TRUE(!read || *read == "a") << size;
  }
}

}  // namespace
}  // namespace satgate::dialect::mcp
