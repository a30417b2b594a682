#include "payment/l402.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>

#include "base/text.h"
#include "payment/auth_challenges.h"

namespace satgate::payment {
namespace {

using Kind = L402Credential::Kind;
using Values = std::vector<std::string_view>;

const std::string kMacaroon = base64_encode(std::string("\x02\x01\x03loc\xff\xfe") + "more bytes");
const std::string kInvoice = "lnbcrt100n1pvjluezpp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqf";
const std::string kPreimage = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

Hash256 counting() {
  Hash256 out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<uint8_t>(i);
  return out;
}

TEST(Challenge, IsThisText) {
  EXPECT_EQ(write_challenge("M", "I"), R"(L402 macaroon="M", invoice="I", version="0", token="M")");
}

// What deployed clients look for, as they write it.
TEST(Challenge, EveryClientFindsItsParts) {
  const std::string header = write_challenge(kMacaroon, kInvoice);
  const auto icase = std::regex::ECMAScript | std::regex::icase;
  struct Client {
    const char* name;
    std::regex pattern;
    size_t macaroon, invoice;  // groups; 0: not in this one
  };
  const std::vector<Client> clients = {
      {"aperture", std::regex(R"re((LSAT|L402) macaroon="(.*?)", invoice="(.*?)")re"), 2, 3},
      {"lnget", std::regex(R"re((LSAT|L402)\s+macaroon="([^"]+)",\s*invoice="([^"]+)")re", icase),
       2, 3},
      {"l402-requests",
       std::regex(R"re((?:L402|LSAT)\s+macaroon="([^"]+)"\s*,\s*invoice="([^"]+)")re", icase), 1,
       2},
      {"Fewsats macaroon", std::regex(R"re(macaroon="([^ ]+)")re"), 1, 0},
      {"Fewsats invoice", std::regex(R"re(invoice="([^ ]+)")re"), 0, 1},
      {"npm l402 macaroon", std::regex(R"re(macaroon="([\w|\d\+\/=_-]+)")re"), 1, 0},
      {"npm l402 invoice", std::regex(R"re(invoice="([\w|\d]+)")re"), 0, 1},
      {"by hand", std::regex(R"re(macaroon="([^"]+)")re"), 1, 0},
  };
  for (const Client& client : clients) {
    std::smatch match;
    ASSERT_TRUE(std::regex_search(header, match, client.pattern)) << client.name;
    if (client.macaroon != 0) {
      EXPECT_EQ(match[client.macaroon], kMacaroon) << client.name;
    }
    if (client.invoice != 0) {
      EXPECT_EQ(match[client.invoice], kInvoice) << client.name;
    }
  }
  EXPECT_TRUE(std::regex_search(header, std::regex("^(LSAT|L402)")));
  EXPECT_TRUE(header.starts_with("L402 "));  // L402sdk
  // L402sdk: then a comma-separated list of key="value".
  std::map<std::string, std::string> pairs;
  for (const std::string_view part : split(std::string_view(header).substr(5), ',')) {
    const size_t equals = part.find('=');
    pairs[std::string(part.substr(0, equals))] =
        std::string(part.substr(equals + 2, part.size() - equals - 3));
  }
  EXPECT_EQ(pairs["macaroon"], kMacaroon);
  EXPECT_EQ(pairs["invoice"], kInvoice);
  EXPECT_EQ(pairs["token"], kMacaroon);
  // Alby: any key=value, in double quotes, single quotes or none.
  std::map<std::string, std::string> alby;
  const std::regex any(R"re((\w+)=("([^"]*)"|'([^']*)'|([^,]*)))re");
  for (std::sregex_iterator at(header.begin(), header.end(), any), end; at != end; ++at)
    alby[(*at)[1]] = (*at)[3];
  EXPECT_EQ(alby["token"], kMacaroon);
  EXPECT_EQ(alby["macaroon"], kMacaroon);
  EXPECT_EQ(alby["invoice"], kInvoice);
  EXPECT_EQ(alby["version"], "0");
}

TEST(Challenge, WhatWeWriteWeRead) {
  const std::string header = write_challenge(kMacaroon, kInvoice);
  const auto read = read_challenge(Values{header});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->scheme, "L402");
  EXPECT_EQ(read->macaroon, kMacaroon);
  EXPECT_EQ(read->invoice, kInvoice);
}

TEST(Challenge, ReadsEveryFormInUse) {
  const std::vector<Values> forms = {
      {R"(L402 macaroon="M", invoice="lnbc1")"},
      {R"(LSAT macaroon="M", invoice="lnbc1")", R"(L402 macaroon="M", invoice="lnbc1")"},
      {R"(LSAT macaroon="N", invoice="lnbc2", L402 macaroon="M", invoice="lnbc1")"},
      {R"(L402 version="0", token="M", invoice="lnbc1")"},
      {R"(L402 version="0" token="M", invoice="lnbc1")"},  // Alby's server
      {R"(L402 invoice="lnbc1",macaroon="M")"},
      {R"(l402 Macaroon = 'M' , INVOICE='lnbc1')"},
      {R"(L402 macaroon=M, invoice=lnbc1)"},
      {R"(L402 token=M invoice=lnbc1 version=0)"},
      {R"(Bearer realm="L402 macaroon=\"X\", invoice=\"lnbc9\"")",
       R"(L402 macaroon="M", invoice="lnbc1")"},
      {R"(Bearer realm="L402 macaroon=X, invoice=lnbc9", L402 macaroon="M", invoice="lnbc1")"},
      {R"(Payment id="a", request="L402", L402 macaroon="M", invoice="lnbc1", new="thing")"},
      {R"(L402 macaroon="M", invoice="lnbc1", Payment id="b", invoice="lnbc9")"},
      {R"(Negotiate YWJj==, L402 macaroon="M", invoice="lnbc1")"},
      {R"(L402 macaroon="M")", R"(L402 macaroon="M", invoice="lnbc1")"},
      {R"(L402 macaroon="M", invoice="lnbc1", invoice="lnbc9")"},
      {R"( ,, L402  macaroon="M" ,, invoice="lnbc1",)"},
  };
  for (const Values& form : forms) {
    const auto read = read_challenge(form);
    ASSERT_TRUE(read) << form.front();
    EXPECT_EQ(read->macaroon, "M") << form.front();
    EXPECT_EQ(read->invoice, "lnbc1") << form.front();
    EXPECT_EQ(read->scheme, "L402") << form.front();
  }
  EXPECT_EQ(read_challenge(Values{R"(lsat macaroon="M", invoice="lnbc1")"})->scheme, "LSAT");
}

TEST(Challenge, RefusesWhatIsNone) {
  const std::string huge(limits::token_bytes_max * 2, 'A');
  const std::string long_invoice(limits::invoice_bytes_max + 1, 'a');
  const std::vector<std::string> texts = {
      "",
      "L402",
      "L402 ",
      "Bearer realm=\"x\"",
      R"(L402 macaroon="M")",
      R"(L402 invoice="lnbc1")",
      R"(macaroon="M", invoice="lnbc1")",
      R"(Basic macaroon="M", invoice="lnbc1")",
      R"(L402 macaroon="M", Basic invoice="lnbc1")",
      R"(L402 macaroon="", invoice="lnbc1")",
      R"(L402 macaroon="M", invoice="")",
      R"(L402 macaroon="M", token="N", invoice="lnbc1")",
      R"(L402 macaroon="M", invoice="lnbc1", version="1")",
      R"(L402 macaroon="M", invoice="lnbc1)",
      R"(L402 macaroon="M\r\nX: y", invoice="lnbc1")",
      "L402 macaroon=\"M\r\n\", invoice=\"lnbc1\"",
      R"(L402 macaroon="M", invoice="lnbc 1")",
      R"(L402 macaroon="M:a", invoice="lnbc1")",
      R"(L402 macaroon="====", invoice="lnbc1")",
      "= ' \" = , '",
      "L402 macaroon=\"" + huge + "\", invoice=\"lnbc1\"",
      "L402 macaroon=\"M\", invoice=\"" + long_invoice + "\"",
      std::string(limits::head_bytes_max, ' ') + R"(L402 macaroon="M", invoice="lnbc1")",
  };
  for (const std::string& text : texts)
    EXPECT_FALSE(read_challenge(Values{text})) << text.substr(0, 80);
  EXPECT_FALSE(read_challenge({}));
}

TEST(Credential, TakesEveryFlavour) {
  const std::string bytes = base64_decode(kMacaroon).value();
  std::string padded_url = kMacaroon;
  for (char& c : padded_url)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  std::string unpadded = kMacaroon;
  while (unpadded.ends_with('='))
    unpadded.pop_back();
  ASSERT_NE(padded_url, kMacaroon);
  for (const std::string& macaroon : {kMacaroon, base64url_encode(bytes), padded_url, unpadded}) {
    for (const char* scheme : {"L402 ", "LSAT ", "l402 ", "Lsat\t", "L402   "}) {
      for (const std::string& preimage : {kPreimage, lowercase(kPreimage)}) {
        const std::string value = scheme + macaroon + ":" + preimage;
        const auto found = read_l402(Values{value}, {});
        ASSERT_EQ(found.kind, Kind::paid) << value;
        ASSERT_EQ(found.macaroons.size(), 1U);
        EXPECT_EQ(found.macaroons[0], macaroon);
        EXPECT_EQ(found.preimage, counting());
      }
    }
  }
}

TEST(Credential, TakesSeveralMacaroons) {
  const std::string value = "L402 AgEE, AgEF ,AgEG:" + kPreimage;
  const auto found = read_l402(Values{value}, {});
  ASSERT_EQ(found.kind, Kind::paid);
  EXPECT_THAT(found.macaroons.view(), testing::ElementsAre("AgEE", "AgEF", "AgEG"));
  std::string many = "L402 A";
  for (size_t i = 1; i < limits::l402_macaroons_max; ++i)
    many += ",A";
  const std::string most = many + ":" + kPreimage, more = many + ",A:" + kPreimage;
  EXPECT_EQ(read_l402(Values{most}, {}).kind, Kind::paid);
  EXPECT_EQ(read_l402(Values{more}, {}).kind, Kind::malformed);
}

TEST(Credential, WhatSaysL402AndIsNoneIsMalformed) {
  const std::string p = kPreimage;
  for (const std::string& text : std::vector<std::string>{
           "L402",
           "L402 ",
           "L402 :" + p,
           "L402 AgEE",
           "L402 AgEE:",
           "L402 AgEE:" + p.substr(1),
           "L402 AgEE:" + p + "0",
           "L402 AgEE:" + p.substr(1) + "g",
           "L402 AgEE:0x" + p.substr(2),
           "L402 AgEE:" + p + ":" + p,
           "L402 ,AgEE:" + p,
           "L402 AgEE,:" + p,
           "L402 Ag EE:" + p,
           "L402 Ag=EE:" + p,
           "L402 AgEE===:" + p,
           "L402 ===:" + p,
           "L402 Ag\nEE:" + p,
           "L402 AgEE:" + p + ", L402 AgEE:" + p,
           "L402 macaroon=\"AgEE\":" + p,
           "L402 " + std::string(limits::token_bytes_max * 4 / 3 + 5, 'A') + ":" + p}) {
    EXPECT_EQ(read_l402(Values{text}, {}).kind, Kind::malformed) << text.substr(0, 90);
    const std::string good = "L402 AgEE:" + p;
    EXPECT_EQ(read_l402(Values{good, text}, {}).kind, Kind::malformed);
    EXPECT_EQ(read_l402(Values{text, good}, {}).kind, Kind::malformed);
  }
}

TEST(Credential, TheSameTwiceIsOneAndTwoAreAmbiguous) {
  const std::string lsat = "LSAT AgEE:" + lowercase(kPreimage), l402 = "L402 AgEE:" + kPreimage;
  EXPECT_EQ(read_l402(Values{lsat, l402}, {}).kind, Kind::paid);
  const std::string other_token = "L402 AgEF:" + kPreimage;
  const std::string other_preimage = "L402 AgEE:" + std::string(64, '0');
  const std::string longer = "L402 AgEE,AgEE:" + kPreimage;
  for (const std::string& other : {other_token, other_preimage, longer}) {
    EXPECT_EQ(read_l402(Values{lsat, other}, {}).kind, Kind::ambiguous);
    EXPECT_EQ(read_l402(Values{lsat, other, lsat}, {}).kind, Kind::ambiguous);
  }
  EXPECT_EQ(read_l402(Values{"Bearer sg_abc", l402}, {}).kind, Kind::paid);
}

TEST(Credential, OtherSchemesAreNone) {
  EXPECT_EQ(read_l402({}, {}).kind, Kind::none);
  for (const char* text : {"", " ", "Bearer sg_abc", "L402x AgEE:00", "L40", "Payment abc", ":"})
    EXPECT_EQ(read_l402(Values{text}, {}).kind, Kind::none) << text;
}

TEST(Credential, TheMacaroonFieldIsGivenBackAsItIs) {
  const auto found = read_l402({}, Values{" 0201036C6f63 "});
  EXPECT_EQ(found.kind, Kind::macaroon);
  EXPECT_THAT(found.macaroons.view(), testing::ElementsAre("0201036C6f63"));
  const std::string huge(2 * limits::token_bytes_max + 1, '0');
  const std::string paid = "L402 AgEE:" + kPreimage;
  EXPECT_EQ(read_l402({}, Values{"02", "02"}).kind, Kind::macaroon);
  EXPECT_EQ(read_l402({}, Values{"02", "03"}).kind, Kind::ambiguous);
  EXPECT_EQ(read_l402({}, Values{"02", "03", "03"}).kind, Kind::ambiguous);
  EXPECT_EQ(read_l402({}, Values{""}).kind, Kind::malformed);
  EXPECT_EQ(read_l402({}, Values{huge}).kind, Kind::malformed);
  EXPECT_EQ(read_l402(Values{paid}, Values{"02"}).kind, Kind::ambiguous);
  EXPECT_EQ(read_l402(Values{"L402 x"}, Values{"02"}).kind, Kind::malformed);
}

TEST(AuthChallenges, AreBounded) {
  std::string schemes, params = "A";
  for (size_t i = 0; i < kAuthChallengesMax + 5; ++i)
    schemes += "A, ";
  for (size_t i = 0; i < kAuthParamsMax + 5; ++i)
    params += " a=b,";
  EXPECT_EQ(read_auth_challenges(schemes).size(), kAuthChallengesMax);
  EXPECT_EQ(read_auth_challenges(params).at(0).params.size(), kAuthParamsMax);
}

}  // namespace
}  // namespace satgate::payment
