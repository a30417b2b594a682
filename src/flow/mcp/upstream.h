// One connection to an MCP server, whatever its transport: its handshake, its lists, its restarts,
// the calls on it and what the server says by itself. Everything here runs on the hub's loop.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dialect/mcp/handshake.h"
#include "dialect/mcp/header_params.h"
#include "dialect/mcp/raw_json.h"
#include "flow/mcp/access_token.h"
#include "flow/mcp/flight.h"
#include "flow/mcp/hub.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "net/task.h"

namespace satgate::flow::mcp {

// One request on its way to a server.
struct Outgoing {
  uint64_t id = 0;
  std::string text;            // the whole message
  bool opens_session = false;  // initialize
  bool is_modern = false;      // with the header fields of 2026-07-28
  std::vector<std::pair<std::string, std::string>> fields = {};
};

struct CallFailure {
  Fault fault;
  // The server has said that it does not know the session, so it did not run the request.
  bool session_lost = false;
  // It does not accept our access token, so it did not run the request either.
  bool token_refused = false;
};
using Answer = std::expected<Outcome, CallFailure>;

CallFailure unsent(int http_status, std::string message);
CallFailure sent(int http_status, std::string message);

enum class ListKind : uint8_t { tools, prompts, resources, all };

// Who is told what happens on a connection. On the hub's loop.
class UpstreamEvents {
 public:
  virtual ~UpstreamEvents() = default;
  // Its lists or abilities are others now, or the first handshake has ended either way.
  virtual void changed() = 0;
  virtual void list_announced(ListKind kind) = 0;  // the server says so
  virtual void resource_updated(std::string uri) = 0;
  virtual void asked() = 0;  // the server has a request for its client
};

struct Lists {
  std::vector<dialect::mcp::Tool> tools;
  std::vector<dialect::mcp::Item> prompts, resources, templates;
  bool operator==(const Lists&) const = default;
};

// What people are told about a server; read by other threads.
class StatusBoard {
 public:
  template <class Change>
  void change(Change change) {
    const std::lock_guard lock(mutex_);
    change(status_);
  }
  ServerStatus read() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  ServerStatus status_;
};

// What distinguishes a connection from others to the same server.
struct Connection {
  std::string capabilities;  // raw: declared as the client's
  bool has_lists = true;     // else another one does
  bool is_of_one_client = false;
  std::optional<dialect::mcp::Era> era = {};  // as another one has found out
  std::shared_ptr<StatusBoard> board = std::make_shared<StatusBoard>();
  std::shared_ptr<AccessTokens> tokens = {};  // of the gateway; null: it has none
  HeaderField credential = {};                // of who is served; in its place
  // Who is asked for that client's roots between its calls; null: nobody.
  std::shared_ptr<CallListener> between_calls = {};
};

class Upstream : public std::enable_shared_from_this<Upstream> {
 public:
  struct Request {
    std::string method;
    std::string params;  // raw, as the client sent them
    std::string name;    // replaces the name in params where it is set
    // Of the round at hand, both raw (2026-07-28).
    std::string input_responses = {};
    std::string request_state = {};
  };

  Upstream(net::Loop& loop, ServerConfig config, HubOptions options, Connection connection,
           std::weak_ptr<UpstreamEvents> events);
  virtual ~Upstream() = default;
  Upstream(const Upstream&) = delete;
  Upstream& operator=(const Upstream&) = delete;

  void start();
  net::Task<> stop();

  net::Task<std::expected<Outcome, Fault>> call(Request request, std::shared_ptr<Flight> flight);
  // Has the list read again.
  void refresh(ListKind kind);
  // Has the server announce updates of a resource, over reconnects; an error in its words.
  net::Task<std::expected<void, Fault>> watch(std::string uri);
  net::Task<std::expected<void, Fault>> unwatch(std::string uri);
  // Those of the one client that this connection serves.
  void roots_changed();

  const ServerConfig& config() const { return config_; }
  const Lists& lists() const { return lists_; }
  const dialect::mcp::ServerHello& hello() const { return hello_; }
  std::optional<dialect::mcp::Era> era() const { return era_; }
  bool settled() const { return settled_; }  // the first handshake has ended, either way
  bool idle() const { return visitors_.empty(); }

 protected:
  // The transport. connect() makes exchange() possible; disconnect() ends what connect() began, and
  // when stopping, or when no answer can come any more, every exchange that still waits.
  virtual net::Task<Result<void>> connect() = 0;
  virtual net::Task<> disconnect() = 0;
  // Waits as long as the flight lasts; says by sent_upstream how far it has come.
  virtual net::Task<Answer> exchange(Outgoing outgoing, std::shared_ptr<Flight> flight) = 0;
  virtual net::Task<> notify(std::string text) = 0;
  // The handshake is done: the version both sides speak.
  virtual void joined(std::string_view protocol_version) = 0;
  virtual bool is_http() const = 0;

  // What a server says by itself; `flight` is that on whose own stream it came, if it has one.
  void incoming(const dialect::mcp::Message& message, std::shared_ptr<Flight> flight);
  // The connection is of no use any more: reconnect, after a pause.
  void set_broken(std::string why);
  // Why an exchange that `flight` has ended did not get its answer.
  CallFailure interrupted(const Flight& flight, bool was_sent) const;

  net::Loop& loop_;
  const ServerConfig config_;
  const HubOptions options_;
  const Connection connection_;
  dialect::mcp::RawJson json_;
  bool ready_ = false;
  bool stopping_ = false;
  uint64_t generation_ = 0;  // of the handshake in force

 private:
  using Called = std::expected<Outcome, Fault>;

  // upstream.cc: the life of it
  net::Task<> supervise();
  net::Task<> serve();
  using Waiters = std::vector<std::shared_ptr<net::Event>>;
  static void wake(Waiters& waiters);
  net::Task<bool> await_ready(uint64_t after, std::chrono::milliseconds at_most);
  void set_ready();
  void set_down(std::string why);
  void wake_waiters();
  void tell_changed();

  // upstream_join.cc: handshakes
  struct Probe {
    bool met = false;
    bool may_be_legacy = false;
    bool was_slow = false;
    std::string why = {};
  };
  net::Task<Result<void>> join();
  net::Task<Result<void>> shake_hands();
  net::Task<Result<void>> connect_again();
  net::Task<Probe> discover(std::chrono::milliseconds at_most, bool again = false);
  net::Task<Result<void>> initialize();
  void adopt(dialect::mcp::ServerHello hello);
  std::string modern_params() const;
  net::Task<Answer> ask(std::string method, std::string params, std::chrono::milliseconds at_most,
                        bool is_modern);

  // upstream_lists.cc
  static unsigned bit(ListKind kind);
  net::Task<Result<void>> read_lists(unsigned stale);
  net::Task<Result<std::vector<dialect::mcp::Item>>> read_list(std::string method, bool offered);
  std::string list_params(const std::optional<std::string>& cursor) const;
  void keep_tools(std::vector<dialect::mcp::Tool> tools, Lists& next);
  bool describe_anew(dialect::mcp::Tool& tool);

  // upstream_calls.cc
  Result<Outgoing> prepare(const Request& request, Flight& flight);
  Result<void> add_modern_fields(Outgoing& outgoing, const Request& request);
  net::Task<Answer> call_once(const Request& request, std::shared_ptr<Flight> flight);
  net::Task<Answer> call_surely(const Request& request, std::shared_ptr<Flight> flight);
  net::Task<std::optional<Called>> next_round(Outcome& outcome, Request& request,
                                              std::shared_ptr<Flight> flight);
  net::Task<> lower_log_level(std::shared_ptr<Flight> flight);
  void tell_cancelled(uint64_t id, const Flight& flight);

  // upstream_incoming.cc
  std::shared_ptr<Flight> likely_flight() const;
  void enqueue(Flight::LegacyAsk one, std::shared_ptr<Flight> flight);
  void ask_roots_elsewhere(Flight& over);
  std::shared_ptr<Flight> flight_between_calls(std::string_view method);
  void take_request(const dialect::mcp::Message& message, std::shared_ptr<Flight> flight);
  void take_notification(const dialect::mcp::Message& message, std::shared_ptr<Flight> flight);
  void deliver_progress(const dialect::mcp::Message& message);
  void deliver_log(const dialect::mcp::Message& message, const Flight* flight);
  void withdraw(std::string_view params);
  void note_elicitation(std::string_view id, const Flight& flight);
  void note_required_elicitations(std::string_view error, const Flight& flight);
  void end_elicitation(std::string_view params);
  // A raw JSON-RPC error object, or empty.
  std::string why_not_asked(const Flight* flight);
  void answer_asks(const std::deque<Flight::LegacyAsk>& asks,
                   const std::optional<std::expected<AskReply, Fault>>& replied);
  void reply(std::string text, uint64_t joins);
  void answer(std::string text, uint64_t joins);
  static net::Task<> send_reply(std::shared_ptr<Upstream> self, std::string text);
  static net::Task<> drain_asks(std::shared_ptr<Upstream> self, std::shared_ptr<Flight> flight);

  // upstream_watch.cc: changes that a server announces
  struct Listening;
  void start_listening();
  void stop_listening();
  static net::Task<> listen(std::shared_ptr<Upstream> self, std::shared_ptr<Listening> mine);
  static net::Task<> subscribe_again(std::shared_ptr<Upstream> self);
  net::Task<Answer> listen_once(std::shared_ptr<Listening> mine);
  net::Task<std::expected<void, Fault>> subscribe(std::string method, std::string uri);

  const std::weak_ptr<UpstreamEvents> events_;
  std::optional<dialect::mcp::Era> era_;
  dialect::mcp::ServerHello hello_;
  Lists lists_;
  std::map<uint64_t, std::shared_ptr<Flight>> flights_;  // calls, by id of the request at hand
  std::vector<std::shared_ptr<Flight>> visitors_;        // calls, also those that wait
  std::shared_ptr<Flight> between_calls_;                // what is asked there
  // Elicitations that go on elsewhere, and who is told when they are done. The oldest makes room.
  struct Elicited {
    std::string id;
    std::function<void(const std::string& id)> done;
  };
  std::deque<Elicited> elicited_;
  std::set<std::string> watched_;
  std::shared_ptr<Listening> listening_;
  std::map<std::string, std::vector<dialect::mcp::HeaderParam>, std::less<>> header_params_;
  net::Event wake_;   // something for serve() to do
  net::Event pause_;  // between two attempts; only stop() cuts it short
  net::Event ended_;
  Waiters waiters_;
  Waiters level_waiters_;  // for the answer to logging/setLevel
  std::chrono::milliseconds delay_;
  uint64_t next_id_ = 0;
  uint64_t joins_ = 0;       // connections so far: answers go where their question came from
  size_t users_ = 0;         // calls, also those that wait
  size_t replies_ = 0;       // on their way
  unsigned stale_ = 0;       // bits of ListKind
  int log_rank_;             // lowest that was asked for on this connection, and answered
  bool sets_level_ = false;  // that is under way
  bool gave_up_ = false;     // on a call that this connection may still be about
  bool settled_ = false;
  bool running_ = false;
  bool broken_ = false;
  bool probing_ = false;   // a child that dies now does not speak the modern era
  bool at_once_ = false;   // reconnect without a pause
  bool renewing_ = false;  // that is under way: calls wait for it
};

// `config` must hold the transport of that name.
std::shared_ptr<Upstream> make_stdio_upstream(net::Loop& loop, ServerConfig config,
                                              HubOptions options, Connection connection,
                                              std::weak_ptr<UpstreamEvents> events);
// Fails when the URL cannot be used.
Result<std::shared_ptr<Upstream>> make_http_upstream(net::Loop& loop, ServerConfig config,
                                                     HubOptions options, Connection connection,
                                                     std::weak_ptr<UpstreamEvents> events,
                                                     std::shared_ptr<net::UpstreamPool> pool);

}  // namespace satgate::flow::mcp
