#include "dialect/mcp/definition.h"

#include <simdjson.h>

#include <map>

#include "base/json_out.h"

namespace satgate::dialect::mcp {
namespace {

namespace ondemand = simdjson::ondemand;

bool append_sorted(std::string& out, ondemand::value value, size_t depth);

std::string_view without_blanks(std::string_view token) {
  const size_t end = token.find_last_not_of(" \t\r\n");
  return token.substr(0, end == token.npos ? 0 : end + 1);
}

bool append_object(std::string& out, ondemand::value& value, size_t depth) {
  ondemand::object object;
  if (value.get_object().get(object)) return false;
  std::multimap<std::string_view, std::string> members;  // of one key in the order they came
  for (auto each : object) {
    ondemand::field field;
    if (std::move(each).get(field)) return false;
    const auto member = members.emplace(string_body(field.key().raw()), std::string());
    if (!append_sorted(member->second, field.value(), depth + 1)) return false;
  }
  out += '{';
  for (const auto& [key, text] : members) {
    if (out.back() != '{') out += ',';
    out.append("\"").append(key).append("\":").append(text);
  }
  out += '}';
  return true;
}

bool append_array(std::string& out, ondemand::value& value, size_t depth) {
  ondemand::array array;
  if (value.get_array().get(array)) return false;
  out += '[';
  for (auto each : array) {
    ondemand::value element;
    if (std::move(each).get(element)) return false;
    if (out.back() != '[') out += ',';
    if (!append_sorted(out, element, depth + 1)) return false;
  }
  out += ']';
  return true;
}

bool append_sorted(std::string& out, ondemand::value value, size_t depth) {
  if (depth > kJsonDepthMax) return false;
  ondemand::json_type type{};
  if (value.type().get(type)) return false;
  if (type == ondemand::json_type::object) return append_object(out, value, depth);
  if (type == ondemand::json_type::array) return append_array(out, value, depth);
  out += without_blanks(value.raw_json_token());
  return true;
}

}  // namespace

Result<std::string> definition_text(const Tool& tool) {
  std::string text = tool.before_name;
  append_json_string(text, tool.name);
  text.append(tool.after_name).append("}");
  const simdjson::padded_string padded(text);
  ondemand::parser parser;
  ondemand::document document;
  ondemand::value value;
  std::string out;
  if (parser.iterate(padded).get(document) || document.get_value().get(value) ||
      !append_sorted(out, value, 0)) {
    return fail("a definition that can not be read");
  }
  return out;
}

}  // namespace satgate::dialect::mcp
