// Macaroons made by two independent libraries, and ours for them (tests/vectors/macaroons).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "token/macaroon.h"
#include "token/mint.h"
#include "token/verifier.h"

namespace satgate::token {
namespace {

const std::string kFolder = std::string(SATGATE_SOURCE_DIR) + "/tests/vectors/macaroons/";

struct Vector {
  std::string key, identifier, signature, macaroon, text;
  std::optional<std::string> location;
  std::vector<std::string> caveats;
  uint64_t third_party = 0;
};

std::string unhex(std::string_view text) {
  return from_hex(text).value();
}

std::vector<Vector> read_vectors(const std::string& name) {
  std::ifstream file(kFolder + name);
  std::vector<Vector> out;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const size_t space = line.find(' ');
    if (space == line.npos) {
      inside = false;
      continue;
    }
    if (!inside) out.emplace_back();
    inside = true;
    const std::string key = line.substr(0, space), value = line.substr(space + 1);
    Vector& vector = out.back();
    if (key == "key") vector.key = unhex(value);
    if (key == "identifier") vector.identifier = unhex(value);
    if (key == "signature") vector.signature = unhex(value);
    if (key == "macaroon") vector.macaroon = unhex(value);
    if (key == "caveat") vector.caveats.push_back(unhex(value));
    if (key == "location") vector.location = value;
    if (key == "text") vector.text = value;
    if (key == "third-party") vector.third_party = parse_uint(value).value();
  }
  return out;
}

Hash256 hash_of(std::string_view bytes) {
  Hash256 out{};
  bytes.copy(reinterpret_cast<char*>(out.data()), out.size());
  return out;
}

class Vectors : public testing::TestWithParam<const char*> {};

TEST_P(Vectors, ReadAndWriteTheSameBytes) {
  size_t with_bytes = 0;
  for (const Vector& vector : read_vectors(GetParam())) {
    if (vector.macaroon.empty()) continue;
    ++with_bytes;
    const auto macaroon = read_macaroon(vector.macaroon);
    ASSERT_TRUE(macaroon) << macaroon.error().message;
    EXPECT_EQ(macaroon->identifier, vector.identifier);
    EXPECT_EQ(macaroon->location.value_or(""), vector.location.value_or(""));
    EXPECT_EQ(as_bytes_view(macaroon->signature), vector.signature);
    ASSERT_EQ(macaroon->caveats.size(), vector.caveats.size());
    uint64_t third_party = 0;
    for (size_t i = 0; i < vector.caveats.size(); ++i) {
      EXPECT_EQ(macaroon->caveats[i].id, vector.caveats[i]);
      third_party += macaroon->caveats[i].is_third_party() ? 1 : 0;
    }
    EXPECT_EQ(third_party, vector.third_party);
    EXPECT_EQ(write_macaroon(*macaroon), vector.macaroon);
  }
  EXPECT_GE(with_bytes, 20U);
}

TEST_P(Vectors, TheSameKeySignsTheSame) {
  size_t count = 0;
  for (const Vector& vector : read_vectors(GetParam())) {
    if (vector.third_party > 0) continue;
    ++count;
    Macaroon built;
    if (vector.location) built.location = *vector.location;
    built.identifier = vector.identifier;
    built.signature = chain_start(derive_macaroon_key(vector.key), vector.identifier);
    for (const std::string& caveat : vector.caveats) {
      built.signature = chain_next(built.signature, caveat);
      built.caveats.push_back({caveat, std::nullopt, std::nullopt});
    }
    EXPECT_EQ(to_hex(as_bytes_view(built.signature)), to_hex(vector.signature));
    if (!vector.macaroon.empty()) {
      EXPECT_EQ(write_macaroon(built), vector.macaroon);
    }
  }
  EXPECT_GE(count, 20U);
}

TEST_P(Vectors, TokensMadeElsewhereVerifyHere) {
  size_t valid = 0, foreign = 0;
  for (const Vector& vector : read_vectors(GetParam())) {
    if (vector.macaroon.empty() || vector.key.size() != 32) continue;
    const auto ring = std::make_shared<const Keyring>(hash_of(vector.key), Time{});
    Verifier verifier(ring);
    const bool ours = vector.third_party == 0 && parse_identity(vector.identifier);
    for (const std::string& text :
         {macaroon_to_text(vector.macaroon), base64_encode(vector.macaroon),
          base64url_encode(vector.macaroon), to_hex(vector.macaroon)}) {
      std::string why;
      const auto token = verifier.verify(text, &why);
      EXPECT_EQ(token.has_value(), ours) << why;
      if (!token) {
        EXPECT_EQ(token.error(), Refusal::token_invalid);
      }
    }
    ++(ours ? valid : foreign);
  }
  EXPECT_GE(valid, 18U);
  EXPECT_GE(foreign, 1U);
}

INSTANTIATE_TEST_SUITE_P(Libraries, Vectors,
                         testing::Values("npm-macaroon.vtest", "pymacaroons.vtest"),
                         [](const auto& test) { return std::string(test.param).substr(0, 3); });

// Ours, for the other direction: tests/interop/run.sh verifies the same file with both libraries.
std::string our_vectors() {
  Hash256 secret{};
  for (size_t i = 0; i < secret.size(); ++i)
    secret[i] = static_cast<uint8_t>(0xa0 + i);
  const Keyring ring(secret, Time{});
  const std::vector<std::vector<std::string>> tokens = {
      {},
      {"budget_max = 50.00"},
      {"endpoints = /translate/*", "expires = 2026-04-01T00:00:00Z", "rate_limit = 10/min"},
      {"holder = research-agent", "budget_max = 2000", "label.team = Übersetzung"},
      {"tools = " + std::string(120, 'a'), "tools = " + std::string(1000, 'b')},
  };
  std::ostringstream out;
  out << "# Made by SatGate; see README.md.\n";
  TokenId id;
  for (const auto& caveats : tokens) {
    ++id.bytes[15];
    const std::string text = mint(ring, id, caveats).value();
    const std::string bytes = macaroon_from_text(text).value();
    const Macaroon macaroon = read_macaroon(bytes).value();
    out << "key " << to_hex(as_bytes_view(secret)) << "\nidentifier " << to_hex(macaroon.identifier)
        << '\n';
    for (const auto& caveat : caveats)
      out << "caveat " << to_hex(caveat) << '\n';
    out << "signature " << to_hex(as_bytes_view(macaroon.signature)) << "\nmacaroon "
        << to_hex(bytes) << "\ntext " << text << "\n\n";
  }
  return out.str();
}

TEST(OurVectors, OursAreWhatTheOtherLibrariesWereShown) {
  const std::string path = kFolder + "satgate.vtest";
  if (std::getenv("SATGATE_UPDATE_VECTORS") != nullptr) std::ofstream(path) << our_vectors();
  std::ifstream file(path);
  std::stringstream committed;
  committed << file.rdbuf();
  EXPECT_EQ(our_vectors(), committed.str());
}

// The known answers of the L402 world: 66-byte identifier, pymacaroons and Go's macaroon.v2.
TEST(KnownAnswers, L402) {
  const std::string id = std::string(2, '\0') +
                         unhex("630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd") +
                         std::string(32, '\xaa');
  Hash256 signature = chain_start(derive_macaroon_key(std::string(32, '\x11')), id);
  EXPECT_EQ(to_hex(as_bytes_view(signature)),
            "dded7178e150fed6784a5073c35200cfe4fd7785870ac058d7d472485b292d27");
  for (const char* caveat : {"services=api:0", "api_valid_until=1893456000"}) {
    signature = chain_next(signature, caveat);
  }
  EXPECT_EQ(to_hex(as_bytes_view(signature)),
            "8316ffa4a036cd95fd82594a72c30f4a46845b83b20419bc895c4effaeb6c37e");
  signature = chain_next(
      signature, "preimage=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  EXPECT_EQ(to_hex(as_bytes_view(signature)),
            "ae86f87a22a798ad51722935f6280676d09031b4da672ec838dd35effa81f9db");
}

}  // namespace
}  // namespace satgate::token
