// One blocking HTTP request, for the command line that talks to a running gateway. It runs a loop
// of its own; never call it on a loop's thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "net/task.h"

namespace satgate::net {

struct SimpleResponse {
  int status = 0;
  std::string content_type;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// `url` is http(s)://host[:port]/path[?query]. The timeout is for the whole exchange. Errors are
// sentences for a person, such as "cannot connect to 127.0.0.1:9090: Connection refused".
Result<SimpleResponse> http_request(std::string_view url, std::string_view method,
                                    const std::vector<std::pair<std::string, std::string>>& headers,
                                    std::string_view body, Milliseconds timeout);

}  // namespace satgate::net
