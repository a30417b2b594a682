// UTF-8 as it must be: no overlong form, no surrogate, nothing beyond U+10FFFF.
// Source: RFC 3629, table 3-7 of the Unicode standard.
//
//   if (!is_utf8(description)) return fail("the description is not UTF-8");
#pragma once

#include <cstddef>
#include <string_view>

namespace satgate {

// Bytes of the valid sequence at the front of `text`, or 0. REQUIRES: !text.empty().
size_t utf8_length(std::string_view text);

bool is_utf8(std::string_view text);  // all of it; an empty text is

}  // namespace satgate
