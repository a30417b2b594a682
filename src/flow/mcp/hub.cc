#include "flow/mcp/hub.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "flow/mcp/upstream.h"
#include "net/http_client.h"

namespace satgate::flow::mcp {

namespace mcp = dialect::mcp;

struct Hub::State : std::enable_shared_from_this<Hub::State> {
  State(net::Loop& l, HubOptions o) : loop(l), options(std::move(o)), settled(l) {}

  void add(ServerConfig config, const State* before);
  void changed();
  Upstream* find(std::string_view server) const;
  Upstream* offering(std::string_view method) const;
  net::Task<std::expected<Outcome, Fault>> call(CallRequest request);
  net::Task<std::expected<Outcome, Fault>> pass(std::string method, std::string params);

  net::Loop& loop;
  const HubOptions options;
  std::vector<ServerStatus> unusable;  // servers whose config cannot work
  std::vector<std::shared_ptr<Upstream>> upstreams;
  std::shared_ptr<net::UpstreamPool> pool;
  net::Event settled;
  bool running = false;

  std::atomic<uint64_t> version{0};
  // Not std::atomic<std::shared_ptr>: libstdc++ 12 releases its lock without ordering (PR 101761).
  mutable std::mutex mutex;
  std::shared_ptr<const mcp::Catalogue> catalogue = std::make_shared<const mcp::Catalogue>();
  mcp::Capabilities capabilities;
};

namespace {

Fault fault_of(int http_status, std::string message) {
  Fault fault;
  fault.source = Fault::Source::gateway;
  fault.http_status = http_status;
  fault.message = std::move(message);
  return fault;
}

bool offers(const mcp::Capabilities& has, std::string_view method) {
  if (method.starts_with("resources/")) return has.resources;
  if (method.starts_with("prompts/")) return has.prompts;
  if (method.starts_with("completion/")) return has.completions;
  if (method.starts_with("logging/")) return has.logging;
  return false;
}

}  // namespace

void Hub::State::add(ServerConfig config, const State* before) {
  if (before != nullptr) {
    const auto same = std::ranges::find(before->upstreams, config, &Upstream::config);
    if (same != before->upstreams.end()) return upstreams.push_back(*same);
  }
  if (std::holds_alternative<StdioCommand>(config.transport)) {
    upstreams.push_back(make_stdio_upstream(loop, std::move(config), options));
    return;
  }
  if (!pool) pool = std::make_shared<net::UpstreamPool>(loop);
  ServerStatus status;
  status.name = config.name;
  status.transport = "http";
  auto made = make_http_upstream(loop, std::move(config), options, pool);
  if (made) {
    upstreams.push_back(std::move(*made));
    return;
  }
  status.state = ServerStatus::State::down;
  status.last_error = made.error().message;
  unusable.push_back(std::move(status));
}

// A server has settled, or its tools are others now.
void Hub::State::changed() {
  std::vector<mcp::ServerTools> servers;
  mcp::Capabilities all;
  bool waiting = false;
  for (const auto& upstream : upstreams) {
    mcp::ServerTools server;
    server.server = upstream->config().name;
    server.prefix = upstream->config().prefix;
    server.tools = upstream->tools();
    servers.push_back(std::move(server));
    const mcp::Capabilities& has = upstream->capabilities();
    all.resources = all.resources || has.resources;
    all.prompts = all.prompts || has.prompts;
    all.completions = all.completions || has.completions;
    all.logging = all.logging || has.logging;
    waiting = waiting || !upstream->settled();
  }
  auto built = std::make_shared<const mcp::Catalogue>(
      mcp::Catalogue::build(std::move(servers), options.prefix_mode));
  {
    const std::lock_guard lock(mutex);
    catalogue = std::move(built);
    capabilities = all;
  }
  version += 1;
  if (!waiting) settled.notify();
}

Upstream* Hub::State::find(std::string_view server) const {
  for (const auto& upstream : upstreams) {
    if (upstream->config().name == server) return upstream.get();
  }
  return nullptr;
}

Upstream* Hub::State::offering(std::string_view method) const {
  for (const auto& upstream : upstreams) {
    if (offers(upstream->capabilities(), method)) return upstream.get();
  }
  return nullptr;
}

net::Task<std::expected<Outcome, Fault>> Hub::State::call(CallRequest request) {
  Upstream* upstream = find(request.server);
  if (!upstream) {
    co_return std::unexpected(fault_of(503, request.server + " is not configured, or unusable"));
  }
  Upstream::Request out;
  out.method = "tools/call";
  out.params = std::move(request.params);
  out.tool = std::move(request.tool);
  out.on_progress = std::move(request.on_progress);
  co_return co_await upstream->call(std::move(out));
}

net::Task<std::expected<Outcome, Fault>> Hub::State::pass(std::string method, std::string params) {
  Upstream* upstream = offering(method);
  if (!upstream) co_return std::unexpected(fault_of(404, "no server offers " + method));
  Upstream::Request out;
  out.method = std::move(method);
  out.params = std::move(params);
  co_return co_await upstream->call(std::move(out));
}

Hub::Hub(net::Loop& loop, std::vector<ServerConfig> servers, HubOptions options, const Hub* before)
    : state_(std::make_shared<State>(loop, std::move(options))) {
  const State* const old = before != nullptr ? before->state_.get() : nullptr;
  for (ServerConfig& server : servers)
    state_->add(std::move(server), old);
}

Hub::~Hub() = default;

net::Task<void> Hub::start() {
  const auto state = state_;
  state->running = true;
  const std::weak_ptr<State> weak = state;
  for (const auto& upstream : state->upstreams) {
    upstream->start([weak] {
      if (const auto told = weak.lock()) told->changed();
    });
  }
  // Those that were taken over will not say again what they offer.
  if (std::ranges::any_of(state->upstreams, &Upstream::settled)) state->changed();
  if (!state->upstreams.empty()) co_await state->settled.wait(state->options.start_wait);
}

// All at the same time, so that one that hangs costs the others nothing.
net::Task<void> Hub::stop() {
  const auto state = state_;
  if (!std::exchange(state->running, false)) co_return;
  const auto left = std::make_shared<size_t>(state->upstreams.size());
  const auto all = std::make_shared<net::Event>(state->loop);
  for (const auto& upstream : state->upstreams) {
    net::spawn(state->loop, stop_one(upstream, left, all));
  }
  while (*left > 0)
    co_await all->wait(std::chrono::milliseconds(1'000));
}

net::Task<void> Hub::stop_one(std::shared_ptr<Upstream> upstream, std::shared_ptr<size_t> left,
                              std::shared_ptr<net::Event> all) {
  co_await upstream->stop();
  *left -= 1;
  all->notify();
}

std::shared_ptr<const mcp::Catalogue> Hub::catalogue() const {
  const std::lock_guard lock(state_->mutex);
  return state_->catalogue;
}

uint64_t Hub::catalogue_version() const {
  return state_->version.load();
}

mcp::Capabilities Hub::capabilities() const {
  const std::lock_guard lock(state_->mutex);
  return state_->capabilities;
}

net::Task<std::expected<Outcome, Fault>> Hub::call_tool(CallRequest request) {
  const auto state = state_;
  auto task = state->call(std::move(request));
  if (state->loop.in_loop_thread()) co_return co_await std::move(task);
  co_return co_await net::run_on(state->loop, std::move(task));
}

net::Task<std::expected<Outcome, Fault>> Hub::pass(std::string method, std::string params) {
  const auto state = state_;
  auto task = state->pass(std::move(method), std::move(params));
  if (state->loop.in_loop_thread()) co_return co_await std::move(task);
  co_return co_await net::run_on(state->loop, std::move(task));
}

std::vector<ServerStatus> Hub::status() const {
  std::vector<ServerStatus> all;
  for (const auto& upstream : state_->upstreams)
    all.push_back(upstream->status());
  all.insert(all.end(), state_->unusable.begin(), state_->unusable.end());
  return all;
}

}  // namespace satgate::flow::mcp
