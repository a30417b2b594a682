// Where a page of a list begins (MCP, "Pagination"). A cursor holds a position and nothing else:
// behind which name of which list. So whoever makes one up gets what that position shows them, and
// a list that changes between two pages neither loses nor doubles an entry that stays.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace satgate::dialect::mcp {

// `list` is the method, `after` the last name of a page: not empty.
std::string page_cursor(std::string_view list, std::string_view after);
// The name; nothing: that is no cursor of this list.
std::optional<std::string> read_page_cursor(std::string_view list, std::string_view cursor);

}  // namespace satgate::dialect::mcp
