// What all loops share: the bank, the frozen settings, the keys, the MCP hub, the counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "flow/loop_guard.h"
#include "flow/metrics.h"
#include "flow/settings.h"
#include "store/bank.h"
#include "store/directory.h"
#include "token/keyring.h"

namespace satgate::flow {

class Gateway {
 public:
  Gateway(store::Bank& the_bank, const Clock& the_clock, std::shared_ptr<const Settings> settings,
          std::shared_ptr<const token::Keyring> keyring)
      : bank(the_bank),
        clock(the_clock),
        settings_(std::move(settings)),
        keyring_(std::move(keyring)) {
    bank.on_sync([this] { tell_synced(); });
  }
  ~Gateway() { bank.on_sync(nullptr); }
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  store::Bank& bank;
  const Clock& clock;
  Metrics metrics;
  LoopGuard loop_guard;
  std::atomic<bool> draining{false};  // /readyz says no; set when SIGTERM has come

  // Snapshots; a reload replaces them for calls that begin later. Thread-safe.
  std::shared_ptr<const Settings> settings() const { return get(settings_); }
  std::shared_ptr<const token::Keyring> keyring() const { return get(keyring_); }
  std::shared_ptr<mcp::Hub> hub() const { return get(hub_); }
  void set_settings(std::shared_ptr<const Settings> s) { set(settings_, std::move(s)); }
  void set_keyring(std::shared_ptr<const token::Keyring> k) { set(keyring_, std::move(k)); }
  void set_hub(std::shared_ptr<mcp::Hub> h) { set(hub_, std::move(h)); }

  // Told from another thread that more of the record is on disk, or that it never will be.
  class SyncListener {
   public:
    virtual void synced() = 0;

   protected:
    ~SyncListener() = default;
  };
  void listen(SyncListener& listener) {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(&listener);
  }
  void stop_listening(SyncListener& listener) {
    const std::lock_guard lock(listeners_mutex_);
    std::erase(listeners_, &listener);
  }

  // Grows with every set_*(): a loop compares it to know whether its snapshots are stale.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  template <class T>
  std::shared_ptr<T> get(const std::shared_ptr<T>& slot) const {
    const std::lock_guard lock(mutex_);
    return slot;
  }
  template <class T>
  void set(std::shared_ptr<T>& slot, std::shared_ptr<T> value) {
    const std::lock_guard lock(mutex_);
    slot = std::move(value);
    generation_.fetch_add(1, std::memory_order_release);
  }

  void tell_synced() {
    const std::lock_guard lock(listeners_mutex_);
    for (SyncListener* listener : listeners_)
      listener->synced();
  }

  std::mutex listeners_mutex_;
  std::vector<SyncListener*> listeners_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const token::Keyring> keyring_;
  std::shared_ptr<mcp::Hub> hub_;
  std::atomic<uint64_t> generation_{1};
};

}  // namespace satgate::flow
