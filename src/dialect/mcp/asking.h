// What a server asks of a client: under which key, and which elicitations go on elsewhere (mode
// "url" of 2025-11-25), so that the server says later that they are done.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "dialect/mcp/raw_json.h"

namespace satgate::dialect::mcp {

inline constexpr int kUrlElicitationRequired = -32042;  // 2025-11-25; retired by 2026-07-28
inline constexpr std::string_view kMetaInputKey = "io.satgate/inputKey";
inline constexpr size_t kInputKeyBytesMax = 64;

// The key in `inputRequests` of a question whose server has none, since it speaks a legacy
// revision. The first that holds: what `_meta["io.satgate/inputKey"]` names; the one property that
// an elicitation asks for; else "elicitation", "sampling" or "roots". Made of letters, digits and
// "_.-", up to kInputKeyBytesMax. Not unique.
std::string input_key(std::string_view method, std::string_view params, RawJson& json);

// elicitation/create in mode "url"; else it is a form.
bool is_url_elicitation(std::string_view params, RawJson& json);

// Says each elicitationId to `map`, and puts what that gives in its place. The text stays as it is
// where that is the same, and where there is none.
using ElicitationMap = std::function<std::string(std::string_view id)>;
// Of the params of elicitation/create in mode "url", and of notifications/elicitation/complete.
std::string map_elicitation(std::string_view params, const ElicitationMap& map, RawJson& json);
// Of a JSON-RPC error kUrlElicitationRequired.
std::string map_required_elicitations(std::string_view error, const ElicitationMap& map,
                                      RawJson& json);

}  // namespace satgate::dialect::mcp
