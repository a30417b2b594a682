// What a server asks the client of a session: one question after the other, as a person would be
// asked, without those that the server takes back meanwhile. On the hub's loop.
#pragma once

#include <expected>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/time.h"
#include "flow/mcp/hub.h"
#include "flow/mcp/session.h"
#include "net/task.h"

namespace satgate::flow::mcp {

class SessionAsks {
 public:
  // `by` names who asks (Session::drop_asks).
  SessionAsks(std::shared_ptr<Session> session, std::string server, const CallListener* by)
      : session_(std::move(session)), server_(std::move(server)), by_(by) {}

  net::Task<std::expected<AskReply, Fault>> ask(std::vector<Ask> asks, std::shared_ptr<Outbox> on,
                                                const Clock& clock);
  void withdrawn(uint64_t number, std::string_view reason, Outbox& on);

 private:
  const std::shared_ptr<Session> session_;
  const std::string server_;
  const CallListener* const by_;
  std::set<uint64_t> withdrawn_;  // as many as a call may ask
};

// Asks for the roots of a session's client while none of its calls is under way.
class BetweenCalls final : public CallListener {
 public:
  BetweenCalls(std::shared_ptr<Session> session, std::string server, const Clock& clock)
      : session_(std::move(session)), server_(std::move(server)), clock_(clock) {}

  void notified(std::string_view, std::string) override {}
  net::Task<std::expected<AskReply, Fault>> ask(std::vector<Ask> asks) override;
  void withdrawn(uint64_t number, std::string_view reason) override;

 private:
  const std::shared_ptr<Session> session_;
  const std::string server_;
  const Clock& clock_;
  std::shared_ptr<SessionAsks> asks_;  // of the round at hand
};

}  // namespace satgate::flow::mcp
