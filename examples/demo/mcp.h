// `satgate-demo mcp` (stdio) and `satgate-demo mcp-http` (Streamable HTTP): an MCP server with
// cheap and dear tools, for the revisions 2024-11-05 to 2025-11-25.
//
//   search_code      cheap; structured output
//   review_code      dear
//   generate_report  dearest
//   slow_search      answers after `ms` milliseconds
//   always_fails     a tool error (isError)
//
// Calls are counted: GET /stats over HTTP ({"calls", "tools": {name: n}}), and over stdio one byte
// a call appended to the file named by --count-file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "serve.h"

namespace satgate::demo {

// An answer, and how long it takes.
struct McpReply {
  Json message;
  uint64_t delay_ms = 0;
};

class McpServer {
 public:
  // One JSON-RPC message; nothing for notifications and responses.
  std::optional<McpReply> handle(const Json& message);
  Json stats() const;
  uint64_t calls() const { return calls_; }

 private:
  McpReply call_tool(const Json& id, const Json& params);

  std::map<std::string, uint64_t, std::less<>> calls_by_tool_;
  uint64_t calls_ = 0;
};

class McpHttp final : public net::Handler {
 public:
  net::Task<> handle(net::ServerExchange& exchange) override;

 private:
  McpServer server_;
};

// Serves stdin and stdout until stdin ends. The process exit code.
int serve_mcp_stdio(const std::string& count_file);

}  // namespace satgate::demo
