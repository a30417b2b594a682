// Which upstream connections are interchangeable: a struct with operator==, a test per field.
// Two requests may share a connection if and only if every field is equal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "wire/url.h"

namespace satgate::net {

struct UpstreamIdentity {
  bool tls = false;         // scheme https
  std::string host;         // name or address literal, lower case, no brackets
  uint16_t port = 80;       // where to connect
  std::string sni;          // server name to ask for; empty: host, if it is a name
  std::string verify_host;  // name the certificate must carry; empty: sni or host
  bool insecure = false;    // accept any certificate; only when the operator wrote so
  std::string ca_file;      // PEM; empty: the system's roots
  std::string client_cert;  // PEM file; empty: none
  std::string client_key;   // PEM file

  bool operator==(const UpstreamIdentity&) const = default;
};

// The identity behind a parsed URL, with verification on and no client certificate.
UpstreamIdentity identity_of(const wire::Url& url);

// What the Host field says: the default port is left out, IPv6 addresses get brackets.
std::string host_field(const UpstreamIdentity& identity);

}  // namespace satgate::net

template <>
struct std::hash<satgate::net::UpstreamIdentity> {
  size_t operator()(const satgate::net::UpstreamIdentity& identity) const noexcept;
};
