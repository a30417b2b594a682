// Finding the agent's credential in a request (CONTRACT.md, "Credentials accepted").
#pragma once

#include <string>
#include <string_view>

#include "flow/conversation.h"
#include "wire/head.h"

namespace satgate::flow {

// `Authorization: Bearer sg_...` (or a bare macaroon), `x-api-key`, and `Macaroon` or
// `Grpc-Metadata-Macaroon` in hex. More than one credential field, or one twice: ambiguous, even if
// both say the same, because an upstream could read the other one.
// Views point into the head.
Credential find_credential(const wire::Fields& fields);

bool is_credential_field(std::string_view name);
// Whether nothing in this credential field could be one of ours, whatever its scheme: only such a
// field may pass on to an upstream with `credential: passthrough`.
bool is_foreign_credential(const wire::Field& field);

// What only the gateway may say.
bool is_gateway_field(std::string_view name);

}  // namespace satgate::flow
