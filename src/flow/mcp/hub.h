// The MCP servers behind the gateway: child processes over stdio and Streamable HTTP servers, each
// supervised by itself, one catalogue over all of them. The hub forwards; it decides nothing: who
// may call what, and what it costs, is settled before call_tool() and after it (flow/exchange.cc).
//
//   Hub hub(loop, std::move(servers), options);
//   co_await hub.start();                     // returns when all are ready, or after `start_wait`
//   const auto catalogue = hub.catalogue();   // from any thread
//   auto* entry = catalogue->find("search_code");
//   const auto outcome = co_await hub.call_tool(std::move(request));   // from any loop
//
// Failures stay with their server: a server that is down, slow or talks nonsense costs its own
// calls a Fault, keeps its tools listed (they come back after a restart), and never delays the
// others.
//
// Fault.sent_upstream is exact: false only when no byte of the call can have reached the server, or
// when the server has said that it did not run it because it no longer knew the session (404). In
// that case alone the hub repeats a call by itself, once, after a new handshake.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "contract/fault.h"
#include "dialect/mcp/catalogue.h"
#include "dialect/mcp/reply.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow::mcp {

struct StdioCommand {
  std::string command;
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;  // on top of a minimal environment
  bool operator==(const StdioCommand&) const = default;
};

struct HttpUpstream {
  std::string url;  // "https://mcp.internal/github-read"
  // Sent with every request: the upstream's own credential, never the agent's.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string ca_file;  // PEM with the roots to trust for this server; empty: the system's
  bool operator==(const HttpUpstream&) const = default;
};

struct ServerConfig {
  std::string name;  // the key under mcpServers
  std::variant<StdioCommand, HttpUpstream> transport;
  std::optional<std::string> prefix;
  std::chrono::milliseconds timeout{60'000};  // of one call, from sending to its response
  bool operator==(const ServerConfig&) const = default;
};

struct HubOptions {
  dialect::mcp::PrefixMode prefix_mode = dialect::mcp::PrefixMode::collision;
  std::string version;                               // of the gateway, for clientInfo
  std::chrono::milliseconds handshake_wait{15'000};  // initialize and tools/list of one server
  std::chrono::milliseconds start_wait{5'000};       // start() waits this long for all servers
  std::chrono::milliseconds backoff_min{500};        // before a restart; doubles up to the maximum
  std::chrono::milliseconds backoff_max{30'000};
  size_t calls_in_flight_max = 1024;  // per server; more are a Fault with status 503, unsent
};

// What a server answered: exactly one of the two is set, raw JSON as it came.
struct Outcome {
  std::string result;
  std::string error;  // a JSON-RPC error object
};

struct CallRequest {
  std::string server;
  std::string tool;    // the server's own name for it
  std::string params;  // raw params of the client's tools/call
  // Called on the hub's loop with the raw params of each notifications/progress of this call, the
  // client's own progressToken put back. Only when the client sent one.
  std::function<void(std::string)> on_progress = {};
};

struct ServerStatus {
  enum class State : uint8_t { starting, ready, down };
  std::string name;
  State state = State::starting;
  std::string transport;    // "stdio" or "http"
  std::string server_info;  // "name version" as it says about itself, for people
  size_t tools = 0;
  uint64_t restarts = 0;
  uint64_t calls = 0;
  uint64_t faults = 0;
  std::string last_error;  // for people; no secrets
};

class Upstream;

class Hub {
 public:
  // Lives on `loop`; destroy it there, after stop(). A server that `before` runs under the same
  // config is not started again: both hubs use it from now on, and the last one to stop ends it.
  // `before` has been started, and has not been stopped when this one starts.
  Hub(net::Loop& loop, std::vector<ServerConfig> servers, HubOptions options,
      const Hub* before = nullptr);
  ~Hub();
  Hub(const Hub&) = delete;
  Hub& operator=(const Hub&) = delete;

  // Starts every server. Returns when all are ready, or after start_wait; servers that are not
  // ready go on trying. On the hub's loop.
  net::Task<void> start();
  // Ends sessions and children (stdin closed, then SIGTERM, then SIGKILL), but for those that
  // another hub has taken over. On the hub's loop. Idempotent.
  net::Task<void> stop();

  // A snapshot; never null. Thread-safe.
  std::shared_ptr<const dialect::mcp::Catalogue> catalogue() const;
  // Grows by one with every new catalogue: what list_changed notifications are made from.
  uint64_t catalogue_version() const;

  // What the servers offer together. Thread-safe.
  dialect::mcp::Capabilities capabilities() const;

  // Forwards one tools/call. From any loop; resumes there.
  net::Task<std::expected<Outcome, Fault>> call_tool(CallRequest request);

  // Forwards another request (resources/*, prompts/*, completion/complete) to the first server in
  // the order of the config that offers it. A Fault with status 404 when none does. From any loop.
  net::Task<std::expected<Outcome, Fault>> pass(std::string method, std::string params);

  // From any thread.
  std::vector<ServerStatus> status() const;

 private:
  struct State;
  static net::Task<void> stop_one(std::shared_ptr<Upstream> upstream, std::shared_ptr<size_t> left,
                                  std::shared_ptr<net::Event> all);
  std::shared_ptr<State> state_;
};

}  // namespace satgate::flow::mcp
