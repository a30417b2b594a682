#include "audit/chain.h"

#include <array>

namespace satgate::audit {

Hash256 genesis_hash() {
  return sha256("satgate-audit-chain-v1");
}

Hash256 link_hash(const Hash256& previous, uint64_t seq, std::string_view event_json) {
  std::array<char, 8> number;
  for (size_t i = 0; i < number.size(); ++i)
    number[i] = static_cast<char>(seq >> (8 * i) & 0xff);
  Sha256 hash;
  hash.update(as_bytes_view(previous)).update({number.data(), number.size()}).update(event_json);
  return hash.finish();
}

}  // namespace satgate::audit
