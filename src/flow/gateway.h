// What all loops share: the bank, the frozen settings, the keys, the MCP hub, the counters.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/time.h"
#include "flow/buyer.h"
#include "flow/key_names.h"
#include "flow/loop_guard.h"
#include "flow/mcp/clients.h"
#include "flow/metrics.h"
#include "flow/outcomes.h"
#include "flow/paywall.h"
#include "flow/settings.h"
#include "flow/stored_answers.h"
#include "payment/exchange_rate.h"
#include "store/bank.h"
#include "store/directory.h"
#include "token/keyring.h"

namespace satgate::flow {

// A config with the MCP servers that were started from it.
struct Snapshot {
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<mcp::Hub> hub;  // null without MCP servers, and when the gateway stops
};

class Gateway {
 public:
  Gateway(store::Bank& the_bank, const Clock& the_clock, std::shared_ptr<const Settings> settings,
          std::shared_ptr<const token::Keyring> keyring)
      : bank(the_bank),
        clock(the_clock),
        outcomes(the_bank, metrics),
        config_{std::move(settings), nullptr},
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
  AnswerCache answers;
  mcp::Clients mcp_clients;
  StoredAnswers stored;
  Outcomes outcomes;
  std::unique_ptr<payment::ExchangeRate> rate;  // set before the first call; null: it is fixed
  std::unique_ptr<Buyer> buyer;  // before the paywall, whose node calls it; null: nothing is bought
  std::unique_ptr<Paywall> paywall;         // set before the first call; null: nothing is sold
  KeyNames key_names = KeyNames::random();  // set before the first call
  std::atomic<bool> serving{false};  // /readyz says so: from the end of the start until SIGTERM

  // Snapshots; a reload replaces them for calls that begin later. Thread-safe.
  std::shared_ptr<const Settings> settings() const { return get(config_.settings); }
  std::shared_ptr<const token::Keyring> keyring() const { return get(keyring_); }
  std::shared_ptr<mcp::Hub> hub() const { return get(config_.hub); }
  // What a satoshi is worth for whoever buys; nothing: not known now, so nothing can be sold.
  std::optional<int64_t> nano_per_sat(const Settings& settings, Time now) const {
    return rate ? rate->at(now) : settings.currency.nano_per_sat;
  }
  Snapshot snapshot() const {
    const std::lock_guard lock(mutex_);
    return config_;
  }
  void set_config(Snapshot config) {
    const Settings& next = *config.settings;
    const bool keeps = next.cache || next.tariff->keeps_results();
    const size_t kept = keeps ? next.cache_rules().bytes_max : 0;
    set(config_, std::move(config));
    answers.trim(kept);
  }
  void set_keyring(std::shared_ptr<const token::Keyring> k) { set(keyring_, std::move(k)); }

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
  void set(T& slot, T value) {
    const std::lock_guard lock(mutex_);
    std::swap(slot, value);  // what was there ends outside of the lock
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
  Snapshot config_;
  std::shared_ptr<const token::Keyring> keyring_;
  std::atomic<uint64_t> generation_{1};
};

}  // namespace satgate::flow
