// Name lookups. getaddrinfo() blocks and can not be interrupted, so a few threads of the process do
// it; they never keep it from ending. Internal to net.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "net/address.h"

namespace satgate::net {

// Calls `done` from another thread with the addresses of `host`, none when it is not known.
void resolve(std::string host, uint16_t port,
             std::move_only_function<void(std::vector<Endpoint>)> done);

}  // namespace satgate::net
