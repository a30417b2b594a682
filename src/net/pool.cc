#include "net/pool.h"

#include <algorithm>

namespace satgate::net {

namespace {
constexpr size_t kWorkspacesMax = 256;
constexpr size_t kWorkspaceBytesMax = 256 * 1024;  // larger buffers are not kept
constexpr size_t kInputBytes = 32 * 1024;
}  // namespace

UpstreamPool::UpstreamPool(Loop& loop, PoolOptions options)
    : state_(std::make_shared<State>(loop, options)) {}

UpstreamPool::~UpstreamPool() {
  // Exchanges that still wait keep the state alive; nothing goes back into it.
  state_->closed = true;
  state_->sweep.disarm();
  state_->workspaces.clear();
  clear();
}

Loop& UpstreamPool::loop() {
  return state_->loop;
}

size_t UpstreamPool::idle() const {
  return state_->idle;
}

uint64_t UpstreamPool::connections() const {
  return state_->opened;
}

uint64_t UpstreamPool::reused() const {
  return state_->reused;
}

void UpstreamPool::clear() {
  // A connection in the making may hold a bucket's TLS context: only the contexts' sessions and the
  // idle connections go.
  for (auto& [identity, bucket] : state_->buckets) {
    bucket.idle.clear();
    if (bucket.tls != nullptr) bucket.tls->forget_sessions();
  }
  state_->idle = 0;
}

UpstreamPool::State::Bucket& UpstreamPool::State::bucket(const UpstreamIdentity& identity) {
  const auto found = buckets.find(identity);
  if (found != buckets.end()) return found->second;
  return buckets.try_emplace(identity).first->second;
}

Result<std::shared_ptr<TlsClientContext>> UpstreamPool::State::tls_context(
    const UpstreamIdentity& identity) {
  Bucket& own = bucket(identity);
  if (own.tls == nullptr) {
    TRY_ASSIGN(own.tls, TlsClientContext::create(identity));
  }
  return own.tls;
}

std::unique_ptr<Stream> UpstreamPool::State::take(const UpstreamIdentity& identity) {
  const auto found = buckets.find(identity);
  if (found == buckets.end()) return nullptr;
  std::vector<Idle>& idles = found->second.idle;
  while (!idles.empty()) {
    std::unique_ptr<Stream> stream = std::move(idles.back().stream);
    idles.pop_back();
    --idle;
    // Bytes that nobody asked for, or an end: either way of no use.
    if (stream->readable_or_closed()) continue;
    ++reused;
    return stream;
  }
  return nullptr;
}

void UpstreamPool::State::put(const UpstreamIdentity& identity, std::unique_ptr<Stream> stream) {
  if (closed || options.idle_per_identity_max == 0) return;
  if (buckets.size() >= options.identities_max && !buckets.contains(identity)) {
    std::erase_if(buckets, [](const auto& entry) { return entry.second.idle.empty(); });
    if (buckets.size() >= options.identities_max) return;
  }
  std::vector<Idle>& idles = bucket(identity).idle;
  if (idles.size() >= options.idle_per_identity_max) {
    idles.erase(idles.begin());
    --idle;
  }
  idles.push_back(Idle{std::move(stream), Clock::now()});
  ++idle;
  if (!sweep.armed()) sweep.arm(options.idle_timeout / 4);
}

std::unique_ptr<ClientExchange::State> UpstreamPool::State::take_workspace() {
  if (workspaces.empty()) {
    auto made = std::make_unique<ClientExchange::State>();
    made->in.reserve(kInputBytes);
    return made;
  }
  std::unique_ptr<ClientExchange::State> workspace = std::move(workspaces.back());
  workspaces.pop_back();
  return workspace;
}

void UpstreamPool::State::put_workspace(std::unique_ptr<ClientExchange::State> workspace) {
  if (closed || workspaces.size() >= kWorkspacesMax) return;
  if (workspace->in.capacity() > kWorkspaceBytesMax ||
      workspace->collected.capacity() > kWorkspaceBytesMax) {
    return;
  }
  workspaces.push_back(std::move(workspace));
}

void UpstreamPool::State::on_sweep(void* self) {
  auto* state = static_cast<State*>(self);
  const auto oldest = Clock::now() - state->options.idle_timeout;
  for (auto& [identity, bucket] : state->buckets) {
    state->idle -= std::erase_if(bucket.idle, [oldest](const Idle& entry) {
      return entry.since <= oldest || entry.stream->readable_or_closed();
    });
  }
  if (state->idle > 0) state->sweep.arm(state->options.idle_timeout / 4);
}

}  // namespace satgate::net
