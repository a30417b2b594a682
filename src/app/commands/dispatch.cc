#include "app/commands/dispatch.h"

#include <string_view>

namespace satgate::app {

std::vector<std::string> command_arguments(std::span<const char* const> argv) {
  if (argv.empty()) return {};
  std::vector<std::string> given(argv.begin() + 1, argv.end());
  std::string_view name = argv[0];
  name.remove_prefix(name.rfind('/') + 1);  // without a slash: npos + 1, nothing
  std::vector<std::string> out;
  const bool asks_version = given.size() == 1 && given.front() == "--version";
  if (name == "satgate-gateway" && !asks_version) out = {"gateway", "start"};
  if (name == "satgate-mcp" && !asks_version) out = {"mcp"};
  out.insert(out.end(), given.begin(), given.end());
  return out;
}

}  // namespace satgate::app
