#include "dialect/mcp/raw_json.h"

#include <algorithm>

namespace satgate::dialect::mcp {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr size_t kBuffersKeptMax = 4 * 1024 * 1024;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back()))
    text.remove_suffix(1);
  while (!text.empty() && is_blank(text.front()))
    text.remove_prefix(1);
  return text;
}

// Four hex digits at `at`, or nothing.
std::optional<unsigned> hex4(std::string_view text, size_t at) {
  if (text.size() < at + 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text.substr(at, 4)) {
    const bool digit = c >= '0' && c <= '9';
    const char low = static_cast<char>(c | 0x20);
    if (!digit && (low < 'a' || low > 'f')) return std::nullopt;
    value = value * 16 + static_cast<unsigned>(digit ? c - '0' : low - 'a' + 10);
  }
  return value;
}

// The escapes of a string body are JSON's. simdjson looks at them only where it unescapes, and it
// reads half a surrogate pair as some other character; with `pairs` halves are refused.
bool escapes_ok(std::string_view body, bool pairs) {
  size_t at = body.find('\\');
  while (at != std::string_view::npos) {
    if (at + 1 >= body.size()) return false;
    const char c = body[at + 1];
    size_t next = at + 2;
    if (c == 'u') {
      const auto unit = hex4(body, at + 2);
      if (!unit) return false;
      next = at + 6;
      if (pairs && *unit >= 0xdc00 && *unit <= 0xdfff) return false;
      if (pairs && *unit >= 0xd800 && *unit <= 0xdbff) {
        if (body.substr(next, 2) != "\\u") return false;
        const auto low = hex4(body, next + 2);
        if (!low || *low < 0xdc00 || *low > 0xdfff) return false;
        next += 6;
      }
    } else if (std::string_view("\"\\/bfnrt").find(c) == std::string_view::npos) {
      return false;
    }
    at = body.find('\\', next);
  }
  return true;
}

bool check_value(ondemand::value value, size_t depth);

bool check_object(ondemand::value& value, size_t depth) {
  ondemand::object object;
  if (value.get_object().get(object)) return false;
  for (auto each : object) {
    ondemand::field field;
    if (std::move(each).get(field)) return false;
    if (!escapes_ok(string_body(field.key().raw()), false)) return false;
    if (!check_value(field.value(), depth + 1)) return false;
  }
  return true;
}

bool check_array(ondemand::value& value, size_t depth) {
  ondemand::array array;
  if (value.get_array().get(array)) return false;
  for (auto each : array) {
    ondemand::value element;
    if (std::move(each).get(element)) return false;
    if (!check_value(element, depth + 1)) return false;
  }
  return true;
}

bool check_string(ondemand::value& value) {
  ondemand::raw_json_string raw;
  if (value.get_raw_json_string().get(raw)) return false;
  return escapes_ok(string_body(raw.raw()), false);
}

bool check_value(ondemand::value value, size_t depth) {
  if (depth > kJsonDepthMax) return false;
  ondemand::json_type type{};
  if (value.type().get(type)) return false;
  switch (type) {
    case ondemand::json_type::object:
      return check_object(value, depth);
    case ondemand::json_type::array:
      return check_array(value, depth);
    case ondemand::json_type::string:
      return check_string(value);
    case ondemand::json_type::number: {
      double number = 0;  // read for its grammar; the text is what is passed on
      return !value.get_double().get(number);
    }
    case ondemand::json_type::boolean: {
      bool truth = false;
      return !value.get_bool().get(truth);
    }
    case ondemand::json_type::null: {
      bool null = false;
      if (trim_blanks(value.raw_json_token()) != "null") return false;
      return !value.is_null().get(null) && null;
    }
  }
  return false;
}

}  // namespace

Result<ondemand::document> RawJson::open(std::string_view text) {
  padded_.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  padded_.assign(text);
  ondemand::document document;
  const auto error =
      parser_.iterate(simdjson::padded_string_view(padded_.data(), text.size(), padded_.capacity()))
          .get(document);
  if (error) return fail("not valid JSON");
  return document;
}

Result<void> RawJson::check(std::string_view text) {
  TRY_ASSIGN(auto document, open(text));
  ondemand::value root;
  if (document.get_value().get(root)) return fail("not a JSON object or array");
  if (!check_value(root, 1)) return fail("not valid JSON, or nested too deeply");
  const char* rest = nullptr;
  if (!document.current_location().get(rest)) return fail("something follows the JSON value");
  return {};
}

std::string_view RawJson::in_text(std::string_view in_padded, std::string_view text) const {
  return text.substr(static_cast<size_t>(in_padded.data() - padded_.data()), in_padded.size());
}

Result<std::string_view> RawJson::raw_value(ondemand::value value, std::string_view text) const {
  ondemand::json_type type{};
  if (value.type().get(type)) return fail("not valid JSON");
  std::string_view raw;
  if (type == ondemand::json_type::object) {
    ondemand::object object;
    if (value.get_object().get(object)) return fail("not valid JSON");
    if (object.raw_json().get(raw)) return fail("not valid JSON");
  } else if (type == ondemand::json_type::array) {
    ondemand::array array;
    if (value.get_array().get(array)) return fail("not valid JSON");
    if (array.raw_json().get(raw)) return fail("not valid JSON");
  } else {
    raw = value.raw_json_token();
  }
  return in_text(trim_blanks(raw), text);
}

Result<std::string_view> RawJson::key_of(ondemand::field& field, std::string_view text) {
  const std::string_view body = in_text(string_body(field.key().raw()), text);
  if (body.find('\\') == std::string_view::npos) return body;
  if (!escapes_ok(body, true)) return fail("a key that is not Unicode");
  std::string_view key;
  if (field.unescaped_key().get(key)) return fail("a key that is not Unicode");
  return unescaped_.emplace_back(key);
}

Result<std::vector<RawMember>> RawJson::members(std::string_view object, size_t members_max) {
  TRY_ASSIGN(auto document, open(object));
  ondemand::object root;
  if (document.get_object().get(root)) return fail("not a JSON object");
  std::vector<RawMember> found;
  for (auto each : root) {
    ondemand::field field;
    if (std::move(each).get(field)) return fail("not valid JSON");
    if (found.size() == members_max) return fail("too many members");
    TRY_ASSIGN(const auto key, key_of(field, object));
    TRY_ASSIGN(const auto value, raw_value(field.value(), object));
    found.push_back({key, value});
  }
  return found;
}

Result<std::vector<std::string_view>> RawJson::elements(std::string_view array,
                                                        size_t elements_max) {
  TRY_ASSIGN(auto document, open(array));
  ondemand::array root;
  if (document.get_array().get(root)) return fail("not a JSON array");
  std::vector<std::string_view> found;
  for (auto each : root) {
    ondemand::value value;
    if (std::move(each).get(value)) return fail("not valid JSON");
    if (found.size() == elements_max) return fail("too many elements");
    TRY_ASSIGN(const auto raw, raw_value(value, array));
    found.push_back(raw);
  }
  return found;
}

Result<std::string_view> RawJson::unescape(std::string_view raw) {
  if (raw.size() < 2 || raw.front() != '"' || raw.back() != '"') return fail("not a JSON string");
  const std::string_view body = raw.substr(1, raw.size() - 2);
  if (body.find('\\') == std::string_view::npos) return body;
  if (!escapes_ok(body, true)) return fail("a string that is not Unicode");
  TRY_ASSIGN(auto document, open(raw));
  std::string_view text;
  if (document.get_string().get(text)) return fail("a string that is not Unicode");
  return unescaped_.emplace_back(text);
}

void RawJson::forget() {
  unescaped_.clear();
  if (parser_.capacity() <= kBuffersKeptMax) return;
  parser_ = ondemand::parser();
  padded_ = std::string();
}

void make_one_line(std::string& json) {
  std::replace(json.begin(), json.end(), '\n', ' ');
  std::replace(json.begin(), json.end(), '\r', ' ');
}

}  // namespace satgate::dialect::mcp
