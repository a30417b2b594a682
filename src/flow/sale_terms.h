// What one payment buys, and for how many satoshis: the same for the challenge of a 402, for lists
// of tools and for the documents that say what is for sale.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "contract/call.h"
#include "contract/quote.h"
#include "flow/settings.h"

namespace satgate::flow {

struct SaleTerms {
  int64_t sats = 0;
  Money credit;
  uint32_t calls = 0;   // 0: the credit is spent by what calls really cost
  bool is_one = false;  // a single call, whose most the credit is
};

// Whether every call like this one has this price, so that it can be sold by the call.
bool is_flat(const Settings& settings, const Call& call, const Quote& quote);

// The same at any time, so that lists can say what a payment is.
bool is_fixed(const Settings& settings, const Call& call, const Quote& quote);

// Nothing: it costs nothing, or more than there is.
std::optional<SaleTerms> sale_terms(const Settings& settings, const Call& call, const Quote& quote,
                                    int64_t nano_per_sat);

// Who has paid for a call is nobody that the config names.
inline constexpr std::string_view kBuyer = "anonymous";

}  // namespace satgate::flow
