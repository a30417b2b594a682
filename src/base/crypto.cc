#include "base/crypto.h"

// The low-level SHA256_* calls are deprecated in OpenSSL 3 in favour of EVP, whose fetch and
// context cost more than the hash of a caveat; they remain the supported way to hold a raw state.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/random.h>

#include <cstring>
#include <new>

#include "base/assert.h"

namespace satgate {
namespace {

static_assert(sizeof(SHA256_CTX) <= 128);

constexpr std::array<uint32_t, 256> make_crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit)
      value = (value & 1) != 0 ? 0x82f63b78U ^ (value >> 1) : value >> 1;
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = make_crc_table();

#if defined(__x86_64__)
// The same polynomial in one instruction for eight bytes: twenty times the table's speed, and every
// call writes a kilobyte of journal under one lock.
[[gnu::target("sse4.2")]] uint32_t crc32c_hardware(std::string_view bytes, uint32_t crc) {
  uint64_t wide = crc;
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (const char c : bytes)
    crc = __builtin_ia32_crc32qi(crc, static_cast<uint8_t>(c));
  return crc;
}
#endif

}  // namespace

Hash256 sha256(std::string_view bytes) {
  // Not the one-shot SHA256(): in OpenSSL 3 it fetches the algorithm anew for every call.
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, bytes.data(), bytes.size());
  Hash256 out;
  SHA256_Final(out.data(), &state);
  return out;
}

Sha256::Sha256() {
  SHA256_Init(new (state_.data()) SHA256_CTX);
}

Sha256& Sha256::update(std::string_view bytes) {
  SHA256_Update(reinterpret_cast<SHA256_CTX*>(state_.data()), bytes.data(), bytes.size());
  return *this;
}

Hash256 Sha256::finish() {
  Hash256 out;
  SHA256_Final(out.data(), reinterpret_cast<SHA256_CTX*>(state_.data()));
  return out;
}

Hash256 hmac_sha256(std::string_view key, std::string_view message) {
  std::array<unsigned char, 64> pad{};
  if (key.size() > pad.size()) {
    const Hash256 hashed = sha256(key);
    std::memcpy(pad.data(), hashed.data(), hashed.size());
  } else {
    std::memcpy(pad.data(), key.data(), key.size());
  }
  for (auto& byte : pad)
    byte ^= 0x36;
  Hash256 out;
  SHA256_CTX state;
  SHA256_Init(&state);
  SHA256_Update(&state, pad.data(), pad.size());
  SHA256_Update(&state, message.data(), message.size());
  SHA256_Final(out.data(), &state);
  for (auto& byte : pad)
    byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&state);
  SHA256_Update(&state, pad.data(), pad.size());
  SHA256_Update(&state, out.data(), out.size());
  SHA256_Final(out.data(), &state);
  OPENSSL_cleanse(pad.data(), pad.size());
  return out;
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_random(void* out, size_t size) {
  auto* cursor = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = getrandom(cursor, size, 0);
    RELEASE_ASSERT(got > 0);
    cursor += got;
    size -= static_cast<size_t>(got);
  }
}

uint64_t random_u64() {
  uint64_t value = 0;
  fill_random(&value, sizeof value);
  return value;
}

uint32_t crc32c(std::string_view bytes, uint32_t seed) {
  uint32_t crc = ~seed;
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2") != 0;
  if (has_instruction) return ~crc32c_hardware(bytes, crc);
#endif
  for (const char c : bytes)
    crc = kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

}  // namespace satgate
