#include "net/upstream.h"

#include <string_view>

namespace satgate::net {

UpstreamIdentity identity_of(const wire::Url& url) {
  UpstreamIdentity identity;
  identity.tls = url.tls;
  identity.host = url.host;
  identity.port = url.port;
  return identity;
}

std::string host_field(const UpstreamIdentity& identity) {
  wire::Url url;
  url.tls = identity.tls;
  url.host = identity.host;
  url.is_ipv6 = identity.host.find(':') != std::string::npos;
  url.port = identity.port;
  return url.authority();
}

}  // namespace satgate::net

size_t std::hash<satgate::net::UpstreamIdentity>::operator()(
    const satgate::net::UpstreamIdentity& identity) const noexcept {
  // The fields that tell most upstreams apart; equality looks at all of them.
  size_t value = std::hash<std::string_view>{}(identity.host);
  const size_t rest =
      (size_t{identity.port} << 2) | (identity.tls ? 2U : 0U) | (identity.insecure ? 1U : 0U);
  value ^= rest + 0x9e3779b97f4a7c15ULL + (value << 6) + (value >> 2);
  if (!identity.client_cert.empty()) {
    value ^= std::hash<std::string_view>{}(identity.client_cert) + (value << 6) + (value >> 2);
  }
  return value;
}
