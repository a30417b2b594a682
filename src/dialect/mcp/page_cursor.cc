#include "dialect/mcp/page_cursor.h"

#include "base/text.h"

namespace satgate::dialect::mcp {
namespace {

std::string head_of(std::string_view list) {
  return std::string(list) + ' ';
}

}  // namespace

std::string page_cursor(std::string_view list, std::string_view after) {
  return base64url_encode(head_of(list).append(after));
}

std::optional<std::string> read_page_cursor(std::string_view list, std::string_view cursor) {
  auto text = base64_decode(cursor);
  const std::string head = head_of(list);
  if (!text || !text->starts_with(head) || text->size() == head.size()) return std::nullopt;
  // One position has one cursor.
  if (base64url_encode(*text) != cursor) return std::nullopt;
  text->erase(0, head.size());
  return text;
}

}  // namespace satgate::dialect::mcp
