#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/json_out.h"
#include "base/money.h"
#include "base/text.h"
#include "base/time.h"

namespace satgate {
namespace {

struct AmountCase {
  std::string_view text;
  int64_t nano;  // -1: refused
};

class Amounts : public testing::TestWithParam<AmountCase> {};

TEST_P(Amounts, ReadsExactlyOrRefuses) {
  Currency currency;
  currency.nano_per_sat = 600'000;
  const Result<Money> amount = parse_amount(GetParam().text, currency);
  if (GetParam().nano < 0) {
    EXPECT_FALSE(amount) << GetParam().text;
  } else {
    ASSERT_TRUE(amount) << GetParam().text << ": " << amount.error().message;
    EXPECT_EQ(amount->nano(), GetParam().nano) << GetParam().text;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, Amounts,
    testing::Values(AmountCase{"25", 25'000'000'000}, AmountCase{"0.001", 1'000'000},
                    AmountCase{"50.00", 50'000'000'000}, AmountCase{"1 credit", 1'000'000'000},
                    AmountCase{"50 credits", 50'000'000'000}, AmountCase{"$0.05", 50'000'000},
                    AmountCase{"0.001 USD", 1'000'000}, AmountCase{"10 sats", 6'000'000},
                    AmountCase{".5", 500'000'000}, AmountCase{"5.", 5'000'000'000},
                    AmountCase{"0.0000000001", 1}, AmountCase{"0.0000000010", 1},
                    AmountCase{"9223372036.854775807", INT64_MAX},
                    AmountCase{"9223372036.854775808", -1}, AmountCase{"", -1}, AmountCase{".", -1},
                    AmountCase{"-1", -1}, AmountCase{"+1", -1}, AmountCase{"1e3", -1},
                    AmountCase{"1,000", -1}, AmountCase{"0x10", -1}, AmountCase{"1.2.3", -1},
                    AmountCase{"5 euros", -1}, AmountCase{"$", -1}, AmountCase{"NaN", -1},
                    AmountCase{"99999999999999999999999999999999999999999999", -1}));

TEST(Money, SaturatesInsteadOfWrapping) {
  EXPECT_EQ(Money::max() + Money::nano(1), Money::max());
  EXPECT_EQ(Money::max() * 2, Money::max());
  EXPECT_EQ((Money::nano(INT64_MIN) - Money::nano(1)).nano(), INT64_MIN);
}

TEST(Money, PrintsAsPeopleWrite) {
  EXPECT_EQ(format_credits(Money::credits(25)), "25");
  EXPECT_EQ(format_credits(Money::nano(4'500'000'000)), "4.5");
  EXPECT_EQ(format_credits(Money::nano(1)), "0.000000001");
  EXPECT_EQ(format_credits(Money::nano(-1'500'000'000)), "-1.5");
  EXPECT_EQ(format_usd(Money::nano(4'500'000'000)), "4.50 USD");
  EXPECT_EQ(format_usd(Money::nano(1'000'000)), "0.001 USD");
  EXPECT_EQ(format_usd(Money::credits(0)), "0.00 USD");
  Currency cents;  // a credit is one cent
  cents.nano_per_usd = 100 * kNanoPerCredit;
  EXPECT_EQ(format_usd(Money::credits(450), cents), "4.50 USD");
}

TEST(Text, Glob) {
  EXPECT_TRUE(glob_match("search_*", "search_code"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_TRUE(glob_match("a*b*c", "axxbyyc"));
  EXPECT_FALSE(glob_match("a*b*c", "axxbyy"));
  EXPECT_FALSE(glob_match("github-read", "github-reads"));
  EXPECT_GT(glob_weight("search"), glob_weight("search*"));
  EXPECT_GT(glob_weight("search*"), glob_weight("s*"));
}

// Every byte at every place of a word and behind one: what looks at eight at once must say the same
// as what looks at each.
TEST(Text, LooksAtEightBytesAsAtEach) {
  const auto is_plain = [](unsigned c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; };
  const auto low = [](unsigned c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; };
  for (size_t size = 1; size <= 19; ++size) {
    for (size_t at = 0; at < size; ++at) {
      for (unsigned c = 0; c < 256; ++c) {
        std::string text(size, 'k');
        text[at] = static_cast<char>(c);
        EXPECT_EQ(plain_length(text), is_plain(c) ? size : at) << size << " " << at << " " << c;
        for (const unsigned other : {c ^ 0x20U, c ^ 0x80U, c}) {
          std::string second(size, 'K');
          second[at] = static_cast<char>(other);
          EXPECT_EQ(equals_ignore_case(text, second), low(c) == low(other)) << c << " " << other;
        }
      }
    }
  }
  EXPECT_EQ(plain_length("\x1f!!!!!!!"), 0U) << "a borrow from below";
  EXPECT_EQ(plain_length("!!!!!!!\x1f\""), 7U);
  EXPECT_TRUE(equals_ignore_case("", ""));
  EXPECT_FALSE(equals_ignore_case("a", "ab"));
}

TEST(Text, Base64TakesEveryFlavourAndNothingElse) {
  EXPECT_EQ(base64_encode("a?>"), "YT8+");
  EXPECT_EQ(base64url_encode("a?>a"), "YT8-YQ");
  for (const char* text : {"YT8-YQ", "YT8+YQ==", "YT8-YQ=="})
    EXPECT_EQ(base64_decode(text), "a?>a");
  for (const char* text : {"Y", "YT8-YR", "YQ=", "YQ===", "Y Q=", "YT8-YQ="}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
}

TEST(Time, ReadsWhatPeopleWrite) {
  EXPECT_EQ(parse_time("2026-04-01T00:00:00Z"), Time::seconds(1775001600));
  EXPECT_EQ(parse_time("2026-04-01T02:00:00+02:00"), Time::seconds(1775001600));
  EXPECT_EQ(parse_time("2026-04-01"), Time::seconds(1775001600));
  EXPECT_EQ(parse_time("1775001600"), Time::seconds(1775001600));
  EXPECT_EQ(parse_time("1775001600000"), Time::seconds(1775001600));
  for (const char* text : {"", "tomorrow", "2026-02-30", "2026-13-01", "2026-04-01T25:00:00Z",
                           "2026-04-01T00:00:00", "-5", "0001-01-01", "1600-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
  EXPECT_EQ(format_rfc3339(Time::seconds(1775001600)), "2026-04-01T00:00:00Z");
  EXPECT_EQ(parse_duration_seconds("1h"), 3600);
  EXPECT_FALSE(parse_duration_seconds("1"));
  EXPECT_FALSE(parse_duration_seconds("h"));
}

TEST(Crypto, KnownAnswers) {
  EXPECT_EQ(to_hex(as_bytes_view(sha256("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  // RFC 4231, test case 2.
  EXPECT_EQ(to_hex(as_bytes_view(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // RFC 4231, test case 6: a key longer than a block.
  EXPECT_EQ(
      to_hex(as_bytes_view(hmac_sha256(std::string(131, '\xaa'),
                                       "Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  // RFC 3720, appendix B.4; and in two parts, at every cut, as in one.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
  const std::string_view text = "The quick brown fox jumps over the lazy dog";
  EXPECT_EQ(crc32c(text), 0x22620404U);
  for (size_t cut = 0; cut <= text.size(); ++cut)
    EXPECT_EQ(crc32c(text.substr(cut), crc32c(text.substr(0, cut))), 0x22620404U) << cut;
  EXPECT_TRUE(equal_constant_time("ab", "ab"));
  EXPECT_FALSE(equal_constant_time("ab", "abc"));
}

TEST(JsonOut, EscapesAndSeparates) {
  std::string text;
  JsonOut out(text);
  out.object().key("a").array().integer(1).string("x\"\n\x01").end_array();
  out.member("b\"")
      .money(Money::nano(500'000'000))
      .key("c")
      .object()
      .end()
      .key("d")
      .boolean(true)
      .end();
  EXPECT_EQ(text, R"({"a":[1,"x\"\n\u0001"],"b\"":0.5,"c":{},"d":true})");
  std::string broken;
  append_json_string(broken, "a\xff\xc0\xaf");
  EXPECT_EQ(broken, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

TEST(Ids, RoundTrip) {
  const auto id = random_id<TokenId>();
  EXPECT_EQ(parse_id<TokenId>(to_string(id)), id);
  EXPECT_FALSE(parse_id<TokenId>("12"));
  const auto earlier = ordered_id<RequestId>(Time::seconds(1));
  EXPECT_LT(earlier, ordered_id<RequestId>(Time::seconds(2)));
  EXPECT_NE(earlier, ordered_id<RequestId>(Time::seconds(1)));
  EXPECT_NE(account_id("budget", "a"), account_id("token", "a"));
}

}  // namespace
}  // namespace satgate
