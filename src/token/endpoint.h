// Whether a request falls under an `endpoints` pattern. The pattern is an allow-list and the
// upstream may read a target more freely than we do, so a target that two servers could read in two
// ways is outside every pattern.
//
// Path: `*` matches any run of characters, `/` included; the rest byte for byte. Never matched:
//   - paths that do not begin with `/` (absolute form, `*`), `//`, segments `.` and `..` (also with
//     parameters: `..;x`), a backslash, `#`, `?`, spaces, control and non-ASCII bytes;
//   - a percent-encoded `/ \ . % ; ? #` or control byte, and a `%` without two hex digits.
// Other percent-encodings are compared as they stand.
//
// Query: each `name=value` of the constraint must occur exactly once, byte for byte, and no other
// parameter may be the same name in disguise: percent-encoded, in other case, with `+`, `.`, a
// space or `_` exchanged, or as an array (`name[]`, `name[0]`). A query with `;`, a bad
// percent-encoding or an encoded control byte never holds a constraint. A pattern without `?`
// leaves the query free.
#pragma once

#include <string_view>

#include "base/result.h"

namespace satgate::token {

// A pattern as written in the caveat; the error says what is wrong with it.
Result<void> check_endpoint_pattern(std::string_view pattern);

// Allocates nothing. `path` without query, `query` without '?', both as received.
bool endpoint_matches(std::string_view pattern, std::string_view path, std::string_view query);

}  // namespace satgate::token
