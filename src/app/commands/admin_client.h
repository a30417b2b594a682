// The admin API of the gateway that runs on a data directory. Its address and token are files there
// (`admin.address`, `admin.token`) that the gateway writes.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands/context.h"

namespace satgate::app {

using Query = std::vector<std::pair<std::string, std::string>>;

class AdminClient {
 public:
  // Fails with `no_gateway` when no gateway has written its address there.
  static Expected<AdminClient> open(const std::filesystem::path& data_dir);

  // `path` is what follows /api/v1/. Failures are the gateway's own sentence, or `no_gateway`.
  Expected<Json> get(std::string_view path, const Query& query = {}) const;
  Expected<Json> post(std::string_view path, const Json& body) const;
  Expected<Json> patch(std::string_view path, const Json& body) const;
  Expected<Json> remove(std::string_view path) const;

  const std::string& address() const { return address_; }

 private:
  Expected<Json> call(std::string_view method, const std::string& target,
                      const std::string& body) const;

  std::filesystem::path data_dir_;
  std::string address_;
  std::string token_;
};

// The client of this context's data directory.
Expected<AdminClient> admin(const Context& context);

// For a segment of a path or a value of a query (RFC 3986, "unreserved").
std::string percent_encode(std::string_view text);

// "tokens" + a name -> "tokens/my%20agent".
std::string resource(std::string_view collection, std::string_view name);

}  // namespace satgate::app
