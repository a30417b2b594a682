// `usage` of OpenAI's APIs in contract terms. Private to the folder.
#pragma once

#include <simdjson.h>

#include <optional>

#include "contract/call.h"

namespace satgate::dialect::openai {

// Nothing if it is no object or its counts are not whole numbers. Tokens in total_tokens that
// neither part accounts for are output: some providers list hidden reasoning only there.
std::optional<Usage> read_usage(simdjson::dom::element usage);

}  // namespace satgate::dialect::openai
