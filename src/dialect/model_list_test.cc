#include "dialect/model_list.h"

#include <gtest/gtest.h>

namespace satgate::dialect {
namespace {

std::optional<std::string> known(std::string_view id) {
  if (id == "secret") return std::nullopt;
  return id == "free" ? std::string() : std::string(R"({"cost":1})");
}

TEST(ModelList, KeepsWhatMayBeSeenAndSaysItsPrice) {
  EXPECT_EQ(narrow_models(R"({"object": "list", "data": [
      {"id": "gpt-4o", "object": "model", "created": 1.5e3},
      {"id": "secret"}, {"id": "free", "owned_by": "é"}], "more": null})",
                          known),
            R"({"object":"list","data":[)"
            R"({"id":"gpt-4o","object":"model","created":1500.0,"io.satgate/price":{"cost":1}},)"
            R"({"id":"free","owned_by":"é"}],"more":null})");
}

TEST(ModelList, PagesOfAnthropicBeginAndEndWithWhatIsLeft) {
  EXPECT_EQ(narrow_models(R"({"data":[{"id":"secret"},{"id":"a"},{"id":"b"},{"id":"secret"}],)"
                          R"("first_id":"secret","last_id":"secret","has_more":false})",
                          known),
            R"({"data":[{"id":"a","io.satgate/price":{"cost":1}},)"
            R"({"id":"b","io.satgate/price":{"cost":1}}],)"
            R"("first_id":"a","last_id":"b","has_more":false})");
  EXPECT_EQ(narrow_models(R"({"data":[{"id":"secret"}],"first_id":"secret"})", known),
            R"({"data":[],"first_id":null})");
}

TEST(ModelList, ASingleModel) {
  EXPECT_EQ(narrow_models(R"({"id":"gpt-4o"})", known),
            R"({"id":"gpt-4o","io.satgate/price":{"cost":1}})");
  EXPECT_EQ(narrow_models(R"({"id":"secret"})", known), "");
}

TEST(ModelList, WhatIsNoListIsNotGuessed) {
  for (const char* answer : {"", "[]", "{}", R"({"id":5})", R"({"data":{}})", R"({"data":[5]})",
                             R"({"data":[{"name":"x"}]})", R"({"id":"a")"}) {
    EXPECT_EQ(narrow_models(answer, known), std::nullopt) << answer;
  }
}

}  // namespace
}  // namespace satgate::dialect
