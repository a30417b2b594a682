// A price as machines read it in lists: members of an open JSON object.
#pragma once

#include "base/json_out.h"
#include "tariff/tariff.h"

namespace satgate::flow {

// What the price of a tool is made of, as members of an open object: base, per_unit, by_argument,
// per_result_kib, max_result_kib.
void append_price_parts(JsonOut& out, const tariff::PricePolicy& price);

// volume, with its tiers; dynamic: true.
void append_terms(JsonOut& out, const tariff::TermsPolicy& terms);

// cost, per_million_tokens, image, per_million_characters: those that apply. Credits. `at_most`:
// cost is a bound, and what it is made of follows.
void append_price(JsonOut& out, const tariff::Offer& offer);

}  // namespace satgate::flow
