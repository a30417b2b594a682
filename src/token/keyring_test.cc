#include "token/keyring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "token/mint.h"
#include "token/verifier.h"

namespace satgate::token {
namespace {

using testing::HasSubstr;

Hash256 secret(uint8_t fill) {
  Hash256 out{};
  out.fill(fill);
  return out;
}

std::string token_of(const Keyring& ring) {
  return mint(ring, TokenId{{1}}, {}).value();
}

bool verifies(const Keyring& ring, std::string_view token) {
  return Verifier(std::make_shared<const Keyring>(ring)).verify(token).has_value();
}

TEST(Keyring, RotationKeepsOldTokensUntilTheirKeyRetires) {
  Keyring ring(secret(1), Time::seconds(1));
  const std::string old_key = ring.active().id, old_token = token_of(ring);
  ASSERT_TRUE(ring.rotate(secret(2), Time::seconds(2)));
  const std::string new_token = token_of(ring);
  EXPECT_NE(ring.active().id, old_key);
  EXPECT_TRUE(verifies(ring, old_token));
  EXPECT_TRUE(verifies(ring, new_token));
  ASSERT_TRUE(ring.retire(old_key));
  EXPECT_FALSE(verifies(ring, old_token));
  EXPECT_TRUE(verifies(ring, new_token));
}

TEST(Keyring, TheActiveKeyCannotRetireAndAKeyIsThereOnce) {
  Keyring ring(secret(1), Time{});
  EXPECT_FALSE(ring.retire(ring.active().id));
  EXPECT_FALSE(ring.retire("unknown"));
  EXPECT_FALSE(ring.rotate(secret(1), Time{}));
  for (size_t i = 1; i < Keyring::keys_max; ++i) {
    EXPECT_TRUE(ring.rotate(secret(static_cast<uint8_t>(i + 1)), Time{}));
  }
  EXPECT_FALSE(ring.rotate(secret(99), Time{}));
}

TEST(Keyring, ARetiredKeyLeavesNothingInTheVerifiersCache) {
  Keyring ring(secret(1), Time{});
  const std::string old_key = ring.active().id, token = token_of(ring);
  ASSERT_TRUE(ring.rotate(secret(2), Time{}));
  Verifier verifier(std::make_shared<const Keyring>(ring));
  ASSERT_TRUE(verifier.verify(token));
  ASSERT_TRUE(ring.retire(old_key));
  verifier.set_keyring(std::make_shared<const Keyring>(ring));
  EXPECT_EQ(verifier.verify(token).error(), Refusal::token_invalid);
}

TEST(Keyring, ItsTextReadsBack) {
  Keyring ring(secret(1), Time::seconds(1775001600));
  ASSERT_TRUE(ring.rotate(secret(2), Time::seconds(1775001700)));
  const std::string text = ring.print();
  const auto again = Keyring::parse(text);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->print(), text);
  EXPECT_EQ(again->active().id, ring.active().id);
  EXPECT_EQ(again->active().created, Time::seconds(1775001700));
  EXPECT_TRUE(verifies(*again, token_of(ring)));
}

TEST(Keyring, ADamagedFileIsRefusedWithItsLineAndWithoutTheKey) {
  const Keyring ring(secret(1), Time{});
  const std::string hex(64, '1'), header = "satgate-keys 1\n";
  const std::string good = ring.print().substr(ring.print().find("active"));
  std::string flipped = good;
  flipped[flipped.size() - 2] = flipped[flipped.size() - 2] == '0' ? '1' : '0';
  for (const std::string& text :
       {std::string(), header, good, "satgate-keys 2\n" + good, header + good + good,
        header + "verify" + good.substr(6), header + flipped, header + "retired" + good.substr(6),
        header + "active 000000000000 2026-01-01T00:00:00Z " + hex + "\n",
        header + "active " + hex + "\n", header + good.substr(0, good.size() - 3) + "\n"}) {
    const auto parsed = Keyring::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr("key file"));
    EXPECT_THAT(parsed.error().message, testing::Not(HasSubstr("0101010101")));
  }
}

TEST(Mint, RefusesCaveatsThatWouldNotVerify) {
  const Keyring ring(secret(1), Time{});
  for (const char* caveat : {"scope = x", "expires = 5m", "tools = a\nbudget_max = 5", ""}) {
    EXPECT_FALSE(mint(ring, TokenId{{1}}, std::vector<std::string>{caveat})) << caveat;
    EXPECT_FALSE(attenuate(token_of(ring), std::vector<std::string>{caveat})) << caveat;
  }
  EXPECT_FALSE(attenuate("sg_nonsense", std::vector<std::string>{"max_depth = 1"}));
}

TEST(Mint, GivesTheSameTextAgainWithTheKeyItWasMintedWith) {
  Keyring ring(secret(1), Time{});
  const std::vector<std::string> caveats = {"upstream = openai", "expires = 2026-04-01T00:00:00Z"};
  const std::string minted = mint(ring, TokenId{{1}}, caveats).value();
  const std::string key = ring.active().id;
  ASSERT_TRUE(ring.rotate(secret(2), Time::seconds(2)));
  EXPECT_NE(mint(ring, TokenId{{1}}, caveats).value(), minted);
  EXPECT_EQ(mint(*ring.find(key), TokenId{{1}}, caveats).value(), minted);
}

TEST(Mint, IdentitiesHaveOneSpelling) {
  const std::string hex = "00112233445566778899aabbccddeeff";
  EXPECT_EQ(parse_identity("sg1.key." + hex)->key_id, "key");
  for (const std::string& text :
       {"sg1.key." + hex.substr(1), "sg1.key.0" + hex, "sg1.." + hex, "sg2.key." + hex,
        "sg1.key.00112233445566778899AABBCCDDEEFF" + std::string(), "sg1.a.b." + hex, hex,
        std::string(66, '\0'), "sg1." + std::string(33, 'k') + "." + hex}) {
    EXPECT_FALSE(parse_identity(text)) << text;
  }
}

TEST(Inspect, SaysWhatStandsInATokenWithoutAKey) {
  const Keyring ring(secret(1), Time{});
  const std::vector<std::string> caveats = {"budget_max = 50", "holder = a"};
  const std::string token = mint(ring, TokenId{{1}}, caveats).value();
  const auto seen = inspect(token);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->key_id, ring.active().id);
  EXPECT_EQ(seen->token, TokenId{{1}});
  EXPECT_EQ(seen->location, "satgate");
  ASSERT_EQ(seen->caveats.size(), 2U);
  EXPECT_EQ(seen->caveats[0].words, "spends at most 50 credits in total");
  EXPECT_EQ(seen->caveats[1].problem, "");
  // The point is the one the gateway knows the token by, so it can be revoked by it.
  Verifier verifier(std::make_shared<const Keyring>(ring));
  EXPECT_EQ(verifier.verify(token)->chain().points.back(), seen->point);
}

}  // namespace
}  // namespace satgate::token
