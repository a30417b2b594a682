// Options that chat completions and responses have in common. Private to the folder.
#pragma once

#include <simdjson.h>

#include <expected>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::openai {

// Tiers that never cost more than the default are priced at the default; any other is unbounded.
std::expected<void, BadRequest> read_tier(simdjson::dom::element value, LlmRequest& request);

// "modalities", if something besides text is asked for.
std::string_view unbounded_modalities(simdjson::dom::element value);

}  // namespace satgate::dialect::openai
