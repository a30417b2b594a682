#include "token/endpoint.h"

#include <optional>

#include "base/text.h"

namespace satgate::token {
namespace {

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

constexpr bool is_control(char c) {
  return static_cast<uint8_t>(c) < 0x20 || c == 0x7f;
}

// The byte that `%XX` at `at` stands for.
std::optional<char> decode_at(std::string_view text, size_t at) {
  if (at + 2 >= text.size()) return std::nullopt;
  const int high = hex_value(text[at + 1]), low = hex_value(text[at + 2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<char>(high << 4 | low);
}

bool is_dot_segment(std::string_view segment) {
  // Some servers drop `;parameters` before they resolve dots.
  const std::string_view name = segment.substr(0, segment.find(';'));
  return name == "." || name == "..";
}

// Whether every server reads this path the same way (endpoint.h lists what is refused).
bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c <= ' ' || c >= 0x7f || c == '\\' || c == '#' || c == '?') return false;
    if (c != '%') continue;
    const std::optional<char> byte = decode_at(path, i);
    if (!byte || is_control(*byte)) return false;
    if (std::string_view("/\\.%;?#").find(*byte) != std::string_view::npos) return false;
  }
  std::string_view rest = path.substr(1);
  while (true) {
    const size_t end = rest.find('/');
    if (is_dot_segment(rest.substr(0, end))) return false;
    if (end == rest.npos) return true;
    if (end == 0) return false;  // "//"
    rest.remove_prefix(end + 1);
  }
}

// Frameworks fold these into one name.
constexpr char fold(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c + 32);
  return c == '.' || c == ' ' || c == '+' ? '_' : c;
}

// Whether a raw parameter name, decoded and folded, may be taken for `name`: leading blanks and an
// array suffix do not count.
bool is_same_name(std::string_view raw, std::string_view name) {
  size_t matched = 0;
  bool leading = true;
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      const std::optional<char> byte = decode_at(raw, i);
      if (!byte) return true;  // unreadable: assume the worst
      c = *byte;
      i += 2;
    } else if (c == '+') {
      c = ' ';
    }
    if (leading && c == ' ') continue;
    leading = false;
    if (c == '[') break;
    if (matched == name.size() || fold(c) != fold(name[matched])) return false;
    ++matched;
  }
  return matched == name.size();
}

bool is_readable_query(std::string_view query) {
  for (size_t i = 0; i < query.size(); ++i) {
    if (query[i] == ';' || query[i] == '#' || is_control(query[i])) return false;
    if (query[i] != '%') continue;
    const std::optional<char> byte = decode_at(query, i);
    if (!byte || is_control(*byte)) return false;
  }
  return true;
}

// Calls `visit(part)` for each part between '&'; stops at the first false.
template <class Visit>
bool every_pair(std::string_view query, const Visit& visit) {
  while (true) {
    const size_t end = query.find('&');
    if (!visit(query.substr(0, end))) return false;
    if (end == query.npos) return true;
    query.remove_prefix(end + 1);
  }
}

bool holds_pair(std::string_view pair, std::string_view query) {
  const std::string_view name = pair.substr(0, pair.find('='));
  int found = 0;
  const bool all_fit = every_pair(query, [&](std::string_view part) {
    if (!is_same_name(part.substr(0, part.find('=')), name)) return true;
    ++found;
    return part == pair;
  });
  return all_fit && found == 1;
}

bool is_plain_pair(std::string_view pair) {
  const size_t equals = pair.find('=');
  if (equals == 0 || equals == pair.npos) return false;
  for (const char c : pair) {
    if (c <= ' ' || c >= 0x7f || std::string_view("*%+;#?[]").find(c) != std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

Result<void> check_endpoint_pattern(std::string_view pattern) {
  const std::string text(pattern);
  const size_t question = pattern.find('?');
  const std::string_view path = pattern.substr(0, question);
  if (path != "*" && (!is_plain_path(path) || path.find('%') != path.npos)) {
    return fail("endpoint '" + text + "' is not a plain path pattern such as /read/*");
  }
  if (question == pattern.npos) return {};
  if (!every_pair(pattern.substr(question + 1), is_plain_pair)) {
    return fail("endpoint '" + text + "' needs a query of plain name=value pairs after '?'");
  }
  return {};
}

bool endpoint_matches(std::string_view pattern, std::string_view path, std::string_view query) {
  const size_t question = pattern.find('?');
  if (!is_plain_path(path) || !glob_match(pattern.substr(0, question), path)) return false;
  if (question == pattern.npos) return true;
  if (!is_readable_query(query)) return false;
  return every_pair(pattern.substr(question + 1),
                    [&](std::string_view pair) { return holds_pair(pair, query); });
}

}  // namespace satgate::token
