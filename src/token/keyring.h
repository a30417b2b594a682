// Root keys. One is active and mints; the others only verify. `rotate` adds a new active key and
// leaves the old ones verifying; `retire` removes a key, and with it every token it minted.
//
// Text of a key file (mode 0600; reading and writing files is done elsewhere):
//
//   # comment
//   satgate-keys 1
//   active 3f9a01c2d4e6 2026-04-09T18:00:00Z <64 hex digits>
//   verify 88b1c5a07e21 2025-12-01T09:30:00Z <64 hex digits>
//
// A key's id is public (it stands in every token) and derived from the key, so a damaged line is
// noticed: the first 12 hex digits of account_id("satgate-key-id", key).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::token {

struct Key {
  std::string id;
  Time created;
  Hash256 secret{};   // 32 random bytes
  Hash256 derived{};  // derive_macaroon_key(secret), kept ready

  Key(const Hash256& root, Time at);
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();  // wipes both
};

class Keyring {
 public:
  static constexpr size_t keys_max = 16;

  // A ring with one active key. `secret` is 32 random bytes (fill_random).
  Keyring(const Hash256& secret, Time now);

  // Errors name the line: unknown word, bad id, no or two active keys, too many keys.
  static Result<Keyring> parse(std::string_view text);
  std::string print() const;  // secret; for the key file only

  const Key& active() const { return keys_.front(); }
  const Key* find(std::string_view id) const;          // nullptr: unknown or retired
  std::span<const Key> keys() const { return keys_; }  // the active one first, then newest first

  // Errors: the ring is full, or has this key already.
  Result<void> rotate(const Hash256& secret, Time now);
  // Errors: unknown id, or the active key (rotate first).
  Result<void> retire(std::string_view id);

 private:
  Keyring() = default;
  std::vector<Key> keys_;
};

}  // namespace satgate::token
