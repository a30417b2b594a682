#include "token/macaroon.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/text.h"

namespace satgate::token {
namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values)
    out += static_cast<char>(value);
  return out;
}

const std::string kSignature = bytes({6, 32}) + std::string(32, 's');
const std::string kHead = bytes({2, 2, 1, 'i', 0});

TEST(Reader, TakesTheSmallestMacaroon) {
  const std::string smallest = kHead + bytes({0}) + kSignature;
  const auto macaroon = read_macaroon(smallest);
  ASSERT_TRUE(macaroon) << macaroon.error().message;
  EXPECT_EQ(macaroon->identifier, "i");
  EXPECT_FALSE(macaroon->location);
  EXPECT_EQ(write_macaroon(*macaroon), smallest);
}

struct BadBytes {
  const char* name;
  std::string input;
};

TEST(Reader, RefusesEveryOtherShape) {
  const std::string caveat = bytes({2, 1, 'c', 0});
  const std::vector<BadBytes> cases = {
      {"empty", ""},
      {"version 1", bytes({1}) + (kHead + bytes({0}) + kSignature).substr(1)},
      {"V1 text", "001clocation http://mybank/\n"},
      {"JSON", R"({"v":2,"i":"i","s64":""})"},
      {"no identifier", bytes({2, 0, 0}) + kSignature},
      {"fields out of order", bytes({2, 2, 1, 'i', 1, 1, 'l', 0, 0}) + kSignature},
      {"location twice", bytes({2, 1, 1, 'l', 1, 1, 'l', 2, 1, 'i', 0, 0}) + kSignature},
      {"identifier twice", bytes({2, 2, 1, 'i', 2, 1, 'i', 0, 0}) + kSignature},
      {"verification id in the head", bytes({2, 2, 1, 'i', 4, 1, 'v', 0, 0}) + kSignature},
      {"unknown field", bytes({2, 2, 1, 'i', 3, 1, 'x', 0, 0}) + kSignature},
      {"length beyond the end", bytes({2, 2, 100, 'i'})},
      {"length of 2^63", bytes({2, 2, 255, 255, 255, 255, 255, 255, 255, 255, 127, 'i'})},
      {"length not in its shortest form", bytes({2, 2, 0x81, 0, 'i', 0, 0}) + kSignature},
      {"length cut off", bytes({2, 2, 0x80})},
      {"caveat without end", kHead + bytes({2, 1, 'c'}) + kSignature},
      {"caveat with location only", kHead + bytes({1, 1, 'l', 0, 0}) + kSignature},
      {"first-party caveat with location",
       kHead + bytes({1, 1, 'l', 2, 1, 'c', 0, 0}) + kSignature},
      {"signature inside the caveats", kHead + kSignature},
      {"short signature", kHead + bytes({0, 6, 31}) + std::string(31, 's')},
      {"long signature", kHead + bytes({0, 6, 33}) + std::string(33, 's')},
      {"no signature", kHead + caveat + bytes({0})},
      {"trailing byte", kHead + bytes({0}) + kSignature + "x"},
      {"trailing end of section", kHead + bytes({0}) + kSignature + bytes({0})},
  };
  for (const BadBytes& bad : cases) {
    EXPECT_FALSE(read_macaroon(bad.input)) << bad.name;
  }
}

TEST(Reader, RefusesEveryCutOffPrefix) {
  const std::string whole =
      kHead + bytes({2, 1, 'c', 0}) + bytes({1, 1, 'l', 2, 1, 'c', 4, 1, 'v', 0, 0}) + kSignature;
  ASSERT_TRUE(read_macaroon(whole));
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_macaroon(std::string_view(whole).substr(0, size))) << size;
  }
}

TEST(Reader, SeesThirdPartyCaveats) {
  const std::string whole = kHead + bytes({1, 1, 'l', 2, 1, 'c', 4, 1, 'v', 0, 0}) + kSignature;
  const auto macaroon = read_macaroon(whole);
  ASSERT_TRUE(macaroon);
  EXPECT_TRUE(macaroon->caveats.at(0).is_third_party());
  EXPECT_EQ(write_macaroon(*macaroon), whole);
}

TEST(Reader, IsBounded) {
  std::string many = kHead;
  for (size_t i = 0; i < limits::caveat_count_max; ++i)
    many += bytes({2, 1, 'c', 0});
  EXPECT_TRUE(read_macaroon(many + bytes({0}) + kSignature));
  EXPECT_FALSE(read_macaroon(many + bytes({2, 1, 'c', 0, 0}) + kSignature));

  Macaroon macaroon;
  const std::string large(limits::caveat_bytes_max + 1, 'c');
  macaroon.caveats.push_back({large, std::nullopt, std::nullopt});
  EXPECT_FALSE(write_macaroon(macaroon));
  macaroon.caveats.clear();
  const std::string identifier(limits::token_bytes_max, 'i');
  macaroon.identifier = identifier;
  EXPECT_FALSE(write_macaroon(macaroon));
  EXPECT_FALSE(read_macaroon(std::string(limits::token_bytes_max + 1, '\2')));
}

TEST(Text, EveryFlavourGivesTheSameBytes) {
  const std::string whole = kHead + bytes({2, 3, 'c', 0xff, 0xfe, 0, 0}) + kSignature;
  const std::string padded = base64_encode(whole), url = base64url_encode(whole);
  EXPECT_NE(padded.find_first_of("+/"), std::string::npos);
  for (const std::string& text :
       {macaroon_to_text(whole), url, padded, padded.substr(0, padded.find('=')), "sg_" + padded,
        to_hex(whole), "sg_" + to_hex(whole)}) {
    EXPECT_EQ(macaroon_from_text(text).value_or("refused"), whole) << text;
  }
  EXPECT_EQ(macaroon_to_text(whole), "sg_" + url);
}

TEST(Text, RefusesTheRest) {
  const std::string too_long(limits::token_bytes_max * 2 + 4, 'A');
  for (const std::string& text :
       {std::string(), std::string("sg_"), std::string("sg_sg_AgIBaQ"), std::string("Ag IB"),
        std::string("020"), std::string("02zz"), std::string("Ag==="), std::string("\n"), too_long,
        base64_encode(std::string(limits::token_bytes_max + 1, '\2'))}) {
    EXPECT_FALSE(macaroon_from_text(text)) << text.substr(0, 20);
  }
}

}  // namespace
}  // namespace satgate::token
