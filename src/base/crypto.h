// The few primitives the laws need, over OpenSSL's libcrypto, with no allocation per call.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace satgate {

using Hash256 = std::array<uint8_t, 32>;

inline std::string_view as_bytes_view(const Hash256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Hash256 sha256(std::string_view bytes);

// SHA-256 over parts, without joining them first.
class Sha256 {
 public:
  Sha256();
  Sha256& update(std::string_view bytes);
  Hash256 finish();

 private:
  alignas(8) std::array<unsigned char, 128> state_;  // SHA256_CTX, kept out of this header
};

// RFC 2104 with SHA-256. Built on raw SHA-256 states: OpenSSL's one-shot HMAC() costs six times as
// much (docs/decisions/0003-hmac.md).
Hash256 hmac_sha256(std::string_view key, std::string_view message);

// Compares in time that depends on the lengths alone.
bool equal_constant_time(std::string_view a, std::string_view b);

// From the kernel's generator. Aborts if there is none: without it no token is safe.
void fill_random(void* out, size_t size);
uint64_t random_u64();

// CRC-32C (Castagnoli, RFC 3720 appendix B.4), for accidents on disk, not for attackers.
uint32_t crc32c(std::string_view bytes, uint32_t seed = 0);

}  // namespace satgate
