// Options that chat completions and responses have in common. Private to the folder.
#pragma once

#include <simdjson.h>

#include <expected>
#include <string_view>

#include "dialect/llm.h"

namespace satgate::dialect::openai {

// A tier that nobody knows is unbounded.
std::expected<void, BadRequest> read_tier(simdjson::dom::element value, LlmRequest& request);

// "modalities", if something besides text is asked for.
std::string_view unbounded_modalities(simdjson::dom::element value);

}  // namespace satgate::dialect::openai
