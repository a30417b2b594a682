#include "wire/url.h"

#include <algorithm>

#include "base/text.h"
#include "wire/chars.h"

namespace satgate::wire {
namespace {

bool is_name(std::string_view host) {
  return !host.empty() && host.size() <= 255 && std::ranges::all_of(host, [](char c) {
    return chars::is_alphanumeric(static_cast<unsigned char>(c)) || c == '-' || c == '.' ||
           c == '_';
  });
}

// The characters of an IPv6 address; whether they make one is for the resolver. No zone ids.
bool is_ipv6_text(std::string_view host) {
  return host.size() >= 2 && host.size() <= 45 && host.find(':') != host.npos &&
         std::ranges::all_of(host,
                             [](char c) { return hex_digit(c) >= 0 || c == ':' || c == '.'; });
}

// The value of "%XX" at `at`, or -1.
int escaped_byte(std::string_view text, size_t at) {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_digit(text[at + 1]);
  const int low = hex_digit(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

std::optional<PathError> check_segments(std::string_view path) {
  path.remove_prefix(1);
  for (;;) {
    const size_t slash = path.find('/');
    const std::string_view segment = path.substr(0, slash);
    // Some servers cut ";parameters" off before they look at dots.
    const std::string_view bare =
        segment.substr(0, std::min(segment.find(';'), segment.find("%3B")));
    if (bare == "." || bare == "..") return PathError::dot_segment;
    if (slash == path.npos) return std::nullopt;
    if (segment.empty()) return PathError::empty_segment;
    path.remove_prefix(slash + 1);
  }
}

// Writes the canonical spelling of `path`, which has an escape in it.
std::optional<PathError> rewrite(std::string_view path, std::string& out) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  out.clear();
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    const int value = escaped_byte(path, i);
    if (value < 0) return PathError::bad_escape;
    const char byte = static_cast<char>(value);
    if (byte == '/' || byte == '\\' || value < 0x20 || value == 0x7f) {
      return PathError::encoded_ambiguity;
    }
    if (is_unreserved(byte)) {
      out += byte;
    } else {
      out += '%';
      out += kHex[static_cast<size_t>(value >> 4)];
      out += kHex[static_cast<size_t>(value & 15)];
    }
    i += 2;
  }
  return std::nullopt;
}

}  // namespace

std::string Url::authority() const {
  std::string text = is_ipv6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) text += ":" + std::to_string(port);
  return text;
}

Result<Url> parse_url(std::string_view text) {
  Url url;
  const size_t colon = text.find("://");
  const std::string_view scheme = text.substr(0, colon);
  url.tls = equals_ignore_case(scheme, "https");
  if (colon == text.npos || (!url.tls && !equals_ignore_case(scheme, "http"))) {
    return fail("The URL must start with http:// or https://.");
  }
  const std::string_view rest = text.substr(colon + 3);
  const size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view before_path = rest.substr(0, slash);
  if (before_path.find('@') != before_path.npos) {
    return fail("The URL must not carry a user or a password; use the upstream's credential.");
  }
  if (rest.find_first_of("?#") != rest.npos) {
    return fail("The URL must not have a query or a fragment.");
  }
  const auto authority = parse_authority(before_path);
  if (!authority) return fail("The URL's host is not a name, an address or host:port.");
  url.host = lowercase(authority->host);
  url.is_ipv6 = authority->is_ipv6;
  url.port = authority->port.value_or(url.tls ? 443 : 80);
  if (slash + 1 < rest.size()) {
    std::string scratch;
    const auto path = normalise_path(rest.substr(slash), scratch);
    if (!path) return fail("The URL's path is refused: " + std::string(sentence(path.error())));
    url.base_path = *path;
    if (url.base_path.ends_with('/')) url.base_path.pop_back();
  }
  return url;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  std::string_view after;
  if (text.starts_with('[')) {
    const size_t bracket = text.find(']');
    if (bracket == text.npos) return std::nullopt;
    authority.host = text.substr(1, bracket - 1);
    authority.is_ipv6 = true;
    after = text.substr(bracket + 1);
    if (!is_ipv6_text(authority.host)) return std::nullopt;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    authority.host = text.substr(0, colon);
    after = text.substr(colon);
    if (!is_name(authority.host)) return std::nullopt;
  }
  if (after.empty()) return authority;
  const auto port = parse_uint(after.substr(1));
  if (after.front() != ':' || after.size() > 6 || !port || *port == 0 || *port > 65535) {
    return std::nullopt;
  }
  authority.port = static_cast<uint16_t>(*port);
  return authority;
}

std::string_view sentence(PathError error) {
  switch (error) {
    case PathError::not_absolute:
      return "The path does not start with '/'.";
    case PathError::bad_byte:
      return "The path has a character that must be percent-encoded.";
    case PathError::bad_escape:
      return "The path has a '%' that is not followed by two hex digits.";
    case PathError::encoded_ambiguity:
      return "The path has an encoded slash, backslash or control character.";
    case PathError::dot_segment:
      return "The path has a '.' or '..' segment.";
    case PathError::empty_segment:
      return "The path has an empty segment ('//').";
  }
  return "The path is malformed.";
}

std::expected<std::string_view, PathError> normalise_path(std::string_view path,
                                                          std::string& scratch) {
  if (!path.starts_with('/')) return std::unexpected(PathError::not_absolute);
  bool has_escape = false;
  for (const char c : path) {
    if ((chars::kClasses[static_cast<unsigned char>(c)] & chars::kTarget) == 0 || c == '?' ||
        c == '\\') {
      return std::unexpected(PathError::bad_byte);
    }
    has_escape |= c == '%';
  }
  if (has_escape) {
    if (const auto error = rewrite(path, scratch)) return std::unexpected(*error);
    path = scratch;
  }
  if (const auto error = check_segments(path)) return std::unexpected(*error);
  return path;
}

bool QueryPairs::next(std::string_view& name, std::string_view& value) {
  while (!malformed_ && !rest_.empty()) {
    const size_t end = std::min(rest_.find('&'), rest_.size());
    const std::string_view pair = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    const std::string_view raw_value = pair.substr(std::min(equals + 1, pair.size()));
    malformed_ = !decode(pair.substr(0, equals), name_, name) || !decode(raw_value, value_, value);
    return !malformed_;
  }
  return false;
}

bool QueryPairs::decode(std::string_view text, std::string& scratch, std::string_view& out) {
  out = text;
  if (text.find_first_of(std::string_view("%+\0", 3)) == text.npos) return true;
  scratch.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int value = escaped_byte(text, i);
      if (value <= 0) return false;
      scratch += static_cast<char>(value);
      i += 2;
    } else if (text[i] == '\0') {
      return false;
    } else {
      scratch += text[i] == '+' ? ' ' : text[i];
    }
  }
  out = scratch;
  return true;
}

}  // namespace satgate::wire
