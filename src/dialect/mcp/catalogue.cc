#include "dialect/mcp/catalogue.h"

#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "base/json_out.h"
#include "base/text.h"

namespace satgate::dialect::mcp {
namespace {

constexpr std::string_view kJoint = "__";
constexpr size_t kToolMembersMax = 64;
constexpr size_t kHashDigits = 8;

// Members without those the gateway alone writes, each followed by a comma.
Result<std::string> foreign_meta(std::string_view raw, RawJson& json) {
  std::string out;
  TRY_ASSIGN(const auto members, json.members(raw));
  for (const RawMember& m : members) {
    if (m.key.starts_with("io.satgate/")) continue;
    if (!out.empty()) out += ',';
    append_json_string(out, m.key);
    out.append(":").append(m.value);
  }
  return out;
}

Result<Tool> read_tool(std::string_view raw, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(raw, kToolMembersMax));
  Tool tool;
  tool.before_name = "{";
  for (const RawMember& m : members) {
    if (m.key == "_meta") {
      // The last one counts, as for most readers.
      if (!m.value.starts_with('{')) continue;
      TRY_ASSIGN(tool.meta_members, foreign_meta(m.value, json));
      continue;
    }
    const bool is_name = m.key == "name";
    if (is_name && !tool.name.empty()) return fail("a tool with two names");
    std::string& part = is_name || tool.name.empty() ? tool.before_name : tool.after_name;
    if (&part == &tool.after_name || part.size() > 1) part += ',';
    append_json_string(part, m.key);
    part += ':';
    if (!is_name) {
      part += m.value;
      continue;
    }
    TRY_ASSIGN(const auto name, json.unescape(m.value));
    if (!is_tool_name(name)) return fail("a tool without a valid name");
    tool.name = name;
  }
  if (tool.name.empty()) return fail("a tool without a name");
  return tool;
}

// As providers take it: a '/' becomes '_', what is too long ends in a hash over what it stands for.
std::string fit(std::string name, std::string_view qualified, bool unique) {
  std::replace(name.begin(), name.end(), '/', '_');
  if (unique && name.size() <= kListedNameMax) return name;
  const std::string digits = to_hex(as_bytes_view(sha256(qualified))).substr(0, kHashDigits);
  return name.substr(0, kListedNameMax - kHashDigits - 1) + "_" + digits;
}

// Characters of a server's name that a tool name cannot have become '_'.
std::string joined(std::string_view server, std::string_view tool) {
  std::string name(server);
  for (char& c : name) {
    if (!is_tool_name({&c, 1})) c = '_';
  }
  return name.append(kJoint).append(tool);
}

std::string wanted_name(const ServerTools& server, const Tool& tool, PrefixMode mode, bool shared) {
  if (server.prefix) return *server.prefix + tool.name;
  if (mode == PrefixMode::always || (mode == PrefixMode::collision && shared)) {
    return joined(server.server, tool.name);
  }
  return tool.name;
}

}  // namespace

bool is_tool_name(std::string_view name) {
  return !name.empty() && name.size() <= kToolNameBytesMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.' || c == '/';
         });
}

Result<ToolsPage> read_tools_page(std::string_view result, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  ToolsPage page;
  bool found = false;
  std::set<std::string, std::less<>> names;
  for (const RawMember& m : members) {
    if (m.key == "nextCursor" && m.value != "null") {
      TRY_ASSIGN(page.next_cursor, json.unescape(m.value));
    }
    if (m.key != "tools" || found) continue;
    found = true;
    TRY_ASSIGN(const auto raw_tools, json.elements(m.value, kToolsPerServerMax));
    for (const std::string_view raw : raw_tools) {
      auto tool = read_tool(raw, json);
      if (tool && names.insert(tool->name).second) {
        page.tools.push_back(std::move(*tool));
      } else {
        page.refused += 1;
      }
    }
  }
  if (!found) return fail("a tools/list result without tools");
  return page;
}

std::optional<PrefixMode> parse_prefix_mode(std::string_view text) {
  if (text == "never") return PrefixMode::never;
  if (text == "collision") return PrefixMode::collision;
  if (text == "always") return PrefixMode::always;
  return std::nullopt;
}

ToolAddresses addresses(const CatalogueEntry& entry) {
  return {.tool = entry.tool.name,
          .qualified = entry.qualified,
          .server = entry.server,
          .listed = entry.listed_name};
}

Catalogue Catalogue::build(std::vector<ServerTools> servers, PrefixMode mode) {
  std::map<std::string, size_t, std::less<>> owners;  // of a name without prefix
  for (const ServerTools& server : servers) {
    for (const Tool& tool : server.tools)
      owners[tool.name] += server.prefix ? 0 : 1;
  }
  // Wanted names first, so that a name is cut and hashed because of what the servers offer, not
  // because of who came first.
  std::map<std::string, size_t, std::less<>> wanted;
  for (const ServerTools& server : servers) {
    for (const Tool& tool : server.tools) {
      wanted[wanted_name(server, tool, mode, owners[tool.name] > 1)] += 1;
    }
  }
  Catalogue catalogue;
  std::set<std::string, std::less<>> taken;
  for (ServerTools& server : servers) {
    for (Tool& tool : server.tools) {
      CatalogueEntry entry;
      entry.server = server.server;
      entry.qualified = server.server + "." + tool.name;
      const std::string name = wanted_name(server, tool, mode, owners[tool.name] > 1);
      const bool first_wins = mode == PrefixMode::never && !server.prefix;
      entry.listed_name = fit(name, entry.qualified, first_wins || wanted[name] == 1);
      entry.tool = std::move(tool);
      const bool listed = taken.insert(entry.listed_name).second;
      (listed ? catalogue.entries_ : catalogue.unlisted_).push_back(std::move(entry));
    }
  }
  std::sort(catalogue.entries_.begin(), catalogue.entries_.end(),
            [](const auto& a, const auto& b) { return a.listed_name < b.listed_name; });
  catalogue.index();
  return catalogue;
}

void Catalogue::index() {
  for (size_t i = 0; i < entries_.size() + unlisted_.size(); ++i) {
    by_qualified_.emplace(at(i).qualified, i);
  }
}

const CatalogueEntry& Catalogue::at(size_t i) const {
  return i < entries_.size() ? entries_[i] : unlisted_[i - entries_.size()];
}

const CatalogueEntry* Catalogue::find(std::string_view name) const {
  const auto listed = std::lower_bound(
      entries_.begin(), entries_.end(), name,
      [](const CatalogueEntry& entry, std::string_view n) { return entry.listed_name < n; });
  if (listed != entries_.end() && listed->listed_name == name) return &*listed;
  const auto qualified = by_qualified_.find(name);
  return qualified == by_qualified_.end() ? nullptr : &at(qualified->second);
}

}  // namespace satgate::dialect::mcp
