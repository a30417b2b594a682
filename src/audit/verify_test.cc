// The attacks on a record that its proof must notice.
#include "audit/verify.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/text.h"

namespace satgate::audit {
namespace {

std::string hex(const auto& bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

class Record : public testing::Test {
 protected:
  Record() {
    add("{\"n\":1}");
    add("{\"hostile\":\"}\\n{\\\"checkpoint\\\"\"}");
    checkpoint();
    add("{\"n\":3}");
    add("{}");
    checkpoint();
    add("{\"n\":\"unsigned\"}");
  }

  void add(std::string_view event) {
    const ChainPoint before = chain_.at();
    const ChainPoint& after = chain_.append(event);
    std::string line;
    append_event_line(line, {after.seq, before.hash, after.hash, event});
    lines_.push_back(line);
  }

  void checkpoint() {
    std::string line;
    append_checkpoint_line(line, key_.sign(chain_.at(), Time{1'775'757'600'000'000'000}));
    lines_.push_back(line);
  }

  static std::string join(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines)
      text += line;
    return text;
  }

  Verdict check(std::string_view text, uint64_t require_seq = 0) const {
    ExportVerifier verifier({key_.public_key()}, require_seq);
    verifier.feed(text);
    return verifier.finish();
  }

  SigningKey key_ = SigningKey::generate();
  Chain chain_;
  std::vector<std::string> lines_;  // 0-1 events, 2 checkpoint, 3-4 events, 5 checkpoint, 6 event
};

TEST_F(Record, AsWrittenIsGood) {
  const Verdict verdict = check(join(lines_));
  EXPECT_TRUE(verdict.ok) << verdict.problem;
  EXPECT_EQ(verdict.first_seq, 1u);
  EXPECT_EQ(verdict.last_seq, 5u);
  EXPECT_EQ(verdict.signed_seq, 4u);
  EXPECT_EQ(verdict.checkpoints, 2u);
}

TEST_F(Record, AnyCutOfTheStreamReadsTheSame) {
  const std::string text = join(lines_);
  for (const size_t step : {1UL, 2UL, 7UL, 64UL, 1000UL}) {
    ExportVerifier verifier({key_.public_key()});
    for (size_t at = 0; at < text.size(); at += step) {
      ASSERT_TRUE(verifier.feed(std::string_view(text).substr(at, step)));
    }
    EXPECT_TRUE(verifier.finish().ok);
  }
}

TEST_F(Record, EveryChangedByteIsNoticed) {
  const std::string good = join(lines_);
  size_t line = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    for (const char mask : {'\x01', '\x20', '\x80', '\x7f'}) {
      std::string text = good;
      text[at] = static_cast<char>(text[at] ^ mask);
      const Verdict verdict = check(text);
      EXPECT_FALSE(verdict.ok) << "byte " << at << " of line " << line;
      EXPECT_GE(verdict.bad_seq, 1u);
      EXPECT_LE(verdict.bad_line, line + 2);
    }
    if (good[at] == '\n') ++line;
  }
}

TEST_F(Record, EveryRemovedSignedLineIsNoticed) {
  const std::vector<uint64_t> bad = {1, 2, 0, 3, 4};  // of line i; 2 is the older checkpoint
  for (size_t i = 1; i < 5; ++i) {
    std::vector<std::string> lines = lines_;
    lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(i));
    const Verdict verdict = check(join(lines));
    // The older checkpoint is implied by the newer one: without it nothing is less proven.
    EXPECT_EQ(verdict.ok, i == 2) << i;
    EXPECT_EQ(verdict.bad_seq, bad[i]) << i;
  }
}

TEST_F(Record, WithoutItsFirstEventsItSaysWhereItStarts) {
  std::vector<std::string> lines(lines_.begin() + 1, lines_.end());
  const Verdict verdict = check(join(lines));
  EXPECT_TRUE(verdict.ok) << verdict.problem;
  EXPECT_EQ(verdict.first_seq, 2u);
}

TEST_F(Record, ForgedBeginningIsNoticed) {
  std::string forged;
  append_event_line(forged, {1, Hash256{}, link_hash(Hash256{}, 1, "{}"), "{}"});
  const Verdict verdict = check(forged);
  EXPECT_FALSE(verdict.ok);
  EXPECT_EQ(verdict.bad_seq, 1u);
}

TEST_F(Record, SwappedAndRepeatedLinesAreNoticed) {
  for (size_t i = 0; i + 1 < lines_.size(); ++i) {
    std::vector<std::string> swapped = lines_;
    std::swap(swapped[i], swapped[i + 1]);
    EXPECT_FALSE(check(join(swapped)).ok) << "swapped " << i;
  }
  for (size_t i = 0; i < lines_.size(); ++i) {
    std::vector<std::string> repeated = lines_;
    repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i), repeated[i]);
    EXPECT_FALSE(check(join(repeated)).ok) << "repeated " << i;
  }
}

TEST_F(Record, RewrittenHistoryFailsAtTheCheckpoint) {
  const std::string signed_line = lines_[5];
  chain_ = Chain();
  lines_.clear();
  for (const char* event : {"{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{}"})
    add(event);
  lines_.push_back(signed_line);
  const Verdict verdict = check(join(lines_));
  EXPECT_FALSE(verdict.ok);
  EXPECT_EQ(verdict.bad_seq, 1u);
  EXPECT_EQ(verdict.problem, "events 1 to 4 are not the ones that were signed");
}

TEST_F(Record, NamesTheFirstChangedEvent) {
  std::string text = join(lines_);
  text.replace(text.find("{\"n\":3}"), 7, "{\"n\":4}");
  const Verdict verdict = check(text);
  EXPECT_EQ(verdict.bad_seq, 3u);
  EXPECT_EQ(verdict.bad_line, 4u);
  EXPECT_EQ(verdict.problem, "event 3 was changed");
}

TEST_F(Record, CutEndsAreNoticed) {
  const std::string text = join(lines_);
  EXPECT_EQ(check(text.substr(0, text.size() - 1)).problem, "the last line is cut off");
  // After a checkpoint only somebody who knows how long the record was can tell.
  std::vector<std::string> lines(lines_.begin(), lines_.begin() + 3);
  EXPECT_TRUE(check(join(lines)).ok);
  const Verdict verdict = check(join(lines), 4);
  EXPECT_FALSE(verdict.ok);
  EXPECT_EQ(verdict.bad_seq, 3u);
}

TEST_F(Record, WithoutAnyCheckpointNothingIsProven) {
  EXPECT_FALSE(check("").ok);
  EXPECT_FALSE(check(lines_[0]).ok);
}

TEST_F(Record, OnlyTrustedKeysCount) {
  const SigningKey other = SigningKey::generate();
  ExportVerifier verifier({other.public_key()});
  verifier.feed(join(lines_));
  const Verdict verdict = verifier.finish();
  EXPECT_FALSE(verdict.ok);
  EXPECT_EQ(verdict.bad_seq, 1u);
  ExportVerifier both({other.public_key(), key_.public_key()});
  both.feed(join(lines_));
  EXPECT_TRUE(both.finish().ok);
}

TEST_F(Record, EndlessLinesAreRefusedNotStored) {
  ExportVerifier verifier({key_.public_key()});
  const std::string chunk(4096, 'x');
  bool going = true;
  for (int i = 0; i < 100 && going; ++i)
    going = verifier.feed(chunk);
  EXPECT_FALSE(going);
  EXPECT_FALSE(verifier.finish().ok);
}

TEST(ExportLines, OnlyOneSpelling) {
  const std::string zero(64, '0');
  const std::string good =
      R"({"seq":1,"prev":")" + zero + R"(","hash":")" + zero + R"(","event":{}})";
  ASSERT_TRUE(parse_event_line(good));
  EXPECT_EQ(parse_event_line(good)->event, "{}");
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {R"("seq":1)", R"("seq":01)"},
           {R"("seq":1)", R"("seq": 1)"},
           {R"("seq":1)", R"("seq":-1)"},
           {R"("seq":1)", R"("seq":18446744073709551616)"},
           {R"("hash":"0)", R"("hash":"A)"},
           {R"("hash":"00)", R"("hash":"0)"},
           {R"("event":{}})", R"("event":{)"},
       }) {
    std::string bad = good;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_FALSE(parse_event_line(bad)) << bad;
  }
  EXPECT_FALSE(parse_event_line(""));
  EXPECT_FALSE(parse_checkpoint_line(good));
}

// The chain's values are part of the format: other programs recompute them.
TEST(Chain, GoldenValues) {
  EXPECT_EQ(hex(genesis_hash()),
            "2c739d130d50b1ec44c0cf26498fbcc65b48cee46da6217f0e26587c4eb4ac3e");
  Chain chain;
  chain.append("{}");
  EXPECT_EQ(hex(chain.at().hash),
            "37c2f75e70ade9e39bc7fbc0acaef4c9d5f229c21539405fac506596f5467a0e");
  EXPECT_EQ(chain.at().seq, 1u);
}

// The signature was made with `openssl pkeyutl -sign -rawin` over the bytes of checkpoint.h.
TEST(Keys, GoldenSignature) {
  const auto key = SigningKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(key);
  // RFC 8032, 7.1, test 1: this seed has this public key.
  EXPECT_EQ(hex(key->public_key().bytes()),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  const Checkpoint checkpoint = key->sign({}, Time{1});
  EXPECT_TRUE(key->public_key().verify(checkpoint));
  EXPECT_EQ(hex(checkpoint.signature),
            "174e7587d31cf613d3f4f19cdbd7e110f6953ba85411546e388c33767b125686"
            "b5be1d30478bfe33c3100749479c89216ae0b8ba02eaf3f6e5f54da7eeeab609");
}

TEST(Keys, TextFormsRoundTrip) {
  const SigningKey key = SigningKey::generate();
  const auto again = SigningKey::from_pem(key.to_pem());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key(), key.public_key());
  const auto public_key = PublicKey::from_pem(key.public_key().to_pem());
  ASSERT_TRUE(public_key);
  EXPECT_EQ(*public_key, key.public_key());
  EXPECT_TRUE(public_key->verify(again->sign({}, Time{5})));
  EXPECT_EQ(key.public_key().to_pem().find("PRIVATE"), std::string::npos);
}

TEST(Keys, SignatureCoversEveryField) {
  const SigningKey key = SigningKey::generate();
  const Checkpoint good = key.sign({7, genesis_hash()}, Time{9});
  Checkpoint bad = good;
  bad.point.seq = 8;
  EXPECT_FALSE(key.public_key().verify(bad));
  bad = good;
  bad.point.hash[31] ^= 1;
  EXPECT_FALSE(key.public_key().verify(bad));
  bad = good;
  bad.time = Time{10};
  EXPECT_FALSE(key.public_key().verify(bad));
  bad = good;
  bad.key[0] ^= 1;
  EXPECT_FALSE(key.public_key().verify(bad));
  bad = good;
  bad.signature[0] ^= 1;
  EXPECT_FALSE(key.public_key().verify(bad));
}

TEST(Keys, OtherTextIsRefused) {
  const SigningKey key = SigningKey::generate();
  EXPECT_FALSE(SigningKey::from_pem(""));
  EXPECT_FALSE(
      SigningKey::from_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(SigningKey::from_pem(key.public_key().to_pem()));
  EXPECT_FALSE(PublicKey::from_pem(key.to_pem()));
  EXPECT_FALSE(PublicKey::from_pem(std::string(1 << 20, '-')));
  // An X25519 key is 32 bytes as well, and no signing key.
  EXPECT_FALSE(
      PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\n"
                          "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"
                          "-----END PUBLIC KEY-----\n"));
}

}  // namespace
}  // namespace satgate::audit
