// The members that `POST tokens` and `POST mint` share.
#pragma once

#include <optional>
#include <string>

#include "console/api.h"
#include "console/narrowing.h"

namespace satgate::console {

// audience, endpoints, methods, allow_tools, deny_tools, models, upstream, rate_limit, expires,
// call_limit, max_depth.
Narrowing read_narrowing(Fields& fields);

// A name of a token: not empty, at most 128 bytes, no control characters.
std::expected<void, ApiError> check_name(const std::optional<std::string>& name);

}  // namespace satgate::console
