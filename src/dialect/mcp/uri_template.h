// Whether a uri can have come out of a uri template (RFC 6570). Values are not read: an expression
// fits anything without '/', and one whose operator keeps reserved characters fits anything.
#pragma once

#include <string_view>

namespace satgate::dialect::mcp {

bool fits_uri_template(std::string_view uri_template, std::string_view uri);

}  // namespace satgate::dialect::mcp
