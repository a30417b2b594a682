// The credential of who has paid, in the `_meta` of a request: for clients of MCP that can not set
// an HTTP field for one call.
//
//   "_meta":{"org.paymentauth/credential":{"challenge":{...},"payload":{"preimage":"..."}}}
//   "_meta":{"io.satgate/credential":"L402 <macaroon>:<preimage>"}
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dialect/mcp/raw_json.h"
#include "flow/conversation.h"

namespace satgate::flow::mcp {

struct ShownPayment {
  std::string authorization;  // what it would be over HTTP
  bool is_doubled = false;    // there are two
  std::string params;         // without it: it is for nobody else to see

  // Views point into `authorization`.
  Credential credential() const;
};

// Nothing: none is shown.
std::optional<ShownPayment> find_payment(std::string_view params, dialect::mcp::RawJson& json);

// Tells buyers apart by what they have paid with, without telling it.
std::string buyer_name(const Credential& credential);

}  // namespace satgate::flow::mcp
