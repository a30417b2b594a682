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

// What a call costs is known when it is made, or when it is over. Where the caller says how urgent
// it is, a call that was bought without haste would be made in haste.
bool is_settled_later(const Settings& settings, const Quote& quote) {
  const tariff::Terms* terms = settings.tariff->terms_of(quote);
  if (terms == nullptr) return false;
  const auto& dynamic = terms->policy().dynamic;
  return terms->counts_calls() || terms->is_told_by_upstream() ||
         (dynamic && !dynamic->urgencies.empty());
}

}  // namespace

bool is_flat(const Settings& settings, const Call& call, const Quote& quote) {
  return !quote.is_per_token() && !quote.result_bytes_bound() &&
         !depends_on_arguments(settings, call) && !is_settled_later(settings, quote);
}

bool is_fixed(const Settings& settings, const Call& call, const Quote& quote) {
  const tariff::Terms* terms = settings.tariff->terms_of(quote);
  const bool moves = terms && (terms->policy().volume || terms->policy().dynamic);
  return !moves && is_flat(settings, call, quote);
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
    const int64_t calls = is_settled_later(settings, quote) ? charge.calls : 1;
    terms.credit = max(quote.worst() * calls, charge.credit);
  }
  terms.is_one = charge.calls == 1 && terms.credit == quote.worst();
  terms.sats = (terms.credit.nano() - 1) / nano_per_sat + 1;
  if (terms.sats > kSatsMax) return std::nullopt;
  return terms;
}

}  // namespace satgate::flow
