// Calls that wait for their client between two rounds (2026-07-28, multi round-trip requests): the
// server has asked, the client was answered `input_required`, and comes again with what it was
// asked and `requestState`. That is a random handle, good for one more round, for the same request
// of the same caller; the call behind it stays one call, held and charged once.
//
// Thread-safe.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "contract/fault.h"
#include "flow/mcp/hub.h"
#include "net/task.h"

namespace satgate::flow::mcp {

class GovernedCall;

class Rounds {
 public:
  using Replied = std::expected<AskReply, Fault>;

  struct Round {
    std::shared_ptr<GovernedCall> call;
    std::string principal;  // who may go on with it
    std::string request;    // what it is about: method, name and arguments
    size_t bytes = 0;       // that the call keeps
    net::Completion<Replied> reply;
    Time deadline;
  };

  // The handle; or nothing when too many wait already, over all or of this principal.
  std::optional<std::string> add(Round round);
  // Once. Nothing: unknown, used, too late, or not this caller's, or another request.
  std::optional<Round> take(std::string_view handle, std::string_view principal,
                            std::string_view request);
  // The call has been given up: its rounds end.
  void cancel(const GovernedCall& call);
  void expire(Time now);
  void close_all();
  size_t size() const;

 private:
  using Map = std::map<std::string, Round, std::less<>>;
  Map remove_if(const std::function<bool(const Round&)>& is_over);
  void forget(const Round& round);
  static void end(const Map& rounds, int status, std::string_view why);

  mutable std::mutex mutex_;
  Map rounds_;
  struct Share {
    size_t rounds = 0;
    size_t bytes = 0;
  };
  std::map<std::string, Share, std::less<>> of_principal_;
};

}  // namespace satgate::flow::mcp
