#include <utility>
#include <vector>

#include "flow/mcp/hub.h"

namespace satgate::flow::mcp {

uint64_t Broadcast::watch(Watcher watcher) {
  const std::lock_guard lock(mutex_);
  watchers_[++next_] = std::move(watcher);
  return next_;
}

void Broadcast::unwatch(uint64_t id) {
  const std::lock_guard lock(mutex_);
  watchers_.erase(id);
}

// Under the lock, so that nobody is called after its unwatch(). Watchers only take note.
void Broadcast::publish(const HubEvent& event) {
  const std::lock_guard lock(mutex_);
  for (const auto& [id, watcher] : watchers_)
    watcher(event);
}

}  // namespace satgate::flow::mcp
