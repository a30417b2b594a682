#include "dialect/mcp/uri_template.h"

#include <cstddef>
#include <vector>

namespace satgate::dialect::mcp {
namespace {

// Templates come from servers and uris from clients: the work is their product.
constexpr size_t kUriBytesMax = 4 * 1024;
constexpr size_t kExpressionsMax = 16;
constexpr std::string_view kWideOperators = "+#/?&";

// Where in the uri the template may be after the part that was read. ends[i]: before byte i.
using Ends = std::vector<bool>;

Ends after_expression(const Ends& before, std::string_view uri, bool wide) {
  Ends after(before.size(), false);
  bool inside = false;
  for (size_t i = 0; i < before.size(); ++i) {
    inside = inside || before[i];
    after[i] = inside;
    if (i < uri.size() && !wide && uri[i] == '/') inside = false;
  }
  return after;
}

Ends after_literal(const Ends& before, std::string_view uri, std::string_view literal) {
  Ends after(before.size(), false);
  for (size_t i = 0; i + literal.size() < before.size(); ++i) {
    after[i + literal.size()] = before[i] && uri.substr(i).starts_with(literal);
  }
  return after;
}

}  // namespace

bool fits_uri_template(std::string_view uri_template, std::string_view uri) {
  const size_t first = uri_template.find('{');
  if (first == uri_template.npos) return uri_template == uri;
  if (uri.size() > kUriBytesMax || !uri.starts_with(uri_template.substr(0, first))) return false;
  Ends ends(uri.size() + 1, false);
  ends[0] = true;
  size_t expressions = 0;
  while (!uri_template.empty()) {
    const size_t open = uri_template.find('{');
    ends = after_literal(ends, uri, uri_template.substr(0, open));
    if (open == uri_template.npos) break;
    const size_t close = uri_template.find('}', open);
    if (close == uri_template.npos || ++expressions > kExpressionsMax) return false;
    const bool wide = kWideOperators.find(uri_template[open + 1]) != kWideOperators.npos;
    ends = after_expression(ends, uri, wide);
    uri_template.remove_prefix(close + 1);
  }
  return ends.back();
}

}  // namespace satgate::dialect::mcp
