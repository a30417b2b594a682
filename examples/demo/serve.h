// What the demo upstreams share: a small HTTP front on one loop, and JSON answers.
//
// These are stand-ins for real services, made to be counted: each keeps its own books and shows
// them at GET /stats, so that a person or a test can compare what was served with what SatGate
// charged.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace satgate::demo {

using Json = nlohmann::json;

inline constexpr size_t kBodyBytesMax = 32 * 1024 * 1024;

// Serves until SIGTERM or SIGINT. Prints "listening http://HOST:PORT" once connections are
// accepted; port 0 takes any free one. The process exit code.
int serve(std::string_view listen, net::Handler& handler);

net::Task<> send_json(net::ServerExchange& exchange, int status, const Json& body);

// The string at `key` of an object; empty where there is none, whatever else there is.
std::string string_at(const Json& object, const char* key);

// The value of `name` in a query string, undecoded; empty if it is not there.
std::string_view query_value(std::string_view query, std::string_view name);

// As a number, or `otherwise`; at most a million.
uint64_t number_or(std::string_view text, uint64_t otherwise);

}  // namespace satgate::demo
