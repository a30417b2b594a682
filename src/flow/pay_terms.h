// routes[].pay: what the gateway may buy of a route's upstream, for the calls of its agents.
#pragma once

#include <cstdint>
#include <optional>

#include "base/money.h"

namespace satgate::flow {

struct PayTerms {
  // For which calls what was bought is good, as far as we try: of the same method and path, or of
  // all the route.
  enum class Reuse : uint8_t { path, route };

  Money max;                   // of one purchase, with its routing fee
  int fee_percent = 1;         // routing fee, of the amount; a satoshi is always allowed
  std::optional<Money> daily;  // all purchases of the route in a day; nothing: budgets alone bound
  Reuse reuse = Reuse::path;
  bool shared = false;  // what one token has bought, calls of others may use
};

}  // namespace satgate::flow
