// What a route does with a decision: observe (Fiat) records, control (Fiat402) enforces, charge
// (L402) sells.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace satgate {

enum class Mode : uint8_t { observe, control, charge };

std::string_view to_string(Mode mode);
std::optional<Mode> parse_mode(std::string_view text);  // also: fiat, fiat402, l402

enum class Protocol : uint8_t { http, openai, anthropic, mcp };

std::string_view to_string(Protocol protocol);

}  // namespace satgate
