// What two nostr keys say to each other in private. NIP-44 version 2 is what is asked for; NIP-04
// is what older wallets know, and hides less.
// https://github.com/nostr-protocol/nips/blob/master/44.md, 04.md
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"

namespace satgate::node {

enum class NostrScheme : uint8_t { nip04, nip44 };

class NostrCipher {
 public:
  // `shared`: NostrKey::shared_with().
  NostrCipher(NostrScheme scheme, const Hash256& shared);

  // Fails on what is empty or has more than 65535 bytes.
  Result<std::string> encrypt(std::string_view text) const;
  Result<std::string> decrypt(std::string_view payload) const;

  NostrScheme scheme() const { return scheme_; }

 private:
  NostrScheme scheme_;
  Hash256 key_;  // NIP-44: of the conversation; NIP-04: as shared
};

// The parts that test vectors name.
Hash256 nip44_conversation_key(const Hash256& shared);
size_t nip44_padded_size(size_t size);
Result<std::string> nip44_encrypt(const Hash256& conversation_key, const Hash256& nonce,
                                  std::string_view text);

}  // namespace satgate::node
