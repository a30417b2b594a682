#include "dialect/bpe/tokens.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dialect/bpe/splitter.h"

namespace satgate::dialect::bpe {
namespace {

using enum Vocabulary;

struct Vector {
  std::string text;
  uint64_t cl100k = 0;
  uint64_t o200k = 0;

  uint64_t count(Vocabulary vocabulary) const { return vocabulary == cl100k_base ? cl100k : o200k; }
};

// Counted by npm tiktoken: tests/interop/tokens.mjs.
std::vector<Vector> vectors() {
  std::ifstream file(SATGATE_SOURCE_DIR "/tests/vectors/tokens.json");
  std::vector<Vector> result;
  for (const auto& line : nlohmann::json::parse(file)) {
    result.push_back({line["text"], line["cl100k"], line["o200k"]});
  }
  return result;
}

std::string repeat(std::string_view text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i)
    result.append(text);
  return result;
}

TEST(CountTokens, AsTiktokenDoes) {
  const auto all = vectors();
  ASSERT_GT(all.size(), 90U);
  for (const Vector& vector : all) {
    if (is_certain(cl100k_base, vector.text)) {
      EXPECT_EQ(count_tokens(cl100k_base, vector.text), vector.cl100k) << vector.text;
    }
    EXPECT_EQ(count_tokens(o200k_base, vector.text), vector.o200k) << vector.text;
  }
}

TEST(CountTokens, WhatIsNotCertainCountsAsItsBytes) {
  for (const std::string_view text :
       {"\xff", "abc\xc3", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80 and more",
        "assigned later: \u0897", "never assigned: \uffff", "small until lately: \u0295"}) {
    EXPECT_EQ(count_tokens(cl100k_base, text), text.size()) << text;
    EXPECT_EQ(count_tokens(o200k_base, text), text.size()) << text;
  }
}

TEST(CountTokens, VersionsOfTiktokenDifferAtTheEnd) {
  for (const std::string_view text : {"end\n  ", "the end\n ", "end \r\n\t", "end\n\u3000"}) {
    EXPECT_EQ(count_tokens(cl100k_base, text), text.size());
    EXPECT_LT(count_tokens(o200k_base, text), text.size());
  }
  for (const std::string_view text : {"some\n  end", "some end  ", "some end \n", "\n"}) {
    EXPECT_EQ(count_tokens(cl100k_base, text), count_tokens(o200k_base, text)) << text;
  }
}

// An agent may send what is worst for the splitter and for the merges. A step that is quadratic
// makes this run for hours.
TEST(CountTokens, HostileSizes) {
  constexpr size_t kBytes = 1'000'000;
  for (const std::string_view part :
       {"a", "A", " ", "\n", "-", "\u0301", "\u4e00", "\u02b0", "9", "'", "\n ", " \n", "Aa",
        "A\u0301", "'s", "\U0001f600", "/\n"}) {
    const std::string text = "\u02b0" + repeat(part, kBytes / part.size()) + "x";
    EXPECT_LE(count_tokens(o200k_base, text), text.size()) << part;
    for (const Vocabulary vocabulary : {cl100k_base, o200k_base}) {
      std::string_view rest = text;
      while (!rest.empty()) {
        const auto size = first_piece(vocabulary, rest);
        ASSERT_TRUE(size) << "the library gave up on " << part;
        rest.remove_prefix(*size);
      }
    }
  }
  EXPECT_EQ(count_tokens(o200k_base, std::string(kBytes, 'a')), kBytes / 8);
}

TEST(CountTokens, FromManyThreads) {
  const auto all = vectors();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (const Vector& vector : all) {
        EXPECT_EQ(count_tokens(o200k_base, vector.text), vector.o200k);
      }
    });
  }
}

// Feeds `text` in pieces of random sizes, with a check of all that was fed after each.
template <class Check>
void feed(RunningCount& count, std::string_view text, std::mt19937& random, const Check& check) {
  size_t fed = 0;
  while (fed < text.size()) {
    const size_t size = 1 + random() % 7;
    const std::string_view piece = text.substr(fed, size);
    count.add(piece);
    fed += piece.size();
    check(text.substr(0, fed));
  }
}

// The tokens of the last two pieces of a text, which is what a text to come can change: "don" and
// "'" may become one piece, and so may the two of white space with a line break in it.
uint64_t end_of(Vocabulary vocabulary, std::string_view text) {
  std::string_view last, before;
  while (!text.empty()) {
    const auto size = first_piece(vocabulary, text);
    if (!size) return 0;
    before = std::exchange(last, text.substr(0, *size));
    text.remove_prefix(*size);
  }
  return count_tokens(vocabulary, before) + count_tokens(vocabulary, last);
}

TEST(RunningCount, IsEverythingButTheEnd) {
  std::mt19937 random(7);
  const auto all = vectors();
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (int i = 0; i < 6; ++i)
      text += all[random() % all.size()].text;
    for (const Vocabulary vocabulary : {cl100k_base, o200k_base}) {
      RunningCount count(vocabulary);
      feed(count, text, random, [&](std::string_view fed) {
        EXPECT_LE(count.so_far(), count_tokens(vocabulary, fed));
        // A vector may be one piece of more than the size up to which none is late.
        if (text.size() < 256 && is_certain(vocabulary, fed)) {
          EXPECT_GE(count.so_far() + end_of(vocabulary, fed), count_tokens(vocabulary, fed)) << fed;
        }
      });
    }
  }
}

TEST(RunningCount, FollowsASentenceWordByWord) {
  RunningCount count(o200k_base);
  for (const std::string_view word : {"The", " quick", " brown", " fo", "x don", "'", "t"}) {
    count.add(word);
  }
  EXPECT_EQ(count.so_far(), 5U) << "nothing can follow a contraction in its piece";
  count.add(". So");
  EXPECT_EQ(count.so_far(), 6U);
}

TEST(RunningCount, CharactersMayBeSplit) {
  const std::string text = repeat("\u4f60\u597d\uff0c\U0001f600 ", 20) + "end";
  RunningCount count(o200k_base);
  for (const char byte : text)
    count.add({&byte, 1});
  EXPECT_EQ(count.so_far() + 1, count_tokens(o200k_base, text));
}

TEST(RunningCount, StaysWhereTheCountIsNotCertain) {
  for (const std::string_view odd : {"\xff", "\uffff", "\xc3("}) {
    RunningCount count(cl100k_base);
    count.add("one two three ");
    const uint64_t before = count.so_far();
    EXPECT_EQ(before, 3U);
    count.add(odd);
    count.add(" four five six seven");
    EXPECT_EQ(count.so_far(), before);
  }
}

TEST(RunningCount, APieceThatNeverEndsIsNotKept) {
  RunningCount count(o200k_base);
  count.add("one two ");
  const std::string letters(100, 'a');
  for (int i = 0; i < 10'000; ++i)
    count.add(letters);
  EXPECT_EQ(count.so_far(), 2U);
  count.add(" three four five");
  EXPECT_EQ(count.so_far(), 2U);
}

TEST(RunningCount, LongTextInOneGo) {
  const std::string text = repeat("All work and no play. ", 20'000);
  RunningCount count(o200k_base);
  count.add(text);
  EXPECT_EQ(count.so_far() + 1, count_tokens(o200k_base, text));
}

TEST(VocabularyOf, Models) {
  for (const auto* model : {"gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-mini", "gpt-4.1-nano", "gpt-5",
                            "gpt-5-mini", "o1", "o3-mini", "o4-mini", "chatgpt-4o-latest"}) {
    EXPECT_EQ(vocabulary_of(model), o200k_base) << model;
  }
  for (const auto* model :
       {"gpt-4", "gpt-4-0613", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-instruct",
        "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"}) {
    EXPECT_EQ(vocabulary_of(model), cl100k_base) << model;
  }
  for (const auto* model :
       {"", "gpt", "gpt-", "gpt-4x", "gpt-40", "gpt-6", "GPT-4o", "claude-3", "davinci"}) {
    EXPECT_EQ(vocabulary_of(model), std::nullopt) << model;
  }
}

}  // namespace
}  // namespace satgate::dialect::bpe
