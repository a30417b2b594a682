// `usage` of OpenAI's APIs in contract terms. Private to the folder.
//
// Nothing if it is no object or its counts are not whole numbers. Tokens in total_tokens that
// neither part accounts for are output: some providers list hidden reasoning only there.
#pragma once

#include <simdjson.h>

#include <optional>

#include "contract/call.h"

namespace satgate::dialect::openai {

// Of completions: prompt_tokens, and completion_tokens or total_tokens.
std::optional<Usage> read_usage(simdjson::dom::element usage);
// Of embeddings: prompt_tokens. There is no output.
std::optional<Usage> read_embedding_usage(simdjson::dom::element usage);
// Of responses: input_tokens, output_tokens. Both must be there.
std::optional<Usage> read_responses_usage(simdjson::dom::element usage);
// `service_tier` of an answer: the one that it is billed by. Nothing: it does not say, or is one
// that nobody knows.
std::optional<ServiceTier> read_billed_tier(simdjson::dom::object answer);
// That of a whole response, or nothing while it is still being made.
std::optional<Usage> read_response(simdjson::dom::element response);

}  // namespace satgate::dialect::openai
