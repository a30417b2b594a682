// The loop of a node, and what waits there, so that all of it can be told to stop at the end.
#pragma once

#include <set>

#include "net/loop.h"
#include "net/task.h"

namespace satgate::node {

// On the loop's thread only, but for `loop` itself.
class Waits {
 public:
  // `what` waits as long as this lives. It is cancelled at once if the end has come already.
  class One {
   public:
    One(Waits& waits, net::Cancellable& what) : waits_(waits), what_(&what) {
      waits_.all_.insert(what_);
      if (waits_.stopped_) what_->cancel();
    }
    ~One() { waits_.all_.erase(what_); }
    One(const One&) = delete;
    One& operator=(const One&) = delete;

   private:
    Waits& waits_;
    net::Cancellable* what_;
  };

  bool stopped() const { return stopped_; }
  // Ends every wait, and all that begin later.
  void stop() {
    stopped_ = true;
    for (net::Cancellable* what : std::set<net::Cancellable*>(all_))
      what->cancel();
  }
  // False: it is the end.
  net::Task<bool> pause(net::Milliseconds time) {
    net::Event event(loop);
    const One one(*this, event);
    co_await event.wait(time);
    co_return !stopped_;
  }

  net::Loop loop;

 private:
  std::set<net::Cancellable*> all_;
  bool stopped_ = false;
};

}  // namespace satgate::node
