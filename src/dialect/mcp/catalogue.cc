#include "dialect/mcp/catalogue.h"

#include <algorithm>
#include <set>

#include "base/crypto.h"
#include "base/text.h"
#include "dialect/mcp/uri_template.h"

namespace satgate::dialect::mcp {
namespace {

constexpr std::string_view kJoint = "__";
constexpr size_t kHashDigits = 8;

// As providers take it: a '/' becomes '_', what is too long ends in a hash over what it stands for.
std::string fit(std::string name, std::string_view qualified, bool unique, size_t name_max) {
  std::replace(name.begin(), name.end(), '/', '_');
  if (unique && name.size() <= name_max) return name;
  const std::string digits = to_hex(as_bytes_view(sha256(qualified))).substr(0, kHashDigits);
  std::string_view front = std::string_view(name).substr(0, name_max - kHashDigits - 1);
  // Not in the middle of a letter: names of prompts may be UTF-8.
  if (front.size() < name.size()) {
    size_t end = front.size();
    while (end > 0 && (static_cast<uint8_t>(name[end]) & 0xC0) == 0x80)
      --end;
    front = front.substr(0, end);
  }
  return std::string(front).append("_").append(digits);
}

// Characters of a server's name that a tool name cannot have become '_'.
std::string joined(std::string_view server, std::string_view tool) {
  std::string name(server);
  for (char& c : name) {
    if (!is_tool_name({&c, 1})) c = '_';
  }
  return name.append(kJoint).append(tool);
}

// Whether neither the mode nor other servers have a say in its name.
bool is_named(const ServerTools& server, std::string_view tool) {
  return server.prefix || server.aliases.contains(tool);
}

std::string wanted_name(const ServerTools& server, const Tool& tool, PrefixMode mode, bool shared) {
  if (const auto alias = server.aliases.find(tool.name); alias != server.aliases.end()) {
    return alias->second;
  }
  if (server.prefix) return *server.prefix + tool.name;
  if (mode == PrefixMode::always || (mode == PrefixMode::collision && shared)) {
    return joined(server.server, tool.name);
  }
  return tool.name;
}

struct Named {
  ServerTools* server = nullptr;
  Item* item = nullptr;
  std::string qualified;
  std::string listed;
};

// Tools or prompts in the order of their servers. Wanted names first, so that a name is cut and
// hashed because of what the servers offer, not because of who came first.
std::vector<Named> listed_names(std::vector<ServerTools>& servers,
                                std::vector<Item> ServerTools::* items, PrefixMode mode,
                                size_t name_max) {
  std::map<std::string, size_t, std::less<>> owners;  // of a name without prefix
  for (const ServerTools& server : servers) {
    for (const Item& item : server.*items)
      owners[item.name] += is_named(server, item.name) ? 0 : 1;
  }
  std::map<std::string, size_t, std::less<>> wanted;
  std::vector<Named> all;
  for (ServerTools& server : servers) {
    for (Item& item : server.*items) {
      Named named{&server, &item, server.server + "." + item.name, {}};
      named.listed = wanted_name(server, item, mode, owners[item.name] > 1);
      wanted[named.listed] += 1;
      all.push_back(std::move(named));
    }
  }
  for (Named& named : all) {
    const bool first_wins = mode == PrefixMode::never && !is_named(*named.server, named.item->name);
    const bool unique = first_wins || wanted[named.listed] == 1;
    named.listed = fit(std::move(named.listed), named.qualified, unique, name_max);
  }
  return all;
}

// Of items by listed name; null: there is none.
const CatalogueItem* find_item(const std::vector<CatalogueItem>& items, std::string_view name) {
  const auto found = std::ranges::lower_bound(items, name, {}, &CatalogueItem::listed_name);
  return found != items.end() && found->listed_name == name ? &*found : nullptr;
}

}  // namespace

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

Catalogue Catalogue::build(std::vector<ServerTools> servers, PrefixMode mode, size_t name_max) {
  Catalogue catalogue;
  std::set<std::string, std::less<>> taken;
  for (Named& named : listed_names(servers, &ServerTools::tools, mode, name_max)) {
    CatalogueEntry entry;
    entry.server = named.server->server;
    entry.qualified = named.qualified;
    entry.listed_name = std::move(named.listed);
    entry.is_held = named.server->held.contains(named.item->name);
    entry.tool = std::move(*named.item);
    const bool listed = taken.insert(entry.listed_name).second;
    (listed ? catalogue.entries_ : catalogue.unlisted_).push_back(std::move(entry));
  }
  std::ranges::sort(catalogue.entries_, {}, &CatalogueEntry::listed_name);
  taken.clear();
  for (Named& named : listed_names(servers, &ServerTools::prompts, mode, name_max)) {
    if (!taken.insert(named.listed).second) continue;
    catalogue.prompts_.push_back(
        {std::move(named.listed), named.server->server, std::move(*named.item)});
  }
  std::ranges::sort(catalogue.prompts_, {}, &CatalogueItem::listed_name);
  catalogue.add_resources(servers);
  catalogue.index();
  return catalogue;
}

void Catalogue::add_resources(std::vector<ServerTools>& servers) {
  std::set<std::string> uris, templates;
  const auto add = [](ServerTools& server, std::vector<Item>& items, std::set<std::string>& taken,
                      std::vector<CatalogueItem>& all) {
    for (Item& item : items) {
      if (!taken.insert(item.name).second) continue;
      std::string name = item.name;
      all.push_back({std::move(name), server.server, std::move(item)});
    }
  };
  for (ServerTools& server : servers) {
    if (server.offers_resources || !server.resources.empty() || !server.templates.empty()) {
      with_resources_.push_back(server.server);
    }
    add(server, server.resources, uris, resources_);
    add(server, server.templates, templates, templates_);
  }
  std::vector<std::string> in_turn;
  for (const CatalogueItem& item : templates_)
    in_turn.push_back(item.listed_name);
  std::ranges::sort(resources_, {}, &CatalogueItem::listed_name);
  std::ranges::sort(templates_, {}, &CatalogueItem::listed_name);
  for (const std::string& name : in_turn)
    templates_in_turn_.push_back(static_cast<size_t>(find_item(templates_, name) - &templates_[0]));
}

void Catalogue::index() {
  for (size_t i = 0; i < entries_.size() + unlisted_.size(); ++i) {
    by_qualified_.emplace(at(i).qualified, i);
  }
}

const CatalogueItem* Catalogue::find_prompt(std::string_view name) const {
  return find_item(prompts_, name);
}

std::string_view Catalogue::server_of_resource(std::string_view uri) const {
  if (const CatalogueItem* listed = find_item(resources_, uri)) return listed->server;
  for (const size_t i : templates_in_turn_) {
    if (fits_uri_template(templates_[i].listed_name, uri)) return templates_[i].server;
  }
  return with_resources_.size() == 1 ? std::string_view(with_resources_.front())
                                     : std::string_view();
}

std::string_view Catalogue::server_of_template(std::string_view uri_template) const {
  const CatalogueItem* found = find_item(templates_, uri_template);
  return found == nullptr ? std::string_view() : std::string_view(found->server);
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
