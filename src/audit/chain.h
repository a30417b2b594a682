// The hash chain over events. Each hash covers all events before it, so a checkpoint that signs one
// hash signs them all.
//
//   h_0 = SHA-256("satgate-audit-chain-v1")
//   h_n = SHA-256(h_{n-1} || n as 8 bytes little-endian || the event's JSON bytes)
//
// The first event has number 1.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/crypto.h"

namespace satgate::audit {

Hash256 genesis_hash();

Hash256 link_hash(const Hash256& previous, uint64_t seq, std::string_view event_json);

// Where a chain stands: the number and hash of its last event.
struct ChainPoint {
  uint64_t seq = 0;
  Hash256 hash = genesis_hash();
  bool operator==(const ChainPoint&) const = default;
};

class Chain {
 public:
  Chain() = default;  // before the first event
  explicit Chain(const ChainPoint& at) : at_(at) {}

  // Takes in the next event; afterwards `at()` is its number and hash.
  const ChainPoint& append(std::string_view event_json) {
    at_.hash = link_hash(at_.hash, at_.seq + 1, event_json);
    ++at_.seq;
    return at_;
  }
  const ChainPoint& at() const { return at_; }

 private:
  ChainPoint at_;
};

}  // namespace satgate::audit
