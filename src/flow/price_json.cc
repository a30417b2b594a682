#include "flow/price_json.h"

namespace satgate::flow {

void append_price(JsonOut& out, const tariff::Offer& offer) {
  if (offer.per_token) {
    out.key("per_million_tokens").object();
    out.key("input").money(Money::nano(offer.rates.input));
    out.key("cached_input").money(Money::nano(offer.rates.cached_input));
    out.key("output").money(Money::nano(offer.rates.output)).end();
  }
  if (offer.image) out.key("image").money(*offer.image);
  if (offer.characters) out.key("per_million_characters").money(*offer.characters);
  if (offer.is_per_call()) out.key("cost").money(offer.cost);
}

}  // namespace satgate::flow
