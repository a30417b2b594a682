// What sellers ask for in a 402, in either scheme (L402, Payment), and how a buyer answers it.
//
//   TRY_ASSIGN(const SellerChallenge asked, read_seller_challenge(www_authenticate));
//   ... pay asked.invoice ...
//   authorization = write_seller_credential(asked.scheme, asked.ticket, preimage);
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"

namespace satgate::payment {

struct SellerChallenge {
  std::string scheme;   // "L402", "LSAT" or "Payment"
  std::string ticket;   // what is sent back: a macaroon, or the challenge as JSON
  std::string invoice;  // read_bolt11() tells what it says
};

// From the values of all WWW-Authenticate fields of an answer: L402 first, because what it buys may
// be used again; else the first `Payment` for lightning/charge. Errors: there is neither, or it is
// larger than what we send.
Result<SellerChallenge> read_seller_challenge(std::span<const std::string_view> www_authenticate);

// Whether a credential of this scheme is good for one call alone.
bool is_good_once(std::string_view scheme);

// The value of Authorization. REQUIRES: scheme and ticket are of a SellerChallenge.
std::string write_seller_credential(std::string_view scheme, std::string_view ticket,
                                    const Hash256& preimage);

}  // namespace satgate::payment
