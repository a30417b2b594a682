// Events of nostr and the keys that sign them (NIP-01, BIP 340).
// https://github.com/nostr-protocol/nips/blob/master/01.md
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "node/answer.h"

namespace satgate::node {

struct NostrEvent {
  Hash256 id{};
  Hash256 author{};     // public key, x alone
  int64_t created = 0;  // seconds since 1970
  int64_t kind = 0;
  std::vector<std::vector<std::string>> tags;  // each with a name at least
  std::string content;
  std::array<uint8_t, 64> signature{};
};

// The value of the first tag of this name; null: there is none.
const std::string* tag_value(const NostrEvent& event, std::string_view name);

Hash256 event_id(const NostrEvent& event);  // of all but `id` and `signature`

// Fails unless id and signature are those of the event.
Result<NostrEvent> read_event(const Json& json);
Json write_event(const NostrEvent& event);

class NostrKey {
 public:
  static Result<NostrKey> of(const Hash256& secret);
  const Hash256& public_key() const { return public_key_; }

  // Fills in author, id and signature.
  void sign(NostrEvent& event) const;
  // The x of the point that both keys lead to, which is what NIP-04 and NIP-44 begin with.
  Result<Hash256> shared_with(const Hash256& public_key) const;

 private:
  NostrKey() = default;
  Hash256 secret_{};
  Hash256 public_key_{};
};

}  // namespace satgate::node
