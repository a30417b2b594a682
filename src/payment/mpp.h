// The `Payment` scheme of HTTP authentication, method "lightning", intent "charge": a second way to
// ask for what L402 asks for, and to show that it was paid.
// Sources: draft-httpauth-payment, draft-lightning-charge; vectors of lightninglabs/aperture
// (tests/vectors/payment).
//
//   402: WWW-Authenticate: Payment id="...", realm="...", method="lightning", intent="charge",
//        request="<base64url of JSON>", expires="...", description="...", opaque="..."
//   Authorization: Payment <base64url of {"challenge": {what was sent}, "payload": {"preimage"}}>
//   200: Payment-Receipt: <base64url of JSON>
//
// Nothing is kept for a challenge: its id is an HMAC over all of it that decides.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::payment {

struct ChargeRequest {
  std::string realm;  // without '|', which the id's input does not escape
  int64_t amount_sats = 0;
  std::string bolt11;
  Hash256 payment_hash{};
  std::string network;      // "mainnet", "regtest", ...
  std::string description;  // may be empty
  Time expires;             // of the invoice
  std::string token;        // comes back with the credential
};

// The value of WWW-Authenticate. Errors: a text that is not UTF-8.
Result<std::string> write_payment_challenge(const ChargeRequest& request, std::string_view secret);

struct PaymentCredential {
  std::string challenge_id;
  std::string token;  // of the request, proven by the id
  Hash256 payment_hash{};
  Hash256 preimage{};
};

// `credential` is what follows the scheme in Authorization. Errors: it is not base64url of JSON,
// too large, without a member that is needed, or with one twice; another method or intent; an id
// that holds under none of `secrets`; a preimage that is not 64 hex digits. Whether the preimage is
// that of the hash, and whether it is too late, is for the caller to say.
Result<PaymentCredential> read_payment_credential(std::string_view credential,
                                                  std::span<const std::string> secrets);

// The value of Payment-Receipt.
std::string write_payment_receipt(const Hash256& payment_hash, std::string_view challenge_id,
                                  Time now);

// Whether a value of Accept-Payment ("lightning/charge, tempo/*;q=0.5") takes this, with a weight
// above zero.
bool accepts_lightning_charge(std::string_view accept_payment);

}  // namespace satgate::payment
