// Finding the agent's credential in a request (CONTRACT.md, "Credentials accepted").
#pragma once

#include <string>
#include <string_view>

#include "flow/api_keys.h"
#include "flow/conversation.h"
#include "wire/head.h"

namespace satgate::flow {

// `Authorization: Bearer sg_...` (or a bare macaroon), `L402` and `LSAT` (payment/l402.h),
// `x-api-key`, `api-key`, and `Macaroon` or `Grpc-Metadata-Macaroon` in hex. A foreign one may
// still be an API key of the config. More than one credential field, or one twice: ambiguous, even
// if both say the same, because an upstream could read the other one. Views point into the head.
Credential find_credential(const wire::Fields& fields);

// What an Authorization says that is a payment: paid or payment, else malformed.
Credential read_payment(std::string_view authorization);

// Whether a client says that it can pay: `Accept-Payment`, `X-L402`, or an
// `Accept` that names L402. Anybody may say so; it only spares others a challenge they can not use.
bool signals_payment(const wire::Fields& fields);
// With `Accept-Payment`.
bool asks_payment_scheme(const wire::Fields& fields);

// Whether text could be one of our tokens: the prefix, or the first byte of a macaroon V2 (0x02) in
// base64. Anything else is an API key, or somebody else's credential.
bool looks_like_token(std::string_view text);

bool is_credential_field(std::string_view name);
// Whether nothing in this credential field could be one of ours, whatever its scheme: only such a
// field may pass on to an upstream with `credential: passthrough`.
bool is_foreign_credential(const wire::Field& field, const ApiKeys& ours);

// What only the gateway may say.
bool is_gateway_field(std::string_view name);

}  // namespace satgate::flow
