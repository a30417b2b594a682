// The connection to a nostr relay, opened when something is asked and kept. Of several relays the
// next one is taken when one can not be reached or has ended the connection. On the loop of its
// Waits only.
//
//   RelayAsk ask;
//   ask.filter = {{"kinds", {23195}}, {"#e", {id}}};
//   ask.publish = event;
//   const auto answered = co_await link.ask(std::move(ask), on_event);
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/web_socket.h"
#include "node/nostr.h"
#include "node/relay_message.h"
#include "node/rest_client.h"
#include "node/waits.h"

namespace satgate::node {

struct RelayAsk {
  Json filter;                        // of the events that are wanted
  std::optional<NostrEvent> publish;  // sent once the relay was told what is wanted
  net::Milliseconds timeout{15'000};  // for all of it, also to connect
  bool only_stored = false;           // what comes later is not waited for
};

struct RelayOptions {
  std::vector<wire::Url> relays;  // one at least
  std::string certificate_file;   // PEM, as in RestOptions
  std::string certificate_name;
};

class RelayLink {
 public:
  static Result<std::unique_ptr<RelayLink>> make(Waits& waits, RelayOptions options);

  // Called with each event, which is signed by whoever it says; whether the relay kept to the
  // filter is not known. False: that was what was wanted.
  using OnEvent = std::function<bool(const NostrEvent&)>;
  // True: `on_event`, which lives until then, has what was wanted. False: `only_stored`, and there
  // is no more. The failure's `sent`: `publish` may have left.
  net::Task<Rested<bool>> ask(RelayAsk ask, const OnEvent& on_event);

  Waits& waits() { return waits_; }

 private:
  struct Pending;
  struct Relay {
    net::UpstreamIdentity identity;
    std::shared_ptr<net::TlsClientContext> tls;  // null: plain
    std::string target;
  };

  RelayLink(Waits& waits, std::vector<Relay> relays);
  static net::Task<> run(RelayLink* self);
  net::Task<Result<void>> connect();
  net::Task<std::string> read_all();
  void send(Pending& pending);
  void take(const RelayMessage& message);
  void end_all(const std::string& why);

  Waits& waits_;
  std::vector<Relay> relays_;
  size_t current_ = 0;                       // of relays_
  std::shared_ptr<net::WebSocket> socket_;   // null: not connected
  bool running_ = false;                     // run() is under way
  std::map<std::string, Pending*> pending_;  // by subscription
  uint64_t asked_ = 0;
};

}  // namespace satgate::node
