// What the gateway is told from outside about calls and payments that it knows: the outcome of a
// call, by who has the secret of its price; a payment, by the node.
#pragma once

#include <string_view>

#include "flow/settings.h"
#include "flow/worker.h"
#include "net/http_server.h"
#include "net/task.h"

namespace satgate::flow {

inline constexpr std::string_view kOutcomesPath = "/.well-known/satgate/outcomes/";

// The request id of the call follows the path (Outcomes).
net::Task<> handle_outcome(Worker& worker, net::ServerExchange& http);

net::Task<> handle_webhook(Worker& worker, net::ServerExchange& http,
                           const LightningSettings& lightning);

}  // namespace satgate::flow
