// What strangers may buy here, and what they are given: from the config and the catalogue of tools,
// by the same quotes that a 402 is made from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/mcp/catalogue.h"
#include "flow/sale_terms.h"
#include "flow/settings.h"

namespace satgate::flow {

struct ForSale {
  std::string_view service;  // the route or the MCP server, by its name in the config
  std::string_view method;   // "*": any
  std::string_view path;     // a pattern, `*` matches any run; the more specific one counts
  std::string_view tool;     // MCP: as clients name it; its path is /mcp
  Money cost;                // of a call; of one by usage the bound, or zero where there is none
  bool by_usage = false;     // what a call costs depends on the call
  std::optional<SaleTerms> terms;  // by the call, at a rate that is known

  bool is_free() const { return !by_usage && cost.is_zero(); }
};

// Views point into `settings` and `catalogue`, which may be null. `nano_per_sat`: nothing, while
// nobody knows what a satoshi is worth.
std::vector<ForSale> list_for_sale(const Settings& settings,
                                   const dialect::mcp::Catalogue* catalogue,
                                   std::optional<int64_t> nano_per_sat);

}  // namespace satgate::flow
