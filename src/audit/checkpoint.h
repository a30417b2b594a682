// Signed checkpoints: Ed25519 (RFC 8032) over a point of the chain. With the public key alone
// anybody can tell that the events up to there are those that the gateway wrote.
//
// Signed bytes: "satgate-checkpoint-v1" || seq (8 bytes LE) || hash (32) || time in ns (8 bytes
// LE).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "audit/chain.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::audit {

using Signature = std::array<uint8_t, 64>;
using KeyId = std::array<uint8_t, 8>;  // first bytes of SHA-256 over the 32 bytes of a public key

struct Checkpoint {
  ChainPoint point;
  Time time;
  KeyId key{};
  Signature signature{};
  bool operator==(const Checkpoint&) const = default;
};

// Text form: PEM "PUBLIC KEY" (SubjectPublicKeyInfo, RFC 8410), as `openssl pkey` reads it.
class PublicKey {
 public:
  static Result<PublicKey> from_pem(std::string_view pem);
  static PublicKey from_bytes(const std::array<uint8_t, 32>& bytes) { return PublicKey(bytes); }

  std::string to_pem() const;
  const std::array<uint8_t, 32>& bytes() const { return bytes_; }
  KeyId id() const;
  // Whether this key signed exactly these numbers.
  bool verify(const Checkpoint& checkpoint) const;
  bool operator==(const PublicKey&) const = default;

 private:
  explicit PublicKey(const std::array<uint8_t, 32>& bytes) : bytes_(bytes) {}
  std::array<uint8_t, 32> bytes_;
};

// Text form: PEM "PRIVATE KEY" (PKCS #8, unencrypted, RFC 8410). Whoever stores it sets mode 0600.
class SigningKey {
 public:
  static SigningKey generate();  // from the kernel's generator
  static Result<SigningKey> from_pem(std::string_view pem);

  std::string to_pem() const;
  PublicKey public_key() const { return public_key_; }
  Checkpoint sign(const ChainPoint& point, Time now) const;

 private:
  struct Handle;  // OpenSSL's key
  explicit SigningKey(std::shared_ptr<const Handle> handle);
  std::shared_ptr<const Handle> handle_;
  PublicKey public_key_;
};

}  // namespace satgate::audit
