// L402: payment required, as `WWW-Authenticate`, and what buyers send back, as `Authorization`.
// Sources: bLIP-26; github.com/lightninglabs/L402, protocol-specification.md; and what deployed
// clients read, which is less than either (docs/decisions has the trials).
//
//   402: write_challenge(macaroon, invoice)
//   Authorization: L402 <macaroon>[,<macaroon>]:<preimage, 64 hex digits>
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/fixed_vector.h"
#include "base/limits.h"
#include "base/result.h"

namespace satgate::payment {

// `L402 macaroon="M", invoice="I", version="0", token="M"`: macaroon and invoice first, with one
// space behind each comma, because clients look for that with regular expressions; it must also be
// the first WWW-Authenticate line of the answer. REQUIRES: standard base64 with padding, which is
// all that some clients decode, and a BOLT 11 invoice.
std::string write_challenge(std::string_view macaroon_base64, std::string_view bolt11);

struct L402Credential {
  enum class Kind : uint8_t {
    none,
    paid,       // macaroons and a preimage, of Authorization
    macaroon,   // one macaroon, in hex, of a `Macaroon` field: its preimage, if it has one, is its
                // last caveat `preimage=<hex>`
    malformed,  // it says L402 and is none: never taken for another kind of credential
    ambiguous,  // two that differ
  };
  Kind kind = Kind::none;
  // Their texts as they were sent. `paid`: at least one, letters of base64 in either alphabet,
  // padded or not, none of which was decoded yet. `macaroon`: one, not looked at.
  FixedVector<std::string_view, limits::l402_macaroons_max> macaroons;
  Hash256 preimage{};  // `paid`
};

// From the values of all Authorization fields of a request, and of all `Macaroon` and
// `Grpc-Metadata-Macaroon` fields. Authorization of other schemes is passed over. The same content
// twice (LSAT and L402, as aperture's client writes it) is one credential; that of an Authorization
// next to a macaroon field can not be compared, and is ambiguous. Malformed is also a macaroon of
// more than limits::token_bytes_max, and more than limits::l402_macaroons_max of them. Views point
// into the values; nothing is allocated.
L402Credential read_l402(std::span<const std::string_view> authorization,
                         std::span<const std::string_view> macaroon_fields);

// For buyers: what a seller asks for.
struct L402Challenge {
  std::string scheme;    // "L402" or "LSAT": to be answered in the same
  std::string macaroon;  // letters of base64, to be sent back as they are
  std::string invoice;   // letters and digits; read_bolt11() tells what it says
};

// From the values of all WWW-Authenticate fields of an answer, in any of the forms in use:
// `macaroon` or `token`, in any order, quotes of either kind or none, commas or spaces, before or
// behind other schemes. The first L402 that is whole is taken, or else the first LSAT. Errors:
// there is none; macaroon and token differ; a version that is not 0; larger than
// limits::token_bytes_max and limits::invoice_bytes_max allow.
Result<L402Challenge> read_challenge(std::span<const std::string_view> www_authenticate);

}  // namespace satgate::payment
