// Definitions of MCP tools that wait for a person.
#pragma once

#include <string_view>

#include "console/api.h"
#include "flow/gateway.h"

namespace satgate::console {

class DefinitionApi {
 public:
  explicit DefinitionApi(flow::Gateway& gateway) : gateway_(gateway) {}

  Reply list();
  // With the whole texts, and where they differ.
  Reply show(std::string_view id);
  // `body`: who accepts it, for the record; it is the word of who holds the admin token.
  Reply accept(std::string_view id, const Json& body);

 private:
  flow::Gateway& gateway_;
};

}  // namespace satgate::console
