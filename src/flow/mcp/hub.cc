#include "flow/mcp/hub.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <utility>

#include "flow/mcp/server.h"
#include "net/http_client.h"

namespace satgate::flow::mcp {

namespace mcp = dialect::mcp;

namespace {

constexpr size_t kWatchesMax = 4096;

Fault fault_of(int http_status, std::string message) {
  Fault fault;
  fault.source = Fault::Source::gateway;
  fault.http_status = http_status;
  fault.message = std::move(message);
  return fault;
}

// What a caller holds of its call. It may outlive the call, and live on any thread.
class FlightCancel final : public CallCancel {
 public:
  FlightCancel(std::shared_ptr<net::Inbox> inbox, std::weak_ptr<Flight> flight)
      : inbox_(std::move(inbox)), flight_(std::move(flight)) {}
  void cancel() override {
    std::move_only_function<void()> end = [flight = flight_] {
      if (const auto alive = flight.lock()) alive->end(Flight::End::cancelled);
    };
    inbox_->put(std::move(end));
  }

 private:
  std::shared_ptr<net::Inbox> inbox_;
  std::weak_ptr<Flight> flight_;
};

}  // namespace

struct Hub::State : std::enable_shared_from_this<Hub::State> {
  State(net::Loop& l, HubOptions o) : loop(l), options(std::move(o)), settled(l) {}

  // A resource that somebody watches; without a server until one offers it.
  struct Watch {
    size_t count = 0;
    std::shared_ptr<Server> server;
  };

  void add(ServerConfig config, const State* before);
  void take_watches(const State& before);
  void changed();
  void hold_back(const ServerConfig& config, mcp::ServerTools& offer);
  void publish_changes(const mcp::Catalogue& before, const mcp::Catalogue& now);
  void resource_updated(const std::string& uri);
  void watch_unclaimed();
  std::shared_ptr<Server> find(std::string_view server) const;
  std::shared_ptr<Server> server_of(std::string_view uri) const;
  static net::Task<> watch_at(std::shared_ptr<Server> server, std::string uri);
  static net::Task<std::expected<Outcome, Fault>> call(std::shared_ptr<State> self,
                                                       CallRequest request);
  static net::Task<std::expected<void, Fault>> watch(std::shared_ptr<State> self, std::string uri);
  static net::Task<std::expected<void, Fault>> unwatch(std::shared_ptr<State> self,
                                                       std::string uri);

  net::Loop& loop;
  const HubOptions options;
  std::vector<ServerStatus> unusable;  // servers whose config cannot work
  std::vector<std::shared_ptr<Server>> servers;
  std::map<std::string, Watch, std::less<>> watches;  // by uri
  std::shared_ptr<net::UpstreamPool> pool;
  net::Event settled;
  bool running = false;

  std::atomic<uint64_t> version{0};
  // Not std::atomic<std::shared_ptr>: libstdc++ 12 releases its lock without ordering (PR 101761).
  mutable std::mutex mutex;
  std::shared_ptr<const mcp::Catalogue> catalogue = std::make_shared<const mcp::Catalogue>();
  mcp::Capabilities capabilities;
};

void Hub::State::add(ServerConfig config, const State* before) {
  if (before != nullptr) {
    const auto same = std::ranges::find(before->servers, config, &Server::config);
    if (same != before->servers.end()) return servers.push_back(*same);
  }
  if (!pool) pool = std::make_shared<net::UpstreamPool>(loop);
  ServerStatus status;
  status.name = config.name;
  status.transport = "http";
  auto made = Server::make(loop, std::move(config), options, pool);
  if (made) {
    servers.push_back(std::move(*made));
    return;
  }
  status.state = ServerStatus::State::down;
  status.last_error = made.error().message;
  unusable.push_back(std::move(status));
}

// Whoever watches a resource goes on to do so, whichever hub serves it now.
void Hub::State::take_watches(const State& before) {
  for (const auto& [uri, watch] : before.watches) {
    const bool is_kept = std::ranges::find(servers, watch.server) != servers.end();
    watches[uri] = {watch.count, is_kept ? watch.server : nullptr};
  }
}

// Tools whose definition is not the accepted one.
void Hub::State::hold_back(const ServerConfig& config, mcp::ServerTools& offer) {
  std::vector<store::ToolDefinition> tools;
  for (const mcp::Tool& tool : offer.tools)
    tools.push_back({tool.name, tool.definition});
  const bool pins = config.definitions == ServerConfig::Definitions::pinned;
  offer.held =
      options.definitions->offer(config.name, std::move(tools),
                                 pins ? options.on_first_sight : store::DefinitionBook::Witness());
}

// A server has settled, or offers something else now.
void Hub::State::changed() {
  std::vector<mcp::ServerTools> offers;
  mcp::Capabilities all;
  bool waiting = false;
  store::DefinitionBook::Names watched;
  for (const auto& server : servers) {
    const Upstream& upstream = server->shared();
    const mcp::Capabilities& has = upstream.hello().offers;
    mcp::ServerTools offer;
    offer.server = server->config().name;
    offer.prefix = server->config().prefix;
    offer.tools = upstream.lists().tools;
    offer.prompts = upstream.lists().prompts;
    offer.resources = upstream.lists().resources;
    offer.templates = upstream.lists().templates;
    offer.offers_resources = has.resources;
    for (const auto& [tool, changed] : server->config().tools) {
      if (!changed.name.empty()) offer.aliases[tool] = changed.name;
    }
    if (server->watches_definitions()) {
      hold_back(server->config(), offer);
      server->note_held(offer.held.size());
      watched.insert(offer.server);
    }
    offers.push_back(std::move(offer));
    all.resources = all.resources || has.resources;
    all.prompts = all.prompts || has.prompts;
    all.completions = all.completions || has.completions;
    all.logging = all.logging || has.logging;
    waiting = waiting || !upstream.settled();
  }
  if (options.definitions != nullptr) options.definitions->forget_others(watched);
  auto built = std::make_shared<const mcp::Catalogue>(
      mcp::Catalogue::build(std::move(offers), options.prefix_mode, options.listed_name_max));
  auto now = built;
  {
    const std::lock_guard lock(mutex);
    catalogue.swap(built);
    capabilities = all;
  }
  version += 1;
  publish_changes(*built, *now);
  watch_unclaimed();
  if (!waiting) settled.notify();
}

void Hub::State::publish_changes(const mcp::Catalogue& before, const mcp::Catalogue& now) {
  if (before.entries() != now.entries()) {
    options.broadcast->publish({HubEvent::Kind::tools_changed});
  }
  if (before.prompts() != now.prompts()) {
    options.broadcast->publish({HubEvent::Kind::prompts_changed});
  }
  if (before.resources() != now.resources() || before.templates() != now.templates()) {
    options.broadcast->publish({HubEvent::Kind::resources_changed});
  }
}

void Hub::State::resource_updated(const std::string& uri) {
  if (!watches.contains(uri)) return;
  options.broadcast->publish({HubEvent::Kind::resource_updated, uri});
}

void Hub::State::watch_unclaimed() {
  for (auto& [uri, watch] : watches) {
    if (watch.server) continue;
    watch.server = server_of(uri);
    if (watch.server) net::spawn(loop, watch_at(watch.server, uri));
  }
}

net::Task<> Hub::State::watch_at(std::shared_ptr<Server> server, std::string uri) {
  co_await server->shared().watch(std::move(uri));
}

std::shared_ptr<Server> Hub::State::find(std::string_view name) const {
  for (const auto& server : servers) {
    if (server->config().name == name) return server;
  }
  return nullptr;
}

std::shared_ptr<Server> Hub::State::server_of(std::string_view uri) const {
  return find(catalogue->server_of_resource(uri));
}

net::Task<std::expected<Outcome, Fault>> Hub::State::call(std::shared_ptr<State> self,
                                                          CallRequest request) {
  const auto server = self->find(request.server);
  if (!server) {
    co_return std::unexpected(fault_of(503, request.server + " is not configured, or unusable"));
  }
  const auto flight = std::make_shared<Flight>(self->loop);
  flight->client = std::move(request.client);
  flight->listener = std::move(request.listener);
  flight->on_elicited = std::move(request.on_elicited);
  if (request.on_begin) {
    request.on_begin(std::make_shared<FlightCancel>(self->loop.inbox(), flight));
  }
  Upstream::Request out;
  out.method = std::move(request.method);
  out.params = std::move(request.params);
  out.name = std::move(request.name);
  auto called = co_await server->call(std::move(out), flight);
  flight->close();
  co_return called;
}

net::Task<std::expected<void, Fault>> Hub::State::watch(std::shared_ptr<State> self,
                                                        std::string uri) {
  if (const auto known = self->watches.find(uri); known != self->watches.end()) {
    known->second.count += 1;
    co_return std::expected<void, Fault>();
  }
  const auto server = self->server_of(uri);
  if (!server) co_return std::unexpected(fault_of(404, "no server offers " + uri));
  if (self->watches.size() >= kWatchesMax) {
    co_return std::unexpected(fault_of(503, "too many resources are watched"));
  }
  self->watches[uri] = {1, server};
  auto watched = co_await server->shared().watch(uri);
  if (!watched) self->watches.erase(uri);
  co_return watched;
}

net::Task<std::expected<void, Fault>> Hub::State::unwatch(std::shared_ptr<State> self,
                                                          std::string uri) {
  const auto found = self->watches.find(uri);
  if (found == self->watches.end()) {
    co_return std::unexpected(fault_of(404, uri + " is not watched"));
  }
  if (--found->second.count > 0) co_return std::expected<void, Fault>();
  const auto server = found->second.server;
  self->watches.erase(found);
  if (!server) co_return std::expected<void, Fault>();
  co_return co_await server->shared().unwatch(std::move(uri));
}

Hub::Hub(net::Loop& loop, std::vector<ServerConfig> servers, HubOptions options, const Hub* before)
    : state_(std::make_shared<State>(loop, std::move(options))) {
  const State* const old = before != nullptr ? before->state_.get() : nullptr;
  for (ServerConfig& server : servers)
    state_->add(std::move(server), old);
  if (old == nullptr) return;
  state_->take_watches(*old);
  state_->catalogue = before->catalogue();  // what clients know: only what differs is news
}

Hub::~Hub() = default;

net::Task<void> Hub::start() {
  const auto state = state_;
  state->running = true;
  const std::weak_ptr<State> weak = state;
  for (const auto& server : state->servers) {
    Server::Watcher watcher;
    watcher.changed = [weak] {
      if (const auto told = weak.lock()) told->changed();
    };
    watcher.resource_updated = [weak](const std::string& uri) {
      if (const auto told = weak.lock()) told->resource_updated(uri);
    };
    server->start(std::move(watcher));
  }
  // Those that were taken over will not say again what they offer, and others are gone.
  state->changed();
  if (!state->servers.empty()) co_await state->settled.wait(state->options.start_wait);
}

// All at the same time, so that one that hangs costs the others nothing.
net::Task<void> Hub::stop() {
  const auto state = state_;
  if (!std::exchange(state->running, false)) co_return;
  const auto left = std::make_shared<size_t>(state->servers.size());
  const auto all = std::make_shared<net::Event>(state->loop);
  for (const auto& server : state->servers) {
    net::spawn(state->loop, stop_one(server, left, all));
  }
  while (*left > 0)
    co_await all->wait(std::chrono::milliseconds(1'000));
}

net::Task<void> Hub::stop_one(std::shared_ptr<Server> server, std::shared_ptr<size_t> left,
                              std::shared_ptr<net::Event> all) {
  co_await server->stop();
  *left -= 1;
  all->notify();
}

std::shared_ptr<const mcp::Catalogue> Hub::catalogue() const {
  const std::lock_guard lock(state_->mutex);
  return state_->catalogue;
}

void Hub::reconsider() {
  const std::weak_ptr<State> weak = state_;
  state_->loop.post([weak] {
    if (const auto state = weak.lock()) state->changed();
  });
}

uint64_t Hub::catalogue_version() const {
  return state_->version.load();
}

mcp::Capabilities Hub::capabilities() const {
  const std::lock_guard lock(state_->mutex);
  return state_->capabilities;
}

net::Task<std::expected<Outcome, Fault>> Hub::call(CallRequest request) {
  const auto state = state_;
  auto task = State::call(state, std::move(request));
  if (state->loop.in_loop_thread()) co_return co_await std::move(task);
  co_return co_await net::run_on(state->loop, std::move(task));
}

net::Task<std::expected<void, Fault>> Hub::watch_resource(std::string uri) {
  const auto state = state_;
  auto task = State::watch(state, std::move(uri));
  if (state->loop.in_loop_thread()) co_return co_await std::move(task);
  co_return co_await net::run_on(state->loop, std::move(task));
}

net::Task<std::expected<void, Fault>> Hub::unwatch_resource(std::string uri) {
  const auto state = state_;
  auto task = State::unwatch(state, std::move(uri));
  if (state->loop.in_loop_thread()) co_return co_await std::move(task);
  co_return co_await net::run_on(state->loop, std::move(task));
}

net::Task<> Hub::end_watch(std::shared_ptr<State> state, std::string uri) {
  const auto ended = co_await State::unwatch(state, std::move(uri));
  (void)ended;
}

void Hub::release(const std::string& affinity, std::vector<std::string> watched) {
  const std::weak_ptr<State> weak = state_;
  state_->loop.post([weak, affinity, uris = std::move(watched)] {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& server : state->servers)
      server->release(affinity);
    for (const std::string& uri : uris)
      net::spawn(state->loop, end_watch(state, uri));
  });
}

void Hub::roots_changed(const std::string& affinity) {
  const std::weak_ptr<State> weak = state_;
  state_->loop.post([weak, affinity] {
    const auto state = weak.lock();
    if (!state) return;
    for (const auto& server : state->servers)
      server->roots_changed(affinity);
  });
}

std::vector<ServerStatus> Hub::status() const {
  std::vector<ServerStatus> all;
  for (const auto& server : state_->servers)
    all.push_back(server->status());
  all.insert(all.end(), state_->unusable.begin(), state_->unusable.end());
  return all;
}

}  // namespace satgate::flow::mcp
