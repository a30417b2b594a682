#include "tariff/url_hosts.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace satgate::tariff {
namespace {

constexpr size_t kHostMax = 253;

bool is_label_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

// Labels of lower-case letters, digits, '-' and '_', with single dots between them.
bool is_host(std::string_view host) {
  if (host.empty() || host.size() > kHostMax) return false;
  bool starts = true;
  for (const char c : host) {
    if (c == '.' ? starts : !is_label_char(c)) return false;
    starts = c == '.';
  }
  return !starts;
}

// Its last label is a number, as in all of 127.0.0.1, 127.1, 2130706433 and 0x7f000001: whoever
// reads it takes it for an address.
bool is_numeric(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  const bool digits = std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
  return digits || last.starts_with("0x");
}

bool is_ipv4(std::string_view host) {
  const auto parts = split(host, '.');
  return parts.size() == 4 && std::ranges::all_of(parts, [](std::string_view part) {
           const auto number = parse_uint(part);
           return number && *number <= 255 && (part.size() == 1 || part.front() != '0');
         });
}

// What no parser removes, decodes or takes for a separator: no blank, control, backslash, nor
// anything beyond ASCII.
bool is_plain_url(std::string_view url) {
  return std::ranges::all_of(url, [](char c) { return c > ' ' && c <= '~' && c != '\\'; });
}

}  // namespace

Result<UrlHosts> UrlHosts::create(const std::vector<std::string>& hosts) {
  UrlHosts made;
  for (const std::string& text : hosts) {
    Entry entry;
    std::string_view host = text;
    entry.below = host.starts_with("*.");
    if (entry.below) host.remove_prefix(2);
    if (const size_t colon = host.find(':'); colon != host.npos) {
      entry.port = host.substr(colon + 1);
      const auto port = parse_uint(entry.port);
      if (!port || *port == 0 || *port > 65'535 || entry.port.front() == '0') {
        return fail(fmt::format("'{}' has no port from 1 to 65535 behind the colon", text));
      }
      host = host.substr(0, colon);
    }
    entry.name = host;
    const bool is_address = !entry.below && is_ipv4(host);
    if (!is_host(host) || (is_numeric(host) && !is_address)) {
      return fail(
          fmt::format("'{}' must be a host in lower case like example.com, *.example.org "
                      "or example.com:8443",
                      text));
    }
    made.entries_.push_back(std::move(entry));
  }
  return made;
}

bool UrlHosts::allow(std::string_view url) const {
  if (!is_plain_url(url)) return false;
  const bool tls = url.starts_with("https://");
  if (!tls && !url.starts_with("http://")) return false;
  url.remove_prefix(tls ? 8 : 7);
  // Some take "host?@other" or "host#@other" for user information: only a slash may follow.
  const std::string_view authority = url.substr(0, url.find('/'));
  const size_t colon = authority.find(':');
  const std::string_view host = authority.substr(0, colon);
  const std::string_view usual = tls ? "443" : "80";
  const std::string_view port = colon == authority.npos ? usual : authority.substr(colon + 1);
  if (!is_host(host)) return false;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    if (port != (entry.port.empty() ? usual : std::string_view(entry.port))) return false;
    if (!entry.below) return host == entry.name;
    return host.size() > entry.name.size() + 1 && host.ends_with(entry.name) &&
           host[host.size() - entry.name.size() - 1] == '.';
  });
}

}  // namespace satgate::tariff
