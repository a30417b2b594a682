#include "flow/sale_terms.h"

#include <algorithm>

namespace satgate::flow {
namespace {

constexpr int64_t kSatsMax = 21'000'000LL * 100'000'000;  // there are no more

// The price of a tool may lie in what it is given.
bool depends_on_arguments(const Settings& settings, const Call& call) {
  if (call.protocol != Protocol::mcp) return false;
  const auto offer = settings.tariff->offer_of_tool(call, kBuyer);
  return !offer || offer->parts != nullptr;
}

}  // namespace

bool is_flat(const Settings& settings, const Call& call, const Quote& quote) {
  return !quote.is_per_token() && !quote.result_bytes_bound() &&
         !depends_on_arguments(settings, call);
}

std::optional<SaleTerms> sale_terms(const Settings& settings, const Call& call, const Quote& quote,
                                    int64_t nano_per_sat) {
  if (quote.worst().is_zero()) return std::nullopt;
  const ChargeSettings& charge = settings.charge;
  SaleTerms terms;
  if (is_flat(settings, call, quote)) {
    terms.calls = charge.calls;
    terms.credit = quote.worst() * charge.calls;
  } else {
    terms.credit = max(quote.worst(), charge.credit);
  }
  terms.sats = (terms.credit.nano() - 1) / nano_per_sat + 1;
  if (terms.sats > kSatsMax) return std::nullopt;
  return terms;
}

}  // namespace satgate::flow
