// Which hosts a URL in an argument may name. A tool will read the URL with a parser that nobody
// here knows, so a URL passes only if it is written such that all of them read the same host.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace satgate::tariff {

class UrlHosts {
 public:
  // "example.com", "*.example.org" for all names below it, "example.com:8443" for that port; also
  // an IPv4 address. Fails with a sentence about the first that is none of these.
  static Result<UrlHosts> create(const std::vector<std::string>& hosts);

  // Whether `url` is http(s)://HOST[/...] with one of the hosts, in lower case and plain ASCII,
  // without user information, and at the scheme's own port unless the entry says which.
  bool allow(std::string_view url) const;

 private:
  struct Entry {
    std::string name;  // without "*"
    bool below = false;
    std::string port;  // empty: the scheme's own
  };
  std::vector<Entry> entries_;
};

}  // namespace satgate::tariff
