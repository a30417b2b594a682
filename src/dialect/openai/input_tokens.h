// Requests whose input tokens are known before they are sent: plain text, in the formats that
// OpenAI documents for the models named here. docs/decisions/0024-token-counts.md says how far that
// goes. Private to the folder.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace satgate::dialect::openai {

// Of a chat; nothing if the model is not known to frame messages in the documented way, or if the
// request has anything that could add to them.
std::optional<uint64_t> chat_tokens(std::string_view model, simdjson::dom::object members);
// Of a legacy completion.
std::optional<uint64_t> prompt_tokens(std::string_view model, simdjson::dom::object members);
std::optional<uint64_t> embedding_tokens(std::string_view model, simdjson::dom::object members);

}  // namespace satgate::dialect::openai
