// What the config says about the tools of an MCP server: which definitions are trusted, and what is
// said in their place.
#include <fmt/format.h>

#include <set>

#include "app/config/sections.h"

namespace satgate::app {
namespace {

bool is_listed_name(std::string_view name) {
  return dialect::mcp::is_tool_name(name) && name.size() <= dialect::mcp::kListedNameMax &&
         name.find('/') == name.npos && !name.starts_with("satgate.");
}

}  // namespace

flow::mcp::ServerConfig::Definitions read_definitions(YamlMap& map) {
  using Definitions = flow::mcp::ServerConfig::Definitions;
  return map
      .choice<Definitions>("definitions", {{"trusted", Definitions::trusted},
                                           {"pinned", Definitions::pinned},
                                           {"reviewed", Definitions::reviewed}})
      .value_or(Definitions::trusted);
}

void read_tool_overrides(YamlMap& server, flow::mcp::ServerConfig& config) {
  std::optional<YamlMap> map = server.map("tools");
  if (!map) return;
  std::set<std::string> names;
  for (const auto& [tool, node] : map->entries()) {
    YamlMap entry = map->child(tool, node);
    flow::mcp::ToolOverride changed;
    changed.name = entry.text("name").value_or("");
    changed.description = entry.text("description").value_or("");
    if (!changed.name.empty() && !is_listed_name(changed.name)) {
      entry.complain("name", fmt::format("must have 1 to {} of A-Z a-z 0-9 _ - . and not begin "
                                         "with 'satgate.'",
                                         dialect::mcp::kListedNameMax));
    }
    if (!changed.name.empty() && !names.insert(changed.name).second) {
      entry.complain("name",
                     fmt::format("another tool of this server is '{}' already", changed.name));
    }
    if (changed.name.empty() && changed.description.empty()) {
      entry.complain("name", "says nothing: write `name` or `description`");
    }
    entry.finish();
    config.tools[tool] = std::move(changed);
  }
}

}  // namespace satgate::app
