#include "flow/host_rules.h"

#include <algorithm>

#include "base/text.h"
#include "net/listener.h"
#include "wire/url.h"

namespace satgate::flow {
namespace {

std::string_view without_root(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

// Names of the machine as its containers see it. `.internal` is not in public DNS.
bool is_container_host(std::string_view host) {
  return equals_ignore_case(host, "host.docker.internal") ||
         equals_ignore_case(host, "host.containers.internal");
}

}  // namespace

// A name may begin with "127.", too: only figures and dots are an address.
bool is_loopback_host(std::string_view host) {
  host = without_root(host);
  if (host == "::1") return true;
  if (host.starts_with("127.")) {
    return std::ranges::all_of(host, [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
  }
  constexpr std::string_view name = "localhost";
  if (host.size() < name.size()) return false;
  const size_t before = host.size() - name.size();
  return equals_ignore_case(host.substr(before), name) && (before == 0 || host[before - 1] == '.');
}

bool HostRules::is_entry(std::string_view text) {
  std::string sample(text);
  std::ranges::replace(sample, '*', 'x');
  const bool is_bare_ipv6 = sample.find(':') != sample.npos && !sample.starts_with('[');
  const auto authority = wire::parse_authority(is_bare_ipv6 ? "[" + sample + "]" : sample);
  return authority && !authority->port;
}

void HostRules::bind(std::string_view listen) {
  const auto address = net::parse_listen_address(listen);
  bound_ = address ? address->host : "127.0.0.1";
  on_loopback_ = is_loopback_host(bound_);
}

void HostRules::list(std::string entry) {
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  entries_.push_back(lowercase(without_root(entry)));
}

bool HostRules::names(std::string_view host) const {
  const std::string name = lowercase(without_root(host));
  if (!public_host_.empty() && name == public_host_) return true;
  return std::ranges::any_of(
      entries_, [&](const std::string& entry) { return entry != "*" && glob_match(entry, name); });
}

bool HostRules::answers_to(std::string_view field) const {
  if (field.empty()) return true;  // HTTP/1.0; no browser leaves it out
  if (!on_loopback_ && entries_.empty()) return true;
  const auto authority = wire::parse_authority(field);
  if (!authority) return false;
  const std::string_view host = without_root(authority->host);
  if (is_loopback_host(host) || equals_ignore_case(host, bound_)) return true;
  if (on_loopback_ && is_container_host(host)) return true;
  return std::ranges::find(entries_, "*") != entries_.end() || names(host);
}

}  // namespace satgate::flow
