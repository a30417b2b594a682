// How a call that has to be paid for is said to a client of MCP: a JSON-RPC error that holds all
// that is needed to pay, so that no HTTP field has to be read.
// Sources: the MCP transport of the Payment scheme, as mppx reads it; L402 beside it.
//
//   {"code":-32042,"message":"Pay 10 sats: search: 1 call.","data":{
//     "httpStatus":402, "challenges":[{"id":...,"method":"lightning","request":{...},...}],
//     "l402":{"macaroon":"...","invoice":"...","version":"0"},
//     "problem":{"type":"https://paymentauth.org/problems/payment-required",...},
//     "error":"payment_required","amount_sats":10,...}}
//
// The same code means URLElicitationRequired in 2025-11-25: its data has `elicitations`, this has
// none.
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"
#include "contract/refusal.h"

namespace satgate::dialect::mcp {

inline constexpr int kPaymentRequired = -32042;

// Of a request and of a result: the credential, and what it was worth.
inline constexpr std::string_view kMetaPaymentCredential = "org.paymentauth/credential";
inline constexpr std::string_view kMetaPaymentReceipt = "org.paymentauth/receipt";
// What stands in Authorization over HTTP: "L402 <macaroon>:<preimage>".
inline constexpr std::string_view kMetaCredential = "io.satgate/credential";

struct PaymentTerms {
  std::string_view challenge;  // raw object, of the Payment scheme; empty: it does not say it
  std::string_view macaroon;   // base64
  std::string_view invoice;
};

// A whole response.
void append_payment_required(std::string& out, std::string_view id, const Denial& denial,
                             const RequestId& request, const PaymentTerms& terms);

}  // namespace satgate::dialect::mcp
