#include "flow/price_json.h"

namespace satgate::flow {

void append_price_parts(JsonOut& out, const tariff::PricePolicy& price) {
  out.key("base").money(price.base);
  if (const auto& units = price.per_unit) {
    out.key("per_unit").object().key("argument").string(units->argument);
    if (units->tiers.empty()) {
      out.key("amount").money(units->amount);
    } else {
      out.key("tiers").array();
      for (const tariff::UnitTier& tier : units->tiers) {
        out.object();
        if (tier.up_to) out.key("up_to").integer(*tier.up_to);
        out.key("amount").money(tier.amount).end();
      }
      out.end_array();
    }
    out.key("min").integer(units->min).key("max").integer(units->max);
    if (units->when_missing) out.key("default").integer(*units->when_missing);
    out.end();
  }
  if (const auto& choice = price.by_argument) {
    out.key("by_argument").object().key("argument").string(choice->argument);
    out.key("values").object();
    for (const auto& [value, amount] : choice->values)
      out.member(value).money(amount);
    out.end();
    if (choice->each) out.key("each").boolean(true);
    if (choice->other) out.key("other").money(*choice->other);
    if (choice->when_missing) out.key("default").string(*choice->when_missing);
    out.end();
  }
  if (const auto& result = price.result) {
    out.key("per_result_kib").money(result->per_kib).key("max_result_kib").integer(result->max_kib);
  }
}

void append_terms(JsonOut& out, const tariff::TermsPolicy& terms) {
  if (const auto& volume = terms.volume) {
    out.key("volume").object().key("per").string(to_string(volume->per)).key("tiers").array();
    for (const tariff::UnitTier& tier : volume->tiers) {
      out.object();
      if (tier.up_to) out.key("up_to").integer(*tier.up_to);
      out.key("cost").money(tier.amount).end();
    }
    out.end_array().end();
  }
  if (terms.dynamic) out.key("dynamic").boolean(true);
}

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
  if (offer.terms) {
    out.key("at_most").boolean(true);
    append_terms(out, *offer.terms);
  }
  if (offer.parts == nullptr) return;
  out.key("at_most").boolean(true).key("parts").object();
  append_price_parts(out, *offer.parts);
  out.end();
}

}  // namespace satgate::flow
