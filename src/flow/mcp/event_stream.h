// Server-sent events to one MCP client. In a session each event has an id, and is kept for a client
// that comes again with Last-Event-ID.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "flow/mcp/outbox.h"
#include "flow/mcp/session.h"
#include "net/http_server.h"

namespace satgate::flow::mcp {

class EventStream {
 public:
  static constexpr net::Milliseconds kKeepAlive{15'000};

  // `session` may be null: then events have no ids.
  EventStream(net::ServerExchange& http, std::shared_ptr<Session> session)
      : http_(http), session_(std::move(session)) {}

  // The head, and what the client has missed. False: the client has gone.
  net::Task<bool> start(std::shared_ptr<Outbox> source, std::string request_id);
  net::Task<bool> resume(Session::Replay replay, std::string request_id);
  bool started() const { return started_; }

  net::Task<bool> write(std::string text, bool is_last);
  net::Task<bool> keep_alive();                      // a comment
  net::Task<bool> name_endpoint(std::string where);  // the first event of HTTP+SSE (2024-11-05)
  net::Task<> finish();

 private:
  net::Task<bool> write_head(const std::string& request_id);
  void append_event(const std::string& id, std::string text);
  net::Task<bool> send();
  bool has_ids() const { return log_ != nullptr; }

  net::ServerExchange& http_;
  const std::shared_ptr<Session> session_;
  std::shared_ptr<EventLog> log_;
  std::string out_;
  bool started_ = false;
};

}  // namespace satgate::flow::mcp
