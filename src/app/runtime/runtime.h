// The wiring of a running gateway: bank, loops, listeners, hub, admin. Built in start(), taken down
// in the opposite order.
//
// Threads: one loop a core for agents, one for the MCP hub, one for the admin API (whose work may
// block), the bank's own, and the caller's, which waits for signals and keeps the clockwork going.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/runtime/file_watch.h"
#include "app/runtime/start.h"
#include "console/admin_plane.h"
#include "flow/data_plane.h"
#include "flow/gateway.h"
#include "net/http_server.h"
#include "node/rate_source.h"
#include "store/bank.h"

namespace satgate::app {

class Runtime {
 public:
  explicit Runtime(StartOptions options);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // Fails with sentences for a person.
  Result<void> start();
  // Reads config and certificates again. On failure nothing has changed.
  Result<void> reload();
  // With `reload.watch`: true once for each change of a file that the config is made from. Call it
  // about once a second.
  bool config_changed();
  // Charges what is overdue, returns what has expired. Call about once a second.
  void tick();
  // Loops that `loopGuard` let pass since the last time.
  std::vector<flow::LoopNotice> take_loop_notices() { return gateway_->loop_guard.take_notices(); }
  // What there is to say of the rate that is fetched, once.
  std::optional<std::string> take_rate_notice() {
    return gateway_->rate ? gateway_->rate->take_notice() : std::nullopt;
  }
  // Lets calls under way end, then closes everything. Idempotent.
  void stop();

  std::string address() const { return "http" + scheme_suffix_ + "://" + listen_; }
  std::string admin_address() const { return "http://" + admin_listen_; }
  const store::RecoveryReport& recovery() const { return bank_->recovery(); }
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct DataLoop;

  Result<std::shared_ptr<flow::Settings>> load_settings();
  Result<void> open_watch();
  Result<void> take_config();
  Result<void> open_books();
  Result<void> open_rate();
  Result<void> open_paywall();
  void start_loops();
  net::Loop& hub_loop();
  Result<void> open_agents();
  Result<void> open_admin();
  Result<void> put_config_budgets(const flow::Settings& settings);
  Result<void> record_config(std::string_view what);
  bool record_first_sight(const std::string& server, size_t tools);
  void warn_of_missing_tokens();
  std::shared_ptr<flow::mcp::Hub> start_hub(const flow::Settings& settings,
                                            const flow::mcp::Hub* before);
  void stop_hubs();
  void write_addresses();
  void forget_invoices(Time now);

  StartOptions options_;
  std::vector<std::string> warnings_;
  std::unique_ptr<FileWatch> watch_;  // null: a change is not looked for
  SystemClock clock_;
  std::shared_ptr<const flow::Settings> settings_;
  std::unique_ptr<store::Bank> bank_;
  std::unique_ptr<flow::Gateway> gateway_;
  std::unique_ptr<node::RateSource> rate_source_;    // null: nothing is asked for
  std::vector<std::weak_ptr<flow::mcp::Hub>> hubs_;  // an old one lives until its last call ends
  std::optional<net::TlsServerContext> tls_;
  std::vector<std::unique_ptr<DataLoop>> data_loops_;  // the hubs live on the first
  std::unique_ptr<net::Loop> admin_loop_;
  std::unique_ptr<console::AdminPlane> admin_;
  std::unique_ptr<net::HttpServer> admin_server_;
  std::string listen_, admin_listen_, scheme_suffix_;
  Time forget_invoices_at_;
};

}  // namespace satgate::app
