#include "console/token_fields.h"

namespace satgate::console {

Narrowing read_narrowing(Fields& fields) {
  Narrowing n;
  n.audience = fields.list("audience");
  n.endpoints = fields.list("endpoints");
  n.methods = fields.list("methods");
  n.tools = fields.list("allow_tools");
  n.tools_deny = fields.list("deny_tools");
  n.models = fields.list("models");
  n.upstream = fields.text("upstream");
  n.rate_limit = fields.text("rate_limit");
  n.expires = fields.text("expires");
  n.call_max = fields.amount("call_limit");
  if (const auto depth = fields.whole("max_depth")) n.max_depth = static_cast<uint32_t>(*depth);
  return n;
}

std::expected<void, ApiError> check_name(const std::optional<std::string>& name) {
  if (!name || name->empty()) return bad_request("'name' is missing");
  if (name->size() > 128) return bad_request("'name' is longer than 128 bytes");
  for (const char c : *name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return bad_request("'name' holds a control character");
    }
  }
  return {};
}

}  // namespace satgate::console
