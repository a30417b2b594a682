// A session of a client of the legacy era: what it can do, what it was told, what it is asked, and
// which calls of it are under way. The id is no credential: whoever names a session must also show
// the credential that opened it.
//
// Sessions are shared by all loops; everything here may be called from any thread.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "contract/fault.h"
#include "flow/mcp/hub.h"
#include "flow/mcp/outbox.h"
#include "net/task.h"

namespace satgate::flow::mcp {

// One stream of server-sent events: what was sent on it, for a client that comes again with
// Last-Event-ID, and where the rest comes from.
struct EventLog {
  uint64_t number = 0;  // of the stream, in its session
  std::shared_ptr<Outbox> source;
  std::deque<std::pair<uint64_t, std::string>> sent;
  uint64_t next = 1;
  bool ended = false;  // its final message is among those sent
};

class Session {
 public:
  using Answered = std::expected<Outcome, Fault>;

  Session(std::string id, std::string principal, std::string version, std::string capabilities);

  const std::string& id() const { return id_; }
  const std::string& principal() const { return principal_; }
  // Of its handshake: the revision, and the raw capabilities as declared.
  std::string version() const;
  std::string capabilities() const;
  void set_client(std::string_view version, std::string capabilities);
  const std::shared_ptr<Outbox>& standalone() const { return standalone_; }

  std::string log_level() const;
  void set_log_level(std::string_view level);

  // Who asks, and which of its questions it is.
  struct Asker {
    const CallListener* by = nullptr;
    uint64_t number = 0;
    bool operator==(const Asker&) const = default;
  };
  // Asks the client for a call, on a stream of it; waits for its answer, its end, or `now` +
  // ask_seconds_max.
  net::Task<Answered> ask(std::string method, std::string params, Outbox& on, Asker asker,
                          Time now);
  // The server takes it back: the client is told, and ask() returns an outcome without content.
  // `reason` is a raw string, or empty.
  void withdraw_ask(Asker asker, std::string_view reason, Outbox& on);
  // The client's answer to an ask, by the raw id. Answers to nothing are ignored.
  void answer(std::string_view id, Outcome outcome);

  // A call was given up: what it asked is answered by nobody.
  void drop_asks(const CallListener* by);

  // An elicitation that goes on elsewhere: the id that the client gets to know. It is the server's
  // own, but where another server of this client has the same one under way.
  std::string begin_elicitation(std::string_view server, std::string_view id);
  // It is done; nothing: it is not known, or not any more.
  std::optional<std::string> end_elicitation(std::string_view server, std::string_view id);

  // Calls that notifications/cancelled may name.
  void begin_call(std::string id, std::function<void()> cancel);
  void end_call(const std::string& id);
  void cancel_call(const std::string& id);

  // False: it is watched already, too long, or there are too many.
  bool watch(const std::string& uri);
  bool unwatch(const std::string& uri);
  bool watches(const std::string& uri) const;
  std::vector<std::string> watched() const;

  // Streams, numbered from 1; 0 is the standalone one.
  std::shared_ptr<EventLog> open_log(std::shared_ptr<Outbox> source);
  // The id of the next event, which is kept for a while.
  std::string log_event(EventLog& log, const std::string& text, bool is_last);
  struct Replay {
    std::shared_ptr<EventLog> log;
    std::vector<std::pair<std::string, std::string>> events;  // id, text: sent, and not received
    bool ended = false;
  };
  // Nothing: the id names no stream of this session that is still known.
  std::optional<Replay> replay(std::string_view last_event_id);

  void touch(Time now);
  Time last_used() const;
  void expire(Time now);  // asks that nobody answers
  void close();           // ends asks and calls

 private:
  struct Pending {
    net::Completion<Answered> done;
    Time deadline;
    Asker asker;
  };
  struct Elicitation {
    std::string server, id;
    std::string name;  // that the client knows
  };
  void end_asks(const std::function<bool(const Pending&)>& is_over, int status,
                std::string_view why);

  const std::string id_, principal_;
  const std::shared_ptr<Outbox> standalone_ = std::make_shared<Outbox>();
  mutable std::mutex mutex_;
  std::string version_, capabilities_;
  std::string log_level_ = "info";
  std::map<std::string, Pending, std::less<>> pending_;
  std::map<std::string, std::function<void()>> calls_;
  std::set<std::string> watched_;
  std::deque<Elicitation> elicitations_;  // the oldest makes room
  std::deque<std::shared_ptr<EventLog>> logs_;
  size_t logged_events_ = 0, logged_bytes_ = 0;
  uint64_t next_ask_ = 0, next_log_ = 0;
  Time last_used_;
  bool closed_ = false;
};

class Sessions {
 public:
  // At the bounds the one that was idle longest is ended, of this principal first.
  std::shared_ptr<Session> open(std::string principal, std::string version,
                                std::string capabilities, Time now);
  // Null: no such session, or not of this principal.
  std::shared_ptr<Session> find(std::string_view id, std::string_view principal, Time now);
  std::shared_ptr<Session> close(std::string_view id, std::string_view principal);
  // Ended for idleness, or to make room, since the last call of this.
  std::vector<std::shared_ptr<Session>> expire(Time now);
  void close_all();
  size_t size() const;
  void each(const std::function<void(Session&)>& take) const;

 private:
  using Map = std::map<std::string, std::shared_ptr<Session>, std::less<>>;
  void make_room(const std::string& principal);
  void end(Map::iterator which);

  mutable std::mutex mutex_;
  Map sessions_;
  std::map<std::string, size_t, std::less<>> of_principal_;
  std::vector<std::shared_ptr<Session>> ended_;
};

}  // namespace satgate::flow::mcp
