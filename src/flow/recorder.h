// Recorder: how the calls of one loop wait for their records. Under normal durability they wait
// until the records are in the kernel, under strict until they are on disk.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <utility>

#include "flow/gateway.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow {

class Recorder final : private Gateway::SyncListener {
 public:
  Recorder(Gateway& gateway, net::Loop& loop);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Waits for everything queued so far. False: it could not be written, and nothing may follow.
  net::Task<bool> recorded(bool strict);

 private:
  struct Waiter {
    uint64_t seq;
    net::Completion<bool> done;
  };
  void synced() override;
  void resume();

  Gateway& gateway_;
  net::Loop& loop_;
  std::deque<Waiter> waiters_;
  std::atomic<bool> waiting_ = false;
};

}  // namespace satgate::flow
