// What the gateway keeps about its MCP clients, over all loops and reloads: sessions, calls between
// two rounds, and who wants to hear of changes.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "base/time.h"
#include "flow/mcp/hub.h"
#include "flow/mcp/outbox.h"
#include "flow/mcp/rounds.h"
#include "flow/mcp/session.h"

namespace satgate::flow::mcp {

// What one client wants to hear of: `subscriptions/listen` of 2026-07-28.
struct Subscription {
  std::string id;  // raw id of the request; frames carry it
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::set<std::string> uris;
  std::shared_ptr<Outbox> box = std::make_shared<Outbox>();

  bool wants(const HubEvent& event) const;
};

class Clients {
 public:
  Clients();
  ~Clients();
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  Sessions sessions;
  Rounds rounds;
  const std::shared_ptr<Broadcast> broadcast = std::make_shared<Broadcast>();

  void subscribe(const std::shared_ptr<Subscription>& subscription);
  void unsubscribe(const std::shared_ptr<Subscription>& subscription);

  // What is too old ends; `hub` forgets what it kept for it.
  void expire(Time now, Hub* hub);
  // The gateway stops: streams that wait for something to happen end, so that nobody waits for
  // them; those that begin later end at once.
  void end_streams();
  bool stopping() const { return stopping_; }
  // Every ask and round ends, so that the calls behind them do.
  void close();

 private:
  void tell(const HubEvent& event);

  std::mutex mutex_;
  std::list<std::shared_ptr<Subscription>> subscriptions_;
  uint64_t watch_ = 0;
  std::atomic<bool> stopping_{false};
};

}  // namespace satgate::flow::mcp
