// Passing one HTTP call on: which fields travel, how the upstream's answer is handed to the client
// piece by piece, and what is kept back until the call is settled.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "contract/call.h"
#include "flow/conversation.h"
#include "flow/settings.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace satgate::flow {

// Writes the path and query for the upstream: base path + endpoint without the route's prefix.
void upstream_target(std::string& target, const Upstream& upstream, const Route& route,
                     const Call& call);

struct RelayOptions {
  bool plain_text = false;  // ask for no content coding, because the answer must be read
  std::string_view authorization = {};  // that was bought of the upstream; empty: none
};

// Begins the upstream request: the client's fields without credentials and hop-by-hop ones, then
// the upstream's own credential and fields.
void write_upstream_head(net::ClientExchange& upstream_call, const wire::RequestHead& from,
                         const Upstream& upstream, const std::string& target,
                         const ApiKeys& api_keys, const RelayOptions& options);

// Begins the response to the client from the upstream's.
wire::HeadWriter& write_client_head(net::ServerExchange& http, const wire::ResponseHead& from);

// Bodies up to a window are read first and leave with the head in one send.
bool is_sent_whole(const wire::BodyFraming& framing);
net::Task<net::Reply<std::string_view>> read_whole(net::ServerExchange& http);

// Sends the request with its body, whole or piece by piece. `read_ahead`: what read_whole() gave,
// if it was asked before. A Fault of the client side (its body was bad or cut) says so.
net::Task<std::expected<void, Fault>> send_request(
    net::ServerExchange& http, net::ClientExchange& upstream_call,
    const std::optional<net::Reply<std::string_view>>& read_ahead);

net::ClientOptions client_options(const Settings& settings);

}  // namespace satgate::flow
