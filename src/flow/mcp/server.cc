#include "flow/mcp/server.h"

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

// On the shared connection a client is asked when it can be told which one. Roots are never
// declared there: a filesystem server would take them instead of those in its config.
constexpr std::string_view kSharedCapabilities =
    R"({"sampling":{},"elicitation":{"form":{},"url":{}}})";

Fault too_many(const std::string& name) {
  return unsent(503, name + " serves too many clients at a time").fault;
}

}  // namespace

Result<std::shared_ptr<Server>> Server::make(net::Loop& loop, ServerConfig config,
                                             HubOptions options,
                                             std::shared_ptr<net::UpstreamPool> pool) {
  auto server =
      std::make_shared<Server>(loop, std::move(config), std::move(options), std::move(pool));
  const auto* http = std::get_if<HttpUpstream>(&server->config_.transport);
  if (http != nullptr && http->oauth) {
    TRY_ASSIGN(server->tokens_,
               AccessTokens::make(loop, *http->oauth, server->options_.token_wait, server->pool_));
  }
  Connection connection;
  connection.capabilities = kSharedCapabilities;
  connection.board = server->board_;
  TRY_ASSIGN(server->shared_, server->connect(std::move(connection)));
  return server;
}

Server::Server(net::Loop& loop, ServerConfig config, HubOptions options,
               std::shared_ptr<net::UpstreamPool> pool)
    : loop_(loop),
      config_(std::move(config)),
      options_(std::move(options)),
      pool_(std::move(pool)),
      sweep_pause_(loop),
      ended_(loop) {
  board_->change([this](ServerStatus& status) {
    status.name = config_.name;
    status.transport = std::holds_alternative<StdioCommand>(config_.transport) ? "stdio" : "http";
  });
}

Result<std::shared_ptr<Upstream>> Server::connect(Connection connection) {
  const std::weak_ptr<UpstreamEvents> events = weak_from_this();
  if (connection.credential.first.empty()) connection.tokens = tokens_;
  if (std::holds_alternative<StdioCommand>(config_.transport)) {
    return make_stdio_upstream(loop_, config_, options_, std::move(connection), events);
  }
  return make_http_upstream(loop_, config_, options_, std::move(connection), events, pool_);
}

void Server::start(Watcher watcher) {
  watcher_ = std::move(watcher);
  if (users_++ == 0) shared_->start();
}

net::Task<> Server::stop() {
  const auto self = shared_from_this();
  if (--users_ > 0) co_return;
  stopping_ = true;
  sweep_pause_.cancel();
  if (tokens_) tokens_->stop();
  for (auto& [key, own] : std::exchange(own_, {}))
    net::spawn(loop_, end(self, own.upstream));
  co_await shared_->stop();
  while (ending_ > 0)
    co_await ended_.wait(milliseconds(1'000));
}

net::Task<> Server::end(std::shared_ptr<Server> self, std::shared_ptr<Upstream> upstream) {
  self->ending_ += 1;
  co_await upstream->stop();
  self->ending_ -= 1;
  self->ended_.notify();
}

void Server::changed() {
  if (shared_->era()) is_legacy_ = shared_->era() == mcp::Era::legacy;
  if (watcher_.changed) watcher_.changed();
}

void Server::resource_updated(std::string uri) {
  if (watcher_.resource_updated) watcher_.resource_updated(uri);
}

bool Server::wants_own(const ClientTraits& client) const {
  if (client.brings_credential) return true;
  if (!is_legacy_ || client.capabilities.empty() || client.affinity.empty()) return false;
  if (config_.sharing == ServerConfig::Sharing::automatic) return asks_its_clients_;
  return config_.sharing == ServerConfig::Sharing::separate;
}

// Null: there is no room for one more. Who acts under one credential of the config shares its
// connection, as all others share `shared_`.
std::shared_ptr<Upstream> Server::pick(const ClientTraits& client) {
  const bool is_alone = wants_own(client);
  const auto& [field, secret] = client.credential;
  if (!is_alone && field.empty()) return shared_;
  const std::string capabilities(is_alone ? client.capabilities : kSharedCapabilities);
  const std::string affinity = is_alone ? client.affinity : "";
  const Hash256 abilities = sha256(capabilities);
  const Hash256 credential = sha256(field + ": " + secret);
  const std::string key =
      affinity + "\n" + to_hex(as_bytes_view(abilities)) + to_hex(as_bytes_view(credential));
  if (const auto found = own_.find(key); found != own_.end()) {
    found->second.used = loop_.now();
    return found->second.upstream;
  }
  if (stopping_ || !make_room()) return nullptr;
  Connection connection;
  connection.capabilities = capabilities;
  connection.has_lists = false;
  connection.is_of_one_client = is_alone;
  connection.era = shared_->era();
  connection.credential = client.credential;
  connection.between_calls = client.between_calls;
  auto upstream = connect(std::move(connection));
  if (!upstream) return nullptr;
  (*upstream)->start();
  own_[key] = {*upstream, affinity, loop_.now()};
  if (!std::exchange(sweeping_, true)) net::spawn(loop_, sweep(shared_from_this()));
  return *upstream;
}

// The one that has been idle for the longest makes room.
bool Server::make_room() {
  if (own_.size() < options_.separate_max) return true;
  auto oldest = own_.end();
  for (auto own = own_.begin(); own != own_.end(); ++own) {
    if (!own->second.upstream->idle()) continue;
    if (oldest == own_.end() || own->second.used < oldest->second.used) oldest = own;
  }
  if (oldest == own_.end()) return false;
  net::spawn(loop_, end(shared_from_this(), oldest->second.upstream));
  own_.erase(oldest);
  return true;
}

void Server::release(const std::string& affinity) {
  std::erase_if(own_, [&](auto& entry) {
    if (entry.second.affinity != affinity) return false;
    net::spawn(loop_, end(shared_from_this(), entry.second.upstream));
    return true;
  });
}

void Server::roots_changed(const std::string& affinity) {
  for (const auto& [key, own] : own_) {
    if (own.affinity == affinity) own.upstream->roots_changed();
  }
}

net::Task<> Server::sweep(std::shared_ptr<Server> self) {
  while (!self->stopping_ && !self->own_.empty()) {
    co_await self->sweep_pause_.wait(self->options_.separate_idle / 4);
    self->end_idle();
  }
  self->sweeping_ = false;
}

void Server::end_idle() {
  const auto now = loop_.now();
  for (auto own = own_.begin(); own != own_.end();) {
    if (!own->second.upstream->idle()) own->second.used = now;
    if (now - own->second.used < options_.separate_idle) {
      ++own;
      continue;
    }
    net::spawn(loop_, end(shared_from_this(), own->second.upstream));
    own = own_.erase(own);
  }
}

net::Task<std::expected<Outcome, Fault>> Server::call(Upstream::Request request,
                                                      std::shared_ptr<Flight> flight) {
  const auto self = shared_from_this();
  board_->change([](ServerStatus& status) { status.calls += 1; });
  const auto upstream = pick(flight->client);
  std::expected<Outcome, Fault> called = std::unexpected(too_many(config_.name));
  if (upstream) called = co_await upstream->call(std::move(request), flight);
  if (!called) board_->change([](ServerStatus& status) { status.faults += 1; });
  co_return called;
}

}  // namespace satgate::flow::mcp
