#include "flow/recorder.h"

namespace satgate::flow {

Recorder::Recorder(Gateway& gateway, net::Loop& loop) : gateway_(gateway), loop_(loop) {
  gateway_.listen(*this);
}

Recorder::~Recorder() {
  gateway_.stop_listening(*this);
}

net::Task<bool> Recorder::recorded(bool strict) {
  store::Bank& bank = gateway_.bank;
  if (!strict) co_return bank.flush();
  const uint64_t seq = bank.queued();
  if (bank.durable() >= seq) co_return bank.healthy();
  auto wait = [this, seq, &bank](net::Completion<bool> done) {
    waiters_.push_back({seq, std::move(done)});
    waiting_ = true;
    bank.hurry();
  };
  const bool on_disk = co_await net::await_callback<bool>(std::move(wait));
  co_return on_disk;
}

void Recorder::synced() {
  if (!waiting_.exchange(false)) return;
  loop_.post([this] { resume(); });
}

void Recorder::resume() {
  const bool healthy = gateway_.bank.healthy();
  const uint64_t durable = gateway_.bank.durable();
  while (!waiters_.empty() && (!healthy || waiters_.front().seq <= durable)) {
    const Waiter first = std::move(waiters_.front());
    waiters_.pop_front();
    first.done(first.seq <= durable);
  }
  if (waiters_.empty()) return;
  waiting_ = true;
  gateway_.bank.hurry();
}

}  // namespace satgate::flow
