#include "flow/shown_text.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::flow {
namespace {

TEST(ShownArguments, AreCutAndSaySo) {
  EXPECT_EQ(shown_text("{\"a\":1}", 100), "{\"a\":1}");
  EXPECT_EQ(shown_text("{\"a\":1}", 3), "{\"a ... 4 bytes more");
  // Never within a character.
  EXPECT_EQ(shown_text("\xc3\xa4\xc3\xb6\xc3\xbc", 3), "\xc3\xa4\xc3\xb6 ... 2 bytes more");
  EXPECT_EQ(shown_text("", 100), "");
}

TEST(ShownArguments, CanNotPretendToBeAnotherText) {
  struct Row {
    std::string_view given, shown;
  };
  constexpr Row rows[] = {
      {"\xe2\x80\xae", "\\u{202e}"},  // right to left
      {"\xe2\x81\xa6", "\\u{2066}"},  // an isolate
      {"\xe2\x80\x8b", "\\u{200b}"},  // no width
      {"\xef\xbb\xbf", "\\u{feff}"},  // no width
      {"\xe2\x80\xa8", "\\u{2028}"},  // a line
      {"\xc2\x9b", "\\u{9b}"},        // steers a terminal
      {"\x7f", "\\u{7f}"},
      {"\xf3\xa0\x81\x81", "\\u{e0041}"},  // a tag
      {"\xe6\xbc\xa2\xe5\xad\x97", "\xe6\xbc\xa2\xe5\xad\x97"},
      {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
  };
  for (const Row& row : rows)
    EXPECT_EQ(shown_text(row.given, 100), row.shown);
}

TEST(ShownArguments, TakeAnyBytes) {
  std::string all;
  for (int c = 255; c >= 0; --c)
    all += static_cast<char>(c);
  EXPECT_LT(shown_text(all + all, 100).size(), 150U);
}

}  // namespace
}  // namespace satgate::flow
