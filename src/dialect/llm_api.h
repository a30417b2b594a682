// The LLM APIs that the gateway speaks.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "contract/mode.h"
#include "dialect/llm.h"

namespace satgate::dialect {

enum class LlmApi : uint8_t {
  chat_completions,  // POST /v1/chat/completions
  completions,       // POST /v1/completions
  embeddings,        // POST /v1/embeddings
  responses,         // POST /v1/responses
  images,            // POST /v1/images/generations: by the picture
  speech,            // POST /v1/audio/speech: by the character
  messages,          // POST /v1/messages
  count_tokens,      // POST /v1/messages/count_tokens: free
  batches,           // POST /v1/messages/batches: many messages, answered later
};

Protocol protocol_of(LlmApi api);
std::unique_ptr<LlmReader> make_reader(LlmApi api);

// What ends a stream as if the model had come to the end of max_tokens, for each of `choices`.
// Empty: the API has no short way to say it.
std::string stream_length_end(LlmApi api, uint32_t choices, uint64_t output_tokens);

// A whole event that makes the official SDKs throw, for a stream that must end early: closing
// without it would look like success.
std::string stream_error(LlmApi api, std::string_view code, std::string_view message,
                         const RequestId& request);

}  // namespace satgate::dialect
