// JSON in the one canonical form of RFC 8785 (JCS): members in the order of their UTF-16 code
// units, numbers as ECMAScript writes them, only the escapes that are needed, no space.
//
//   canonical_json(R"({"b": 1.0, "a": "x"})") == R"({"a":"x","b":1})"
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate::payment {

// Errors: not JSON (RFC 8259) in UTF-8, longer than limits::mpp_credential_bytes_max, deeper than
// limits::mpp_json_depth_max, a number beyond a double. Numbers are doubles here, whatever their
// digits: an integer above 2^53 may come out as another one, as RFC 8785 wants it.
Result<std::string> canonical_json(std::string_view json);

}  // namespace satgate::payment
