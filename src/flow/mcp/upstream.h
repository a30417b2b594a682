// One MCP server behind the gateway, whatever its transport: its handshake, its tools, its
// restarts. Everything here runs on the hub's loop; only status() may be asked from elsewhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dialect/mcp/raw_json.h"
#include "flow/mcp/hub.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow::mcp {

// One request on its way to a server.
struct Outgoing {
  uint64_t id = 0;
  std::string text;            // the whole message
  bool opens_session = false;  // initialize
  std::chrono::milliseconds timeout{0};
};

struct CallFailure {
  Fault fault;
  // The server has said that it does not know the session, so it did not run the request.
  bool session_lost = false;
};
using Answer = std::expected<Outcome, CallFailure>;

CallFailure unsent(int http_status, std::string message);
CallFailure sent(int http_status, std::string message);

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  struct Request {
    std::string method;
    std::string params;  // raw, as the client sent them
    std::string tool;    // replaces params.name where it is set
    std::function<void(std::string)> on_progress;
  };

  Upstream(net::Loop& loop, ServerConfig config, HubOptions options);
  virtual ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  // It runs from the first start() to the stop() that answers the last one.
  // `on_change`, of whoever has started it last: the tools have changed, or the first handshake has
  // ended either way.
  void start(std::function<void()> on_change);
  net::Task<> stop();

  net::Task<std::expected<Outcome, Fault>> call(Request request);

  const ServerConfig& config() const { return config_; }
  const std::vector<dialect::mcp::Tool>& tools() const { return tools_; }
  const dialect::mcp::Capabilities& capabilities() const { return capabilities_; }
  bool settled() const { return settled_; }  // the first handshake has ended, either way
  ServerStatus status() const;               // from any thread

 protected:
  // The transport. connect() makes exchange() possible; disconnect() ends what connect() began, and
  // when stopping, or when no answer can come any more, every exchange that still waits.
  virtual net::Task<Result<void>> connect() = 0;
  virtual net::Task<> disconnect() = 0;
  virtual net::Task<Answer> exchange(Outgoing outgoing) = 0;
  virtual net::Task<> notify(std::string text) = 0;
  // After the handshake: the version both sides speak, and the tools are known.
  virtual void joined(std::string_view protocol_version) = 0;

  // What a server says by itself. A request gets an answer to be sent back; anything else nothing.
  std::string incoming(const dialect::mcp::Message& message);
  // The connection is of no use any more: reconnect, after a pause.
  void set_broken(std::string why);

  net::Loop& loop_;
  const ServerConfig config_;
  const HubOptions options_;
  dialect::mcp::RawJson json_;
  bool ready_ = false;
  bool stopping_ = false;
  uint64_t generation_ = 0;  // of the handshake in force

 private:
  struct Progress {
    std::string token;  // the client's, raw
    std::function<void(std::string)> deliver;
  };

  net::Task<> supervise();
  net::Task<Result<void>> join();
  net::Task<> serve();
  net::Task<Result<std::vector<dialect::mcp::Tool>>> list_tools();
  net::Task<Answer> ask(std::string method, std::string params);
  net::Task<bool> await_ready(uint64_t after, std::chrono::milliseconds at_most);
  Result<std::string> read_initialize(std::string_view result);
  Result<Outgoing> prepare(const Request& request);
  net::Task<Answer> call_once(const Request& request);
  void set_tools(std::vector<dialect::mcp::Tool> tools);
  void set_ready();
  void set_down(std::string why);
  void wake_waiters();

  std::function<void()> on_change_;
  net::Event wake_;   // something for serve() to do
  net::Event pause_;  // between two attempts; only stop() cuts it short
  net::Event ended_;
  std::vector<std::shared_ptr<net::Event>> waiters_;
  std::map<uint64_t, Progress> progress_;
  std::vector<dialect::mcp::Tool> tools_;
  dialect::mcp::Capabilities capabilities_;
  std::chrono::milliseconds delay_;
  uint64_t next_id_ = 0;
  size_t in_flight_ = 0;
  size_t users_ = 0;  // start() without stop()
  bool settled_ = false;
  bool running_ = false;
  bool broken_ = false;
  bool at_once_ = false;   // reconnect without a pause
  bool renewing_ = false;  // that is under way: calls wait for it
  bool refresh_ = false;

  mutable std::mutex status_mutex_;
  ServerStatus status_;
};

// `config` must hold the transport of that name.
std::shared_ptr<Upstream> make_stdio_upstream(net::Loop& loop, ServerConfig config,
                                              HubOptions options);
// Fails when the URL cannot be used.
Result<std::shared_ptr<Upstream>> make_http_upstream(net::Loop& loop, ServerConfig config,
                                                     HubOptions options,
                                                     std::shared_ptr<net::UpstreamPool> pool);

}  // namespace satgate::flow::mcp
