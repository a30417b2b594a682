// Macaroon V2, the binary codec and the HMAC chain. Byte for byte what libmacaroons, npm `macaroon`
// 3.0.4 and pymacaroons 0.13 write and verify (tests/vectors/macaroons).
//
//   0x02 [01 len location] 02 len identifier 00
//        { [01 len location] 02 len caveat-id [04 len verification-id] 00 }*
//   00 06 0x20 signature
//
// Lengths are unsigned LEB128. The reader accepts that order only, the shortest form of each
// length, sizes within base/limits.h, and nothing after the signature. V1 and JSON macaroons are
// refused. Source: github.com/rescrv/libmacaroons, doc/format.txt.
//
// Names: an "identifier" says which root key signs; a caveat with a verification id is "third
// party". SatGate reads those, so that it can say why it refuses them, and never makes one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"

namespace satgate::token {

// All views point into the bytes that were read.
struct MacaroonCaveat {
  std::string_view id;  // first party: the caveat's text
  std::optional<std::string_view> location;
  std::optional<std::string_view> verification_id;
  bool is_third_party() const { return verification_id.has_value(); }
};

struct Macaroon {
  // A hint for people. It is not signed: anyone can change it, nothing may depend on it.
  std::optional<std::string_view> location;
  std::string_view identifier;
  std::vector<MacaroonCaveat> caveats;
  Hash256 signature{};
};

Result<Macaroon> read_macaroon(std::string_view bytes);

// The bytes of a macaroon. What `read_macaroon` returned is written back unchanged.
// Errors: a part larger than base/limits.h allows.
Result<std::string> write_macaroon(const Macaroon& macaroon);

// Text form: `sg_` and unpadded base64url.
std::string macaroon_to_text(std::string_view bytes);

// Bytes from any text in use: with or without `sg_`, either base64 alphabet, padded or not; or hex,
// as in the `Macaroon` header. The first byte is always 0x02, so base64 begins with "Ag", hex with
// "02" and the forms cannot be confused. Errors: bad text, or more than limits::token_bytes_max.
Result<std::string> macaroon_from_text(std::string_view text);

// The key that signs identifiers: HMAC-SHA256("macaroons-key-generator", root key), as every
// macaroon library derives it.
Hash256 derive_macaroon_key(std::string_view root_key);

// One step of the chain. `chain_start` signs the identifier with the derived key; `chain_next`
// signs a first-party caveat with the signature so far. The signature is the credential: do not
// store it.
Hash256 chain_start(const Hash256& derived_key, std::string_view identifier);
Hash256 chain_next(const Hash256& signature, std::string_view caveat);

}  // namespace satgate::token
