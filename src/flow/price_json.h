// A price as machines read it in lists: members of an open JSON object.
#pragma once

#include "base/json_out.h"
#include "tariff/tariff.h"

namespace satgate::flow {

// cost, per_million_tokens, image, per_million_characters: those that apply. Credits.
void append_price(JsonOut& out, const tariff::Offer& offer);

}  // namespace satgate::flow
