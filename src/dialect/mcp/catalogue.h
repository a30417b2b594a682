// One catalogue out of many servers. Names are stable: they depend on the servers' tools alone, not
// on the order in which servers came up.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/mcp/message.h"

namespace satgate::dialect::mcp {

inline constexpr size_t kListedNameMax = 64;  // what model providers take as a function name
inline constexpr size_t kToolsPerServerMax = 2048;

// One tool as its server describes it, ready to be listed again.
struct Tool {
  std::string name;
  std::string before_name;   // raw object up to the value of `name`
  std::string after_name;    // the members after it, without `_meta` and the closing brace
  std::string meta_members;  // raw members of `_meta`, without io.satgate/ keys
};

struct ToolsPage {
  std::vector<Tool> tools;
  size_t refused = 0;                      // left out: no valid name, or the same name twice
  std::optional<std::string> next_cursor;  // an empty cursor is a cursor
};

// Reads the result of `tools/list`.
Result<ToolsPage> read_tools_page(std::string_view result, RawJson& json);

// A name MCP allows: 1 to 128 of [A-Za-z0-9_.-] (2025-11-25), and '/' as some servers use it.
bool is_tool_name(std::string_view name);

enum class PrefixMode : uint8_t { never, collision, always };
std::optional<PrefixMode> parse_prefix_mode(std::string_view text);

struct ServerTools {
  std::string server;                 // its name in the config
  std::optional<std::string> prefix;  // put in front of every tool of it, verbatim; "" for none
  std::vector<Tool> tools;
};

// A tool as clients see it.
struct CatalogueEntry {
  std::string listed_name;  // unique; at most kListedNameMax of [A-Za-z0-9_.-]
  std::string server;
  std::string qualified;  // "server.tool", as `tools:` in the config may write it
  Tool tool;
};

// Names by which policies, prices and caveats may address a tool: the tool's own name, the
// qualified one, the server's, and the one clients see.
struct ToolAddresses {
  std::string_view tool, qualified, server, listed;
};
ToolAddresses addresses(const CatalogueEntry& entry);

// Immutable after build().
//   never:     own names; the first server in order wins, the others' are reached as server.tool
//   collision: own names; where two servers share one, each is listed as server__tool
//   always:    server__tool
// A server's own `prefix` comes before the mode. What is longer than kListedNameMax, or still not
// unique, is cut and ends in eight hex digits of a hash over server and tool.
class Catalogue {
 public:
  static Catalogue build(std::vector<ServerTools> servers, PrefixMode mode);

  const std::vector<CatalogueEntry>& entries() const { return entries_; }  // by listed name

  // By the name clients see, or by "server.tool".
  const CatalogueEntry* find(std::string_view name) const;

 private:
  void index();
  const CatalogueEntry& at(size_t i) const;  // listed ones first

  std::vector<CatalogueEntry> entries_;
  std::map<std::string, size_t, std::less<>> by_qualified_;  // also of tools that are not listed
  std::vector<CatalogueEntry> unlisted_;
};

}  // namespace satgate::dialect::mcp
