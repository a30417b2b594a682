#include "net/upstream.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace satgate::net {
namespace {

UpstreamIdentity identity(std::string_view url) {
  const auto parsed = wire::parse_url(url);
  EXPECT_TRUE(parsed.has_value()) << url;
  return parsed ? identity_of(*parsed) : UpstreamIdentity{};
}

TEST(UpstreamIdentity, EveryFieldSeparatesConnections) {
  const UpstreamIdentity base = identity("https://api.example.com/v1");
  const std::vector<std::pair<const char*, std::function<void(UpstreamIdentity&)>>> changes = {
      {"tls", [](auto& i) { i.tls = false; }},
      {"host", [](auto& i) { i.host = "other.example.com"; }},
      {"port", [](auto& i) { i.port = 8443; }},
      {"sni", [](auto& i) { i.sni = "x"; }},
      {"verify_host", [](auto& i) { i.verify_host = "x"; }},
      {"insecure", [](auto& i) { i.insecure = true; }},
      {"ca_file", [](auto& i) { i.ca_file = "x"; }},
      {"client_cert", [](auto& i) { i.client_cert = "x"; }},
      {"client_key", [](auto& i) { i.client_key = "x"; }},
  };
  EXPECT_EQ(base, identity("https://API.example.com:443/v2")) << "the path is not of the identity";
  EXPECT_EQ(std::hash<UpstreamIdentity>{}(base),
            std::hash<UpstreamIdentity>{}(identity("https://api.example.com")));
  for (const auto& [name, change] : changes) {
    UpstreamIdentity other = base;
    change(other);
    EXPECT_NE(other, base) << name;
  }
  // A field added to the struct must get its line above.
  EXPECT_EQ(changes.size(), 9U);
}

TEST(UpstreamIdentity, HostField) {
  EXPECT_EQ(host_field(identity("https://a.example")), "a.example");
  EXPECT_EQ(host_field(identity("https://a.example:80")), "a.example:80");
  EXPECT_EQ(host_field(identity("http://a.example:80")), "a.example");
  EXPECT_EQ(host_field(identity("http://[::1]:3000/x")), "[::1]:3000");
}

}  // namespace
}  // namespace satgate::net
