// One catalogue out of many servers. Names are stable: they depend on the servers' tools alone, not
// on the order in which servers came up.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/mcp/message.h"

namespace satgate::dialect::mcp {

inline constexpr size_t kListedNameMax = 64;  // what model providers take as a function name
inline constexpr size_t kListedNameMin = 24;  // there is room for a hash, and for a word before it
inline constexpr size_t kToolsPerServerMax = 2048;

// One tool as its server describes it, ready to be listed again.
struct Tool {
  std::string name;
  std::string before_name;      // raw object up to the value of `name`
  std::string after_name;       // the members after it, without `_meta` and the closing brace
  std::string meta_members;     // raw members of `_meta`, without io.satgate/ keys
  bool only_reads = false;      // annotations.readOnlyHint: the server says that it changes nothing
  std::string definition = {};  // see definition.h, where somebody watches for changes of it
  bool operator==(const Tool&) const = default;
};

struct ToolsPage {
  std::vector<Tool> tools;
  size_t refused = 0;                      // left out: no valid name, or the same name twice
  std::optional<std::string> next_cursor;  // an empty cursor is a cursor
};

// Reads the result of `tools/list`.
Result<ToolsPage> read_tools_page(std::string_view result, RawJson& json);

// The tool with another description, and else as it is.
Result<Tool> with_description(const Tool& tool, std::string_view description, RawJson& json);

// A name MCP allows: 1 to 128 of [A-Za-z0-9_.-] (2025-11-25), and '/' as some servers use it.
bool is_tool_name(std::string_view name);

// A prompt, a resource or a resource template as its server describes it. The members of it are
// kept as those of a tool are; `name` is the uri of a resource, and the uriTemplate of a template.
using Item = Tool;

// What one kind of list holds.
enum class ItemKind : uint8_t { prompt, resource, resource_template };

struct ItemsPage {
  std::vector<Item> items;
  std::optional<std::string> next_cursor;
};
// Reads the result of `prompts/list`, `resources/list` or `resources/templates/list`.
Result<ItemsPage> read_items_page(std::string_view result, ItemKind kind, RawJson& json);

enum class PrefixMode : uint8_t { never, collision, always };
std::optional<PrefixMode> parse_prefix_mode(std::string_view text);

struct ServerTools {
  std::string server;                 // its name in the config
  std::optional<std::string> prefix;  // put in front of every tool of it, verbatim; "" for none
  std::vector<Tool> tools;
  std::vector<Item> prompts = {}, resources = {}, templates = {};
  bool offers_resources = false;  // also when it lists none at the moment
  std::map<std::string, std::string, std::less<>> aliases = {};  // listed names, by tool
  std::set<std::string, std::less<>> held = {};                  // tools that nobody may call
};

// A tool as clients see it.
struct CatalogueEntry {
  std::string listed_name;  // unique; at most kListedNameMax of [A-Za-z0-9_.-]
  std::string server;
  std::string qualified;  // "server.tool", as `tools:` in the config may write it
  Tool tool;
  bool is_held = false;  // its definition waits for a person
  bool operator==(const CatalogueEntry&) const = default;
};

// A prompt, resource or template as clients see it. Prompts get their names as tools do; a uri
// stays as it is, and belongs to the first server in order that has it.
struct CatalogueItem {
  std::string listed_name;  // or uri, or uriTemplate
  std::string server;
  Item item;
  bool operator==(const CatalogueItem&) const = default;
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
// An alias comes before a server's own `prefix`, and that before the mode. What is longer than
// `name_max`, or still not unique, is cut and ends in eight hex digits of a hash over server and
// tool.
class Catalogue {
 public:
  static Catalogue build(std::vector<ServerTools> servers, PrefixMode mode,
                         size_t name_max = kListedNameMax);

  const std::vector<CatalogueEntry>& entries() const { return entries_; }  // by listed name

  // By the name clients see, or by "server.tool".
  const CatalogueEntry* find(std::string_view name) const;

  // Each by listed name.
  const std::vector<CatalogueItem>& prompts() const { return prompts_; }
  const std::vector<CatalogueItem>& resources() const { return resources_; }
  const std::vector<CatalogueItem>& templates() const { return templates_; }
  const CatalogueItem* find_prompt(std::string_view name) const;
  // The server of a uri: one that lists it; else the one with the first template that fits (RFC
  // 6570, expressions fit anything without '/'; `{+x}` anything); else the only server that has
  // resources at all. Empty: nobody's.
  std::string_view server_of_resource(std::string_view uri) const;
  // Of a template that is named by itself, as completion/complete does.
  std::string_view server_of_template(std::string_view uri_template) const;

 private:
  using Index = std::map<std::string, size_t, std::less<>>;
  void add_resources(std::vector<ServerTools>& servers);
  void index();
  const CatalogueEntry& at(size_t i) const;  // listed ones first

  std::vector<CatalogueEntry> entries_;
  Index by_qualified_;  // also of tools that are not listed
  std::vector<CatalogueEntry> unlisted_;
  std::vector<CatalogueItem> prompts_, resources_, templates_;
  std::vector<size_t> templates_in_turn_;    // in the order of their servers
  std::vector<std::string> with_resources_;  // servers
};

}  // namespace satgate::dialect::mcp
