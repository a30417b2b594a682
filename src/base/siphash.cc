#include "base/siphash.h"

#include <bit>
#include <cstring>

#include "base/crypto.h"

namespace satgate {
namespace {

void round_of(uint64_t& v0, uint64_t& v1, uint64_t& v2, uint64_t& v3) {
  v0 += v1;
  v2 += v3;
  v1 = std::rotl(v1, 13) ^ v0;
  v3 = std::rotl(v3, 16) ^ v2;
  v0 = std::rotl(v0, 32);
  v2 += v1;
  v0 += v3;
  v1 = std::rotl(v1, 17) ^ v2;
  v3 = std::rotl(v3, 21) ^ v0;
  v2 = std::rotl(v2, 32);
}

// Of at least eight bytes, the first eight.
uint64_t word_of(std::string_view bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

}  // namespace

SipKey SipKey::random() {
  return {random_u64(), random_u64()};
}

SipHash::SipHash(SipKey key)
    : v0_(key.first ^ 0x736f6d6570736575),
      v1_(key.second ^ 0x646f72616e646f6d),
      v2_(key.first ^ 0x6c7967656e657261),
      v3_(key.second ^ 0x7465646279746573) {}

void SipHash::compress(uint64_t word) {
  v3_ ^= word;
  round_of(v0_, v1_, v2_, v3_);
  round_of(v0_, v1_, v2_, v3_);
  v0_ ^= word;
}

SipHash& SipHash::update(std::string_view bytes) {
  const auto take = [&] {
    pending_ |= static_cast<uint64_t>(static_cast<uint8_t>(bytes.front())) << (8 * (size_ % 8));
    bytes.remove_prefix(1);
    if (++size_ % 8 != 0) return;
    compress(pending_);
    pending_ = 0;
  };
  while (!bytes.empty() && size_ % 8 != 0)
    take();
  for (; bytes.size() >= 8; bytes.remove_prefix(8), size_ += 8)
    compress(word_of(bytes));
  while (!bytes.empty())
    take();
  return *this;
}

SipHash& SipHash::number(uint64_t value) {
  return update({reinterpret_cast<const char*>(&value), sizeof value});
}

uint64_t SipHash::finish() {
  compress(pending_ | size_ << 56);
  v2_ ^= 0xff;
  for (int i = 0; i < 4; ++i)
    round_of(v0_, v1_, v2_, v3_);
  return v0_ ^ v1_ ^ v2_ ^ v3_;
}

}  // namespace satgate
