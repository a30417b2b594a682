// The binary under its three names: `satgate-gateway X` is `satgate gateway start X`, and
// `satgate-mcp X` is `satgate mcp X`.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace satgate::app {

// The arguments of `satgate`, without the program's name. `argv[0]` is the name it was called by.
std::vector<std::string> command_arguments(std::span<const char* const> argv);

}  // namespace satgate::app
