#include "dialect/mcp/asking.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/json_out.h"
#include "base/limits.h"

namespace satgate::dialect::mcp {
namespace {

using Members = std::vector<RawMember>;

// None, where it is no object.
Members members_of(std::string_view object, RawJson& json) {
  if (!object.starts_with('{')) return {};
  return json.members(object).value_or(Members());
}

std::string_view value_of(const Members& members, std::string_view key) {
  const auto found = std::ranges::find(members, key, &RawMember::key);
  return found == members.end() ? std::string_view() : found->value;
}

std::string_view text_of(std::string_view raw, RawJson& json) {
  if (!raw.starts_with('"')) return {};
  return json.unescape(raw).value_or(std::string_view());
}

bool is_key(std::string_view text) {
  return !text.empty() && text.size() <= kInputKeyBytesMax && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  });
}

// With another value of one member.
std::string replaced(const Members& members, std::string_view key, std::string_view raw) {
  std::string out;
  JsonOut object(out);
  object.object();
  for (const RawMember& m : members)
    object.member(m.key).raw(m.key == key ? raw : m.value);
  object.end();
  return out;
}

}  // namespace

std::string input_key(std::string_view method, std::string_view params, RawJson& json) {
  const Members members = members_of(params, json);
  const Members meta = members_of(value_of(members, "_meta"), json);
  const std::string_view named = text_of(value_of(meta, kMetaInputKey), json);
  if (is_key(named)) return std::string(named);
  if (method == "sampling/createMessage") return "sampling";
  if (method == "roots/list") return "roots";
  const Members schema = members_of(value_of(members, "requestedSchema"), json);
  const Members properties = members_of(value_of(schema, "properties"), json);
  if (properties.size() == 1 && is_key(properties[0].key)) return std::string(properties[0].key);
  return "elicitation";
}

bool is_url_elicitation(std::string_view params, RawJson& json) {
  return text_of(value_of(members_of(params, json), "mode"), json) == "url";
}

std::string map_elicitation(std::string_view params, const ElicitationMap& map, RawJson& json) {
  constexpr std::string_view kKey = "elicitationId";
  const Members members = members_of(params, json);
  const std::string id(text_of(value_of(members, kKey), json));
  if (id.empty() || id.size() > limits::mcp_elicitation_bytes_max) return std::string(params);
  const std::string mapped = map(id);
  if (mapped == id) return std::string(params);
  std::string raw;
  append_json_string(raw, mapped);
  return replaced(members, kKey, raw);
}

std::string map_required_elicitations(std::string_view error, const ElicitationMap& map,
                                      RawJson& json) {
  const Members members = members_of(error, json);
  const std::string_view data = value_of(members, "data");
  const Members inner = members_of(data, json);
  const std::string_view list = value_of(inner, "elicitations");
  if (!list.starts_with('[')) return std::string(error);
  const auto elements = json.elements(list, limits::mcp_asks_max);
  if (!elements) return std::string(error);
  std::string mapped = "[";
  bool is_same = true;
  for (const std::string_view element : *elements) {
    const std::string one = map_elicitation(element, map, json);
    is_same = is_same && one == element;
    if (mapped.size() > 1) mapped += ',';
    mapped += one;
  }
  mapped += ']';
  if (is_same) return std::string(error);
  return replaced(members, "data", replaced(inner, "elicitations", mapped));
}

}  // namespace satgate::dialect::mcp
