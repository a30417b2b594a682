// What Lightning nodes POST when an invoice was paid. It is a hint: who gets one asks the node.
//
// phoenixd signs: X-Phoenix-Signature is the HMAC-SHA256 of the body, in hex, with the
// `webhook-secret` of its phoenix.conf. LNbits does not, so its word is worth no more than that of
// a stranger who knows the payment hash.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "base/crypto.h"

namespace satgate::payment {

enum class WebhookError : uint8_t {
  forged,      // the signature is missing, or not that of the node
  unreadable,  // it tells of no payment
};

std::expected<Hash256, WebhookError> read_phoenixd_webhook(std::string_view body,
                                                           std::string_view signature,
                                                           std::string_view secret);
// A JSON object, or as LNbits sends it: a JSON string that holds one.
std::expected<Hash256, WebhookError> read_lnbits_webhook(std::string_view body);

}  // namespace satgate::payment
