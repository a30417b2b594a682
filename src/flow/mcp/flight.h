// A call under way to a server: how long it may take, what ends it early, and who hears what its
// server says meanwhile. It outlives single requests: rounds and repetitions are the same flight.
// On the hub's loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "flow/mcp/hub.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow::mcp {

class AskRound;

class Flight {
 public:
  enum class End : uint8_t { none, overdue, cancelled, refused };

  explicit Flight(net::Loop& loop) : loop_(loop), deadline_(loop, &Flight::overdue, this) {}
  Flight(const Flight&) = delete;
  Flight& operator=(const Flight&) = delete;

  // What waits for the server; it is cancelled when the flight ends early, or has already.
  class Waiting {
   public:
    Waiting(Flight& flight, net::Cancellable& what);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

   private:
    Flight& flight_;
    net::Cancellable* what_;
  };

  // The time from here on counts, up to `at_most`, but for that between pause() and resume().
  void arm(std::chrono::milliseconds at_most);
  void disarm();
  void pause();
  void resume();

  void end(End why, Fault fault = {});  // the first one counts
  // call() returns: the listener hears no more, and nothing waits for it any longer.
  void close();
  bool closed() const { return closed_; }
  End ended() const { return ended_; }
  const Fault& fault() const { return fault_; }  // of End::refused

  // A request of a legacy server, on its way to the client.
  struct LegacyAsk {
    std::string id;  // the server's, raw
    Ask ask;
    uint64_t joins = 0;      // of the connection on which it came
    bool withdrawn = false;  // it wants no answer any more
  };
  // False: nothing with this id is asked for this flight.
  bool withdraw(const std::string& ask_id, std::string_view reason);

  uint64_t id = 0;  // of the request at hand
  ClientTraits client;
  std::shared_ptr<CallListener> listener;
  std::string client_token;  // raw progressToken; empty: no progress is wanted
  bool can_own_asks = true;  // a server request without a stream of its own may be about it
  std::function<void(const std::string& id)> on_elicited;
  size_t asks = 0;  // so far
  std::deque<LegacyAsk> waiting_asks;
  std::deque<LegacyAsk> round;      // with the client now
  std::weak_ptr<AskRound> running;  // that round
  std::set<std::string> open_asks;  // ids that are not answered yet
  bool asking = false;

 private:
  static void overdue(void* self) { static_cast<Flight*>(self)->end(End::overdue); }

  net::Loop& loop_;
  net::Deadline deadline_;
  net::Wheel::Clock::time_point due_{};
  std::chrono::milliseconds left_{0};
  std::vector<net::Cancellable*> waiting_;
  End ended_ = End::none;
  Fault fault_;
  bool armed_ = false;
  bool closed_ = false;
  int pauses_ = 0;
};

// Asks the listener on its own, so that the flight can end without the answer.
class AskRound {
 public:
  AskRound(net::Loop& loop, std::shared_ptr<Flight> flight)
      : flight_(std::move(flight)), answered_(loop) {}

  // Nothing: the flight has ended meanwhile, or end() was called.
  static net::Task<std::optional<std::expected<AskReply, Fault>>> run(
      net::Loop& loop, std::shared_ptr<Flight> flight, std::vector<Ask> asks);
  // No answer is wanted any more; what comes is dropped.
  void end() { answered_.notify(); }

 private:
  static net::Task<> listen(std::shared_ptr<AskRound> self, std::vector<Ask> asks);

  std::shared_ptr<Flight> flight_;
  net::Event answered_;
  std::optional<std::expected<AskReply, Fault>> reply_;
};

}  // namespace satgate::flow::mcp
