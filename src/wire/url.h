// URLs of upstreams, and the one place where request paths are normalised and queries decoded.
// RFC 3986. What two parsers could read differently is refused, not repaired.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace satgate::wire {

// http(s)://host[:port][/base]
struct Url {
  bool tls = false;
  std::string host;  // lowercase name or address; IPv6 without brackets
  bool is_ipv6 = false;
  uint16_t port = 0;      // 80 or 443 unless given
  std::string base_path;  // "" or "/base": normalised, without a slash at the end

  // For the Host field: brackets around IPv6, the port only when it is not the usual one.
  std::string authority() const;
  bool operator==(const Url&) const = default;
};

// Refuses other schemes, user info, an empty or odd host, port 0, query, fragment, white space.
Result<Url> parse_url(std::string_view text);

// host[:port] as in a Host field; brackets around IPv6.
struct Authority {
  std::string_view host;  // without brackets
  bool is_ipv6 = false;
  std::optional<uint16_t> port;
};
std::optional<Authority> parse_authority(std::string_view text);

enum class PathError : uint8_t {
  not_absolute,       // does not start with '/'
  bad_byte,           // control, space, backslash, '?', '#', or beyond ASCII
  bad_escape,         // '%' without two hex digits
  encoded_ambiguity,  // %2F, %5C, %00, or another escaped control byte
  dot_segment,        // "." or "..", also escaped or with ";parameters"
  empty_segment,      // "//"
};
std::string_view sentence(PathError error);

// The canonical form of a request path: escaped unreserved characters are decoded and the
// remaining escapes are in upper case, so that one resource has one spelling. The result is what
// is matched, priced, checked by caveats *and forwarded*. It is a view of `path` if that is
// canonical already, else of `scratch`. A path of "/" or one ending in '/' keeps its slash.
std::expected<std::string_view, PathError> normalise_path(std::string_view path,
                                                          std::string& scratch);

// Walks `a=1&b=2` (application/x-www-form-urlencoded: '+' is a space). Pairs that are empty are
// skipped; a name without '=' has an empty value.
class QueryPairs {
 public:
  explicit QueryPairs(std::string_view query) : rest_(query) {}

  // True with the next pair, decoded; the views hold until the next call.
  bool next(std::string_view& name, std::string_view& value);
  // After next() returned false: whether it stopped at a bad escape or NUL, not at the end. The
  // request must then be refused where the query decides anything.
  bool is_malformed() const { return malformed_; }

 private:
  bool decode(std::string_view text, std::string& scratch, std::string_view& out);

  std::string_view rest_;
  std::string name_;
  std::string value_;
  bool malformed_ = false;
};

}  // namespace satgate::wire
