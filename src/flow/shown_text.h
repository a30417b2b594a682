// How a text of an agent or a server is shown to a person who decides about it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace satgate::flow {

// Cut to about `bytes_max` with a note of what is missing, and without characters that make a text
// read as another one (Unicode's marks of direction, and those that nobody sees), which become
// escapes.
std::string shown_text(std::string_view text, size_t bytes_max);

}  // namespace satgate::flow
