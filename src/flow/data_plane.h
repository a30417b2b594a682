// The agents' listener: health, prices, MCP, LLM and HTTP routes of one loop.
#pragma once

#include <memory>

#include "flow/mcp/endpoint.h"
#include "flow/sale_documents.h"
#include "flow/worker.h"
#include "net/http_server.h"

namespace satgate::flow {

class DataPlane final : public net::Handler {
 public:
  DataPlane(Gateway& gateway, net::Loop& loop)
      : worker_(gateway, loop), sale_(gateway), mcp_(worker_) {}

  net::Task<> handle(net::ServerExchange& http) override;

 private:
  net::Task<> handle_health(net::ServerExchange& http, bool readiness);
  net::Task<> handle_documents(net::ServerExchange& http, const Settings& settings);
  net::Task<> handle_route(net::ServerExchange& http, const Settings& settings, const Route& route,
                           Call& call);
  net::Task<> handle_stored(net::ServerExchange& http, const Settings& settings, const Route& route,
                            Call& call);

  Worker worker_;
  SaleDocuments sale_;
  mcp::Endpoint mcp_;
};

}  // namespace satgate::flow
