#include "flow/output_watch.h"

#include <gtest/gtest.h>

#include <string>

namespace satgate::flow {
namespace {

using dialect::bpe::Vocabulary;

TEST(OutputWatch, CountsWordsOfAKnownVocabulary) {
  OutputWatch watch(100, Vocabulary::o200k_base);
  for (int i = 0; i < 100; ++i)
    watch.add(" word", 0);
  EXPECT_FALSE(watch.is_past()) << "what was reserved may be used";
  for (int i = 0; i < 40; ++i)
    watch.add(" word", 0);
  EXPECT_TRUE(watch.is_past());
  EXPECT_GE(watch.tokens(), 128U);
  EXPECT_LE(watch.tokens(), 140U);
}

TEST(OutputWatch, BelievesTheUpstreamsOwnCount) {
  OutputWatch watch(100, std::nullopt);
  watch.add("x", 100);
  EXPECT_FALSE(watch.is_past());
  watch.add("x", 101);
  EXPECT_TRUE(watch.is_past());
  EXPECT_EQ(watch.tokens(), 101U);
}

TEST(OutputWatch, WithoutAVocabularyOnlyBytesTell) {
  OutputWatch watch(10, std::nullopt);
  watch.add(std::string(27 * 256, 'x'), 0);
  EXPECT_FALSE(watch.is_past());
  watch.add(std::string(256, 'x'), 0);
  EXPECT_TRUE(watch.is_past());
}

}  // namespace
}  // namespace satgate::flow
