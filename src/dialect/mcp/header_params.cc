#include "dialect/mcp/header_params.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/text.h"
#include "dialect/mcp/version.h"

namespace satgate::dialect::mcp {
namespace {

constexpr std::string_view kAnnotation = "x-mcp-header";
constexpr std::string_view kFieldPrefix = "mcp-param-";
constexpr size_t kMembersMax = 1024;
constexpr size_t kDepthMax = 32;  // of annotated schemas: each level is read again
constexpr size_t kParamsMax = 64;
constexpr double kSafeInteger = 9007199254740991.0;

std::string_view member_of(const std::vector<RawMember>& members, std::string_view key) {
  for (const RawMember& m : members) {
    if (m.key == key) return m.value;
  }
  return {};
}

bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != kMarks.npos;
  });
}

class Scan {
 public:
  explicit Scan(RawJson& json) : json_(json) {}

  // `reachable`: only through `properties`.
  Result<void> visit(std::string_view schema, bool reachable) {
    if (!schema.starts_with('{') || schema.find(kAnnotation) == schema.npos) return {};
    if (++depth_ > kDepthMax) return fail("an annotated schema that is too deep");
    TRY_ASSIGN(const auto members, json_.members(schema, kMembersMax));
    if (const auto named = member_of(members, kAnnotation); !named.empty()) {
      if (!reachable || path_.empty()) return fail("x-mcp-header where no argument is");
      TRY(add(named, member_of(members, "type")));
    }
    for (const RawMember& m : members) {
      if (m.key == "properties") {
        TRY(visit_each(m.value, reachable));
      } else if (is_map(m.key)) {
        TRY(visit_each(m.value, false));
      } else if (is_schema(m.key)) {
        TRY(visit_branches(m.value));
      }
    }
    --depth_;
    return {};
  }

  std::vector<HeaderParam> take() { return std::move(params_); }

 private:
  static bool is_map(std::string_view key) {
    return key == "patternProperties" || key == "dependentSchemas" || key == "$defs" ||
           key == "definitions";
  }
  // What is no schema (default, enum, const, examples) may hold any key.
  static bool is_schema(std::string_view key) {
    constexpr std::string_view kKeys[] = {"items",         "prefixItems",
                                          "contains",      "additionalProperties",
                                          "propertyNames", "unevaluatedItems",
                                          "not",           "unevaluatedProperties",
                                          "oneOf",         "anyOf",
                                          "allOf",         "if",
                                          "then",          "else"};
    return std::ranges::find(kKeys, key) != std::end(kKeys);
  }

  Result<void> visit_each(std::string_view object, bool reachable) {
    if (!object.starts_with('{') || object.find(kAnnotation) == object.npos) return {};
    TRY_ASSIGN(const auto members, json_.members(object, kMembersMax));
    for (const RawMember& m : members) {
      path_.emplace_back(m.key);
      TRY(visit(m.value, reachable));
      path_.pop_back();
    }
    return {};
  }

  Result<void> visit_branches(std::string_view value) {
    if (!value.starts_with('[')) return visit(value, false);
    TRY_ASSIGN(const auto branches, json_.elements(value, kMembersMax));
    for (const std::string_view branch : branches)
      TRY(visit(branch, false));
    return {};
  }

  Result<void> add(std::string_view raw_name, std::string_view raw_type) {
    if (!raw_name.starts_with('"')) return fail("x-mcp-header is no string");
    TRY_ASSIGN(const auto name, json_.unescape(raw_name));
    if (!is_token(name)) return fail("x-mcp-header is no name of a field");
    if (raw_type != R"("string")" && raw_type != R"("integer")" && raw_type != R"("boolean")") {
      return fail("x-mcp-header on neither a string, an integer nor a boolean");
    }
    if (!names_.insert(lowercase(name)).second) return fail("the same x-mcp-header twice");
    if (params_.size() == kParamsMax) return fail("too many x-mcp-header");
    params_.push_back({std::string(name), path_});
    return {};
  }

  RawJson& json_;
  std::vector<HeaderParam> params_;
  std::vector<std::string> path_;
  std::set<std::string, std::less<>> names_;
  size_t depth_ = 0;
};

// As the server says the number when it has read it: 1.0 and 1e2 are integers, too.
std::string decimal(std::string_view raw) {
  if (raw.find_first_of(".eE") == raw.npos) return std::string(raw);
  double value = 0;
  const auto read = std::from_chars(raw.data(), raw.data() + raw.size(), value);
  const bool is_whole = read.ec == std::errc() && std::trunc(value) == value;
  if (!is_whole || std::abs(value) > kSafeInteger) return std::string(raw);
  return fmt::format("{}", static_cast<int64_t>(value));
}

std::string encoded(std::string_view text) {
  return text.empty() ? "=?base64?"
                        "?="
                      : encode_header_value(text);
}

}  // namespace

Result<std::vector<HeaderParam>> read_header_params(const Tool& tool, RawJson& json) {
  const bool is_annotated = tool.before_name.find(kAnnotation) != tool.before_name.npos ||
                            tool.after_name.find(kAnnotation) != tool.after_name.npos;
  if (!is_annotated) return std::vector<HeaderParam>();
  const std::string whole = tool.before_name + "\"\"" + tool.after_name + "}";
  TRY_ASSIGN(const auto members, json.members(whole));
  Scan scan(json);
  TRY(scan.visit(member_of(members, "inputSchema"), true));
  return scan.take();
}

Result<Fields> header_fields(const std::vector<HeaderParam>& params, std::string_view call_params,
                             RawJson& json) {
  Fields fields;
  TRY_ASSIGN(const auto members, json.members(call_params));
  const std::string_view arguments = member_of(members, "arguments");
  for (const HeaderParam& param : params) {
    std::string_view value = arguments;
    for (const std::string& step : param.path) {
      if (!value.starts_with('{')) value = {};
      if (value.empty()) break;
      TRY_ASSIGN(const auto level, json.members(value, kMembersMax));
      value = member_of(level, step);
    }
    if (value.empty() || value == "null" || value.front() == '{' || value.front() == '[') continue;
    std::string field(kFieldPrefix);
    field += param.name;
    if (value.front() == '"') {
      TRY_ASSIGN(const auto text, json.unescape(value));
      fields.emplace_back(std::move(field), encoded(text));
    } else {
      fields.emplace_back(std::move(field), decimal(value));
    }
  }
  return fields;
}

}  // namespace satgate::dialect::mcp
