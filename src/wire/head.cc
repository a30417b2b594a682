#include "wire/head.h"

#include "base/text.h"

namespace satgate::wire {
namespace {

struct DropRule {
  std::string_view name;
  bool in_request;
  bool in_response;
};

constexpr std::array kDropRules = {
    // Hop-by-hop.
    DropRule{"connection", true, true},
    DropRule{"keep-alive", true, true},
    DropRule{"proxy-connection", true, true},
    DropRule{"proxy-authenticate", true, true},
    DropRule{"proxy-authorization", true, true},
    DropRule{"proxy-authentication-info", true, true},
    DropRule{"te", true, true},
    DropRule{"trailer", true, true},
    DropRule{"upgrade", true, true},
    DropRule{"http2-settings", true, true},
    // Framing and Host are written anew; a response has no Host.
    DropRule{"transfer-encoding", true, true},
    DropRule{"content-length", true, true},
    DropRule{"host", true, true},
    // Answered here.
    DropRule{"expect", true, false},
    // Would lead the client around the gateway.
    DropRule{"alt-svc", false, true},
};

// The sizes that those names have, one bit each: most names are none of them by that alone.
constexpr uint32_t kDroppedSizes = [] {
  uint32_t sizes = 0;
  for (const DropRule& rule : kDropRules)
    sizes |= 1U << rule.name.size();
  return sizes;
}();

// Calls `visit` with each comma-separated element, trimmed, until it returns true.
template <class Visit>
bool any_element(std::string_view list, Visit visit) {
  for (;;) {
    const size_t comma = list.find(',');
    if (visit(trim(list.substr(0, comma)))) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::optional<std::string_view> Fields::find(std::string_view name) const {
  for (const Field& field : *this) {
    if (equals_ignore_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

size_t Fields::count(std::string_view name) const {
  size_t n = 0;
  for (const Field& field : *this) {
    if (equals_ignore_case(field.name, name)) ++n;
  }
  return n;
}

std::optional<std::string_view> Fields::find_single(std::string_view name) const {
  return count(name) == 1 ? find(name) : std::nullopt;
}

bool Fields::has_token(std::string_view name, std::string_view token) const {
  for (const Field& field : *this) {
    if (!equals_ignore_case(field.name, name)) continue;
    if (any_element(field.value, [token](std::string_view element) {
          return equals_ignore_case(element, token);
        })) {
      return true;
    }
  }
  return false;
}

bool Fields::push(std::string_view name, std::string_view value) {
  if (size_ == kCapacity) return false;
  items_[size_++] = Field{name, value};
  return true;
}

bool is_dropped_by_proxy(std::string_view name, Direction direction) {
  if (name.size() >= 32 || (kDroppedSizes >> name.size() & 1U) == 0) return false;
  for (const DropRule& rule : kDropRules) {
    if (equals_ignore_case(rule.name, name)) {
      return direction == Direction::request ? rule.in_request : rule.in_response;
    }
  }
  return false;
}

ForwardFilter::ForwardFilter(const Fields& fields, Direction direction)
    : fields_(fields), direction_(direction) {
  for (const Field& field : fields) {
    if (!equals_ignore_case(field.name, "connection")) continue;
    connection_names_fields_ |= any_element(field.value, [](std::string_view element) {
      return !element.empty() && !equals_ignore_case(element, "close") &&
             !equals_ignore_case(element, "keep-alive");
    });
  }
}

bool ForwardFilter::forwards(std::string_view name) const {
  if (is_dropped_by_proxy(name, direction_)) return false;
  return !connection_names_fields_ || !fields_.has_token("connection", name);
}

}  // namespace satgate::wire
