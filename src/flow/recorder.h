// Recorder: how the calls of one loop wait for their records. Under normal durability they wait for
// the end of the loop's turn, when one write takes the records of all of them; under strict until
// the records are on disk. One sync takes the records of all calls that can still come as far as
// theirs: it begins when a turn has brought no more of them, or when the journal would anyway.
#pragma once

#include <atomic>

#include "flow/gateway.h"
#include "net/loop.h"
#include "net/task.h"
#include "net/watermark.h"

namespace satgate::flow {

class Recorder final : private Gateway::SyncListener {
 public:
  Recorder(Gateway& gateway, net::Loop& loop);
  ~Recorder();
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  // Waits for everything queued so far. False: it could not be written, and nothing may follow.
  net::Watermark::Wait recorded(bool strict);

 private:
  static void turn_ends(void* self);
  void write();
  void synced() override;
  void pass_on();
  void ask_for_sync();

  Gateway& gateway_;
  net::Loop& loop_;
  net::Watermark written_;
  net::Watermark durable_;
  net::TurnHook hook_;
  uint64_t asked_ = 0;                    // how often a call waited for the disk,
  uint64_t asked_before_ = 0;             // up to the end of the last turn,
  uint64_t hurried_ = 0;                  // and up to the last request for a sync
  std::atomic<bool> wants_sync_ = false;  // somebody waits for the disk
};

}  // namespace satgate::flow
