// `/mcp`: Streamable HTTP for clients of both eras, without sessions: legacy revisions let a server
// leave them out, the modern one has none. Handshakes and lists are answered here from the hub's
// catalogue; `tools/call` goes through the governed exchange.
#pragma once

#include <string>
#include <string_view>

#include "dialect/mcp/message.h"
#include "dialect/mcp/version.h"
#include "flow/conversation.h"
#include "flow/worker.h"
#include "net/http_server.h"

namespace satgate::flow::mcp {

class Endpoint {
 public:
  explicit Endpoint(Worker& worker) : worker_(worker) {}

  // `call` has id, time and method; the endpoint fills in the rest for every message.
  net::Task<> handle(net::ServerExchange& http, Call call, Snapshot snapshot);

 private:
  struct Visit;  // one POST

  net::Task<> handle_post(net::ServerExchange& http, Call call, Snapshot snapshot);
  net::Task<> answer_messages(Visit& visit, const dialect::mcp::Envelope& envelope);
  net::Task<> answer_message(Visit& visit, const dialect::mcp::Message& message);
  net::Task<> answer_request(Visit& visit, const dialect::mcp::Message& message,
                             dialect::mcp::Era era);
  net::Task<> call_tool(Visit& visit, const dialect::mcp::Message& message, dialect::mcp::Era era);
  void list_tools(Visit& visit, const dialect::mcp::Message& message, dialect::mcp::Era era);
  void answer_unoffered(Visit& visit, const dialect::mcp::Message& message, dialect::mcp::Era era);
  void initialize(Visit& visit, const dialect::mcp::Message& message);

  Worker& worker_;
};

}  // namespace satgate::flow::mcp
