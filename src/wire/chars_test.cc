#include "wire/chars.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::wire {
namespace {

// The eight-at-a-time search must find what a plain loop finds, at every offset of a word.
TEST(FindControl, EveryByteAtEveryPosition) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool is_bad = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    for (size_t at = 0; at < 27; ++at) {
      for (const char filler : {'a', '\t', ' ', '~', '\x80', '\xff'}) {
        std::string text(27, filler);
        text[at] = static_cast<char>(byte);
        ASSERT_EQ(find_control(text), is_bad ? at : text.size()) << byte << " at " << at;
      }
    }
  }
}

TEST(Classes, TokenBytesAreThoseOfTheRfc) {
  const std::string_view expected =
      "!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    EXPECT_EQ(is_token_byte(c), expected.find(c) != expected.npos) << byte;
  }
}

}  // namespace
}  // namespace satgate::wire
