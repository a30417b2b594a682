// `x-mcp-header` of 2026-07-28: arguments of a tool that a client repeats in the head of its
// request, so that what stands between need not read the body.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/raw_json.h"

namespace satgate::dialect::mcp {

struct HeaderParam {
  std::string name;               // of the field, without "Mcp-Param-"
  std::vector<std::string> path;  // of the argument
};

// What the inputSchema of a tool annotates. An error: the annotation breaks a rule (it is no token,
// of another type than string, integer and boolean, there twice, or not on a path of `properties`),
// and the tool must not be used.
Result<std::vector<HeaderParam>> read_header_params(const Tool& tool, RawJson& json);

// The fields of a call with these params. What is absent or null has none.
using Fields = std::vector<std::pair<std::string, std::string>>;
Result<Fields> header_fields(const std::vector<HeaderParam>& params, std::string_view call_params,
                             RawJson& json);

}  // namespace satgate::dialect::mcp
