// A tool's definition in one spelling, so that two of them can be told to be the same.
#pragma once

#include <string>

#include "dialect/mcp/catalogue.h"

namespace satgate::dialect::mcp {

// All that a server says about a tool but `_meta`: name, title, description, schemas, annotations.
// The keys of each object are in order, and there is no white space; strings and numbers stay as
// they are written. REQUIRES: what the server sent has passed RawJson::check().
Result<std::string> definition_text(const Tool& tool);

}  // namespace satgate::dialect::mcp
