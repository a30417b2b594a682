#include "base/siphash.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstring>
#include <string>

namespace satgate {
namespace {

constexpr SipKey kKey = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

// OpenSSL's own SipHash with the same key.
uint64_t reference(std::string_view text) {
  std::array<uint8_t, 16> key{};
  for (uint8_t i = 0; i < 16; ++i)
    key[i] = i;
  size_t size = 8;
  const std::array params = {OSSL_PARAM_construct_size_t("size", &size),
                             OSSL_PARAM_construct_end()};
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
  uint64_t out = 0;
  EXPECT_EQ(EVP_MAC_init(context, key.data(), key.size(), params.data()), 1);
  EXPECT_EQ(EVP_MAC_update(context, reinterpret_cast<const uint8_t*>(text.data()), text.size()), 1);
  EXPECT_EQ(EVP_MAC_final(context, reinterpret_cast<uint8_t*>(&out), &size, size), 1);
  EVP_MAC_CTX_free(context);
  EVP_MAC_free(mac);
  return out;
}

TEST(SipHash, ThePaperSaysSo) {
  std::string text;
  for (char c = 0; c < 15; ++c)
    text += c;
  EXPECT_EQ(SipHash(kKey).update(text).finish(), 0xa129ca6149be45e5U);
}

TEST(SipHash, AgreesWithOpenSslHoweverTheTextIsCut) {
  std::string text;
  for (int i = 0; i < 100; ++i) {
    const uint64_t expected = reference(text);
    EXPECT_EQ(SipHash(kKey).update(text).finish(), expected) << i;
    for (size_t cut = 0; cut <= text.size(); cut += 3) {
      const std::string_view whole = text;
      SipHash hash(kKey);
      hash.update(whole.substr(0, cut)).update(whole.substr(cut));
      EXPECT_EQ(hash.finish(), expected) << i << " " << cut;
    }
    text += static_cast<char>(i * 37);
  }
}

TEST(SipHash, PartsKeepTheirBorders) {
  EXPECT_NE(SipHash(kKey).part("ab").part("c").finish(),
            SipHash(kKey).part("a").part("bc").finish());
  EXPECT_NE(SipHash(kKey).part("").finish(), SipHash(kKey).finish());
}

}  // namespace
}  // namespace satgate
