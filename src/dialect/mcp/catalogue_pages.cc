// The pages of lists, as servers send them.
#include <algorithm>
#include <set>

#include "base/json_out.h"
#include "dialect/mcp/catalogue.h"

namespace satgate::dialect::mcp {
namespace {

constexpr size_t kItemMembersMax = 64;
constexpr size_t kItemNameBytesMax = 8 * 1024;  // uris are long, at times
// Tools are addressed in policies beside these methods, so none may have such a name.
constexpr std::string_view kMethodNames[] = {"resources/read", "prompts/get",
                                             "completion/complete"};

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

Result<bool> says_only_reads(std::string_view annotations, RawJson& json) {
  if (!annotations.starts_with('{')) return false;
  TRY_ASSIGN(const auto members, json.members(annotations));
  size_t hints = 0, yes = 0;
  for (const RawMember& m : members) {
    hints += m.key == "readOnlyHint";
    yes += m.key == "readOnlyHint" && m.value == "true";
  }
  return yes > 0 && yes == hints;
}

// `key` is the member that names it.
Result<Item> read_item(std::string_view raw, std::string_view key, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(raw, kItemMembersMax));
  Item item;
  item.before_name = "{";
  for (const RawMember& m : members) {
    if (m.key == "_meta") {
      // The last one counts, as for most readers.
      if (!m.value.starts_with('{')) continue;
      TRY_ASSIGN(item.meta_members, foreign_meta(m.value, json));
      continue;
    }
    if (m.key == "annotations") {
      TRY_ASSIGN(item.only_reads, says_only_reads(m.value, json));
    }
    const bool is_name = m.key == key;
    if (is_name && !item.name.empty()) return fail("an item with two names");
    std::string& part = is_name || item.name.empty() ? item.before_name : item.after_name;
    if (&part == &item.after_name || part.size() > 1) part += ',';
    append_json_string(part, m.key);
    part += ':';
    if (!is_name) {
      part += m.value;
      continue;
    }
    TRY_ASSIGN(const auto name, json.unescape(m.value));
    item.name = name;
  }
  if (item.name.empty()) return fail("an item without a name");
  return item;
}

bool is_fit_for_tool(std::string_view name) {
  return is_tool_name(name) && std::ranges::find(kMethodNames, name) == std::end(kMethodNames);
}

bool is_fit(std::string_view name, ItemKind kind) {
  return name.size() <= (kind == ItemKind::prompt ? kToolNameBytesMax : kItemNameBytesMax);
}

std::string_view list_member(ItemKind kind) {
  if (kind == ItemKind::prompt) return "prompts";
  return kind == ItemKind::resource ? "resources" : "resourceTemplates";
}

std::string_view name_member(ItemKind kind) {
  if (kind == ItemKind::prompt) return "name";
  return kind == ItemKind::resource ? "uri" : "uriTemplate";
}

struct RawPage {
  std::vector<std::string_view> elements;
  std::optional<std::string> next_cursor;
};

Result<RawPage> read_page(std::string_view result, std::string_view member, RawJson& json) {
  TRY_ASSIGN(const auto members, json.members(result));
  RawPage page;
  bool found = false;
  for (const RawMember& m : members) {
    if (m.key == "nextCursor" && m.value != "null") {
      TRY_ASSIGN(page.next_cursor, json.unescape(m.value));
    }
    if (m.key != member || found) continue;
    found = true;
    TRY_ASSIGN(page.elements, json.elements(m.value, kToolsPerServerMax));
  }
  if (!found) return fail("a list without its items");
  return page;
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
  TRY_ASSIGN(auto raw, read_page(result, "tools", json));
  ToolsPage page;
  page.next_cursor = std::move(raw.next_cursor);
  std::set<std::string, std::less<>> names;
  for (const std::string_view element : raw.elements) {
    auto tool = read_item(element, "name", json);
    if (tool && is_fit_for_tool(tool->name) && names.insert(tool->name).second) {
      page.tools.push_back(std::move(*tool));
    } else {
      page.refused += 1;
    }
  }
  return page;
}

Result<Tool> with_description(const Tool& tool, std::string_view description, RawJson& json) {
  std::string raw = tool.before_name;
  append_json_string(raw, tool.name);
  raw.append(tool.after_name).append("}");
  TRY_ASSIGN(const auto members, json.members(raw, kItemMembersMax));
  std::string text = R"({"description":)";
  append_json_string(text, description);
  for (const RawMember& m : members) {
    if (m.key == "description") continue;
    text += ',';
    append_json_string(text, m.key);
    text.append(":").append(m.value);
  }
  text += '}';
  TRY_ASSIGN(Tool described, read_item(text, "name", json));
  described.meta_members = tool.meta_members;
  described.definition = tool.definition;
  return described;
}

Result<ItemsPage> read_items_page(std::string_view result, ItemKind kind, RawJson& json) {
  TRY_ASSIGN(auto raw, read_page(result, list_member(kind), json));
  ItemsPage page;
  page.next_cursor = std::move(raw.next_cursor);
  for (const std::string_view element : raw.elements) {
    auto item = read_item(element, name_member(kind), json);
    if (item && is_fit(item->name, kind)) page.items.push_back(std::move(*item));
  }
  return page;
}

}  // namespace satgate::dialect::mcp
