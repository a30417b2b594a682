#include "dialect/openai/units.h"

#include <gtest/gtest.h>

namespace satgate::dialect::openai {
namespace {

std::string verdict(BilledUnit unit, const std::string& members) {
  UnitsReader reader(unit);
  const auto request = reader.peek(R"({"model":"m")" + members + "}");
  if (!request) return std::string(request.error().message);
  EXPECT_EQ(request->unit, unit);
  return std::to_string(request->units) + std::string(request->unbounded);
}

TEST(Units, PicturesAreCounted) {
  const auto images = [](const std::string& members) {
    return verdict(BilledUnit::image, members);
  };
  EXPECT_EQ(images(R"(,"prompt":"a cat")"), "1");
  EXPECT_EQ(images(R"(,"n":null)"), "1");
  EXPECT_EQ(images(R"(,"n":10)"), "10");
  for (const char* bad : {"0", "11", "-1", "1.5", R"("2")"}) {
    EXPECT_EQ(images(std::string(R"(,"n":)") + bad), "n must be a whole number from 1 to 10")
        << bad;
  }
  EXPECT_EQ(images(R"(,"n":1,"n":9)"), "a member that decides about cost appears twice");
  EXPECT_EQ(images(R"(,"N":9)"), "a member that decides about cost is spelled in another case");
  EXPECT_EQ(images(R"(,"partial_images":2)"), "1partial_images");
}

TEST(Units, CharactersAreCodePoints) {
  const auto speech = [](const std::string& members) {
    return verdict(BilledUnit::character, members);
  };
  EXPECT_EQ(speech(R"(,"input":"Grüße")"), "5");
  EXPECT_EQ(speech(R"(,"input":"\u00e9\ud83d\ude00","n":7)"), "2");
  EXPECT_EQ(speech(R"(,"input":"x","stream_format":"sse")"), "1stream_format");
  for (const char* bad : {"", R"(,"input":"")", R"(,"input":["x"])", R"(,"input":null)"}) {
    EXPECT_EQ(speech(bad), "input must be text") << bad;
  }
}

TEST(Units, NothingButTheModelIsChanged) {
  UnitsReader reader(BilledUnit::image);
  const std::string body = R"({"model": "m", "n":2})";
  ASSERT_TRUE(reader.peek(body));
  std::string out;
  ASSERT_TRUE(reader.edit(body, {.output_tokens = 5, .include_usage = true}, out));
  EXPECT_EQ(out, body);
  ASSERT_TRUE(reader.edit(body, {.model = "other"}, out));
  EXPECT_EQ(out, R"({"model": "other", "n":2})");
}

}  // namespace
}  // namespace satgate::dialect::openai
