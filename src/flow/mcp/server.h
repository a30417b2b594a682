// One configured MCP server and all connections to it: the shared one, which knows what the server
// offers, and those of single clients, where the server asks its clients. On the hub's loop.
//
// A request of a legacy server names no caller. On a shared connection it can be told whose it is
// only while one call is in flight; on a connection of one client it is that client's.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {

class Server final : public UpstreamEvents, public std::enable_shared_from_this<Server> {
 public:
  // Of the hub that has started it last.
  struct Watcher {
    std::function<void()> changed;
    std::function<void(const std::string& uri)> resource_updated;
  };

  // Fails when the config cannot work.
  static Result<std::shared_ptr<Server>> make(net::Loop& loop, ServerConfig config,
                                              HubOptions options,
                                              std::shared_ptr<net::UpstreamPool> pool);
  // For make().
  Server(net::Loop& loop, ServerConfig config, HubOptions options,
         std::shared_ptr<net::UpstreamPool> pool);

  // It runs from the first start() to the stop() that answers the last one.
  void start(Watcher watcher);
  net::Task<> stop();

  net::Task<std::expected<Outcome, Fault>> call(Upstream::Request request,
                                                std::shared_ptr<Flight> flight);
  // Ends the connections of a client that has gone.
  void release(const std::string& affinity);
  void roots_changed(const std::string& affinity);

  Upstream& shared() { return *shared_; }
  const Upstream& shared() const { return *shared_; }
  const ServerConfig& config() const { return config_; }
  void note_held(size_t tools) {
    board_->change([tools](ServerStatus& status) { status.held = tools; });
  }
  bool watches_definitions() const {
    return options_.definitions != nullptr &&
           config_.definitions != ServerConfig::Definitions::trusted;
  }
  ServerStatus status() const { return board_->read(); }  // from any thread

  void changed() override;
  void list_announced(ListKind kind) override { shared_->refresh(kind); }
  void resource_updated(std::string uri) override;
  void asked() override { asks_its_clients_ = true; }

 private:
  struct Own {
    std::shared_ptr<Upstream> upstream;
    std::string affinity;
    net::Wheel::Clock::time_point used;
  };

  Result<std::shared_ptr<Upstream>> connect(Connection connection);
  bool wants_own(const ClientTraits& client) const;
  std::shared_ptr<Upstream> pick(const ClientTraits& client);
  bool make_room();
  static net::Task<> end(std::shared_ptr<Server> self, std::shared_ptr<Upstream> upstream);
  void end_idle();
  static net::Task<> sweep(std::shared_ptr<Server> self);

  net::Loop& loop_;
  const ServerConfig config_;
  const HubOptions options_;
  const std::shared_ptr<net::UpstreamPool> pool_;
  std::shared_ptr<AccessTokens> tokens_;  // null: it has none
  const std::shared_ptr<StatusBoard> board_ = std::make_shared<StatusBoard>();
  Watcher watcher_;
  std::shared_ptr<Upstream> shared_;
  std::map<std::string, Own> own_;  // by affinity, capabilities and credential; see pick()
  net::Event sweep_pause_;
  net::Event ended_;
  size_t ending_ = 0;
  size_t users_ = 0;  // start() without stop()
  bool asks_its_clients_ = false;
  bool is_legacy_ = false;
  bool sweeping_ = false;
  bool stopping_ = false;
};

}  // namespace satgate::flow::mcp
