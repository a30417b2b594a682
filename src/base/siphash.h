// SipHash-2-4 (Aumasson and Bernstein, 2012): 64 bits of a keyed hash. Fast, and who does not know
// the key can not make two texts collide. For tables in memory; nothing that is stored depends on
// it.
//
//   SipHash hash(SipKey::random());
//   hash.part("GET").part("/api/search");
//   const uint64_t value = hash.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace satgate {

struct SipKey {
  uint64_t first = 0, second = 0;
  static SipKey random();
};

class SipHash {
 public:
  explicit SipHash(SipKey key);

  SipHash& update(std::string_view bytes);
  // With its length in front, so that ("ab", "c") differs from ("a", "bc").
  SipHash& part(std::string_view bytes) { return number(bytes.size()).update(bytes); }
  SipHash& number(uint64_t value);
  uint64_t finish();  // once

 private:
  void compress(uint64_t word);

  uint64_t v0_, v1_, v2_, v3_;
  uint64_t pending_ = 0;  // the last bytes, fewer than eight, little-endian
  uint64_t size_ = 0;
};

}  // namespace satgate
