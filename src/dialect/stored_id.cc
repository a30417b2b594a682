#include "dialect/stored_id.h"

#include <algorithm>

namespace satgate::dialect {
namespace {

constexpr size_t kIdBytesMax = 512;

// Where answers lie, and what can be read of one besides itself.
struct Place {
  std::string_view folder, part;
};
constexpr Place kResponses = {"/v1/responses/", "input_items"};
constexpr Place kBatches = {"/v1/messages/batches/", "results"};

bool is_id_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         c == '-' || c == '.' || c == '=';
}

}  // namespace

bool is_stored_id(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax && !text.starts_with('.') &&
         std::ranges::all_of(text, is_id_byte);
}

std::string_view stored_id(Protocol protocol, std::string_view method, std::string_view path) {
  const Place& place = protocol == Protocol::anthropic ? kBatches : kResponses;
  if (!path.starts_with(place.folder)) return {};
  path.remove_prefix(place.folder.size());
  const size_t slash = std::min(path.find('/'), path.size());
  const std::string_view id = path.substr(0, slash);
  const std::string_view rest = path.substr(slash);
  if (!is_stored_id(id)) return {};
  const bool asks_part = !rest.empty() && rest.substr(1) == place.part;
  const bool fits = method == "POST"     ? rest == "/cancel"
                    : method == "DELETE" ? rest.empty()
                                         : method == "GET" && (rest.empty() || asks_part);
  return fits ? id : std::string_view();
}

}  // namespace satgate::dialect
