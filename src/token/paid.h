// Paid tokens (L402): macaroons whose identifier carries the hash of a payment. Who shows such a
// token with the preimage of that hash has paid for what it sells. All that was sold stands in the
// identifier and in the caveats after it, signed, so a challenge that nobody pays leaves nothing
// behind here.
//
// Identifier, 66 bytes (L402, "macaroon-spec.md"; lnget and aperture read it):
//
//   00 00 | payment hash, 32 | token id, 32
//
// Token id, which is the seller's to fill; integers are big-endian:
//
//   key id, 6 | seller's caveats, 1 | calls, 4 | msat of the invoice, 8 | credit in nano, 8 |
//   random, 5
//
// The token's own id follows from the payment hash. So whatever else is signed for one invoice has
// one record and one account, and is paid for once.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/money.h"
#include "base/result.h"
#include "contract/verified_token.h"
#include "token/keyring.h"

namespace satgate::token {

TokenId paid_token_id(const Hash256& payment_hash);

struct PaidIdentity {
  std::string key_id;
  Sale sale;
  size_t caveats = 0;
};
// Nothing: it is not such an identifier, or what it says makes no sense.
std::optional<PaidIdentity> parse_paid_identity(std::string_view identifier);

// The macaroon of a challenge, in the one form that all clients read: standard base64 with padding.
// Errors: a caveat that would be refused; more than 255 of them; nothing sold.
Result<std::string> mint_paid(const Key& key, const Sale& sale,
                              std::span<const std::string> caveats, const Currency& currency = {});

// Whether `preimage` is that of the payment.
bool opens(const Sale& sale, const Hash256& preimage);

}  // namespace satgate::token
