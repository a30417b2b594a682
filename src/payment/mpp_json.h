// The Payment scheme where there are no HTTP fields: in the messages of MCP, where challenges and
// credentials are JSON, and the `request` of a challenge is an object.
// Source: draft-payment-transport-mcp; what mppx sends.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate::payment {

// A challenge of write_payment_challenge() as an object: {"id":...,"request":{...},"opaque":"..."}.
Result<std::string> payment_challenge_json(std::string_view www_authenticate);

// What read_payment_credential() reads, of a credential that is an object. Errors: it is none.
Result<std::string> payment_credential_text(std::string_view object);

// A receipt of write_payment_receipt() as an object.
Result<std::string> payment_receipt_json(std::string_view payment_receipt);

}  // namespace satgate::payment
