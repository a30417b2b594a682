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

// Fields that never travel upstream: the agent's credentials, and what only the gateway may say.
bool is_private_field(std::string_view name, bool keep_credentials);

}  // namespace satgate::flow
