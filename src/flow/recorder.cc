#include "flow/recorder.h"

namespace satgate::flow {

Recorder::Recorder(Gateway& gateway, net::Loop& loop)
    : gateway_(gateway),
      loop_(loop),
      written_(loop),
      durable_(loop),
      hook_(loop, &Recorder::turn_ends, this) {
  gateway_.listen(*this);
}

Recorder::~Recorder() {
  gateway_.stop_listening(*this);
}

net::Watermark::Wait Recorder::recorded(bool strict) {
  if (strict) ++asked_;
  return (strict ? durable_ : written_).reached(gateway_.bank.queued());
}

void Recorder::turn_ends(void* self) {
  auto& recorder = *static_cast<Recorder*>(self);
  if (recorder.written_.waiting()) recorder.write();
  if (recorder.durable_.waiting()) recorder.pass_on();
}

void Recorder::write() {
  store::Bank& bank = gateway_.bank;
  if (!bank.flush()) return written_.fail();
  written_.advance(bank.written());
}

// Lets those go on whose records are on disk, and sees to it that somebody tells about the others.
void Recorder::pass_on() {
  store::Bank& bank = gateway_.bank;
  wants_sync_.store(true);
  durable_.advance(bank.durable());
  if (!bank.healthy()) durable_.fail();
  if (durable_.waiting()) {
    ask_for_sync();
  } else {
    wants_sync_.store(false);
  }
}

void Recorder::ask_for_sync() {
  if (asked_ != asked_before_) {
    asked_before_ = asked_;
    loop_.post([] {});  // so that the loop looks for more to do, and does not wait for it
  } else if (asked_ != hurried_) {
    hurried_ = asked_;
    gateway_.bank.hurry();
  }
}

void Recorder::synced() {
  if (wants_sync_.exchange(false)) loop_.post([this] { pass_on(); });
}

}  // namespace satgate::flow
