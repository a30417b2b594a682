// One HTTP request to `/mcp`: what came, who sent it, and what is being answered.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dialect/mcp/message.h"
#include "dialect/mcp/reply.h"
#include "dialect/mcp/version.h"
#include "flow/conversation.h"
#include "flow/gateway.h"
#include "flow/mcp/governed_call.h"
#include "net/http_server.h"

namespace satgate::flow::mcp {

// Readers that are not in use, with the memory they have: a visit is short, and there are many.
using IdleReaders = std::vector<std::unique_ptr<dialect::mcp::RawJson>>;

// The principal of all that show nothing, or a payment: that is of a call, not of a session.
inline constexpr std::string_view kAnonymous = "anonymous";

struct Visit {
  Visit(net::ServerExchange& exchange, const Call& first, Snapshot snapshot, IdleReaders& idle)
      : http(exchange),
        base(first),
        settings(std::move(snapshot.settings)),
        hub(std::move(snapshot.hub)),
        catalogue(hub->catalogue()),
        idle_readers(idle),
        reader(take(idle)),
        json(*reader) {}
  ~Visit() {
    json.forget();
    if (idle_readers.size() < kIdleReadersMax) idle_readers.push_back(std::move(reader));
  }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;

  static constexpr size_t kIdleReadersMax = 64;
  static std::unique_ptr<dialect::mcp::RawJson> take(IdleReaders& idle) {
    if (idle.empty()) return std::make_unique<dialect::mcp::RawJson>();
    auto taken = std::move(idle.back());
    idle.pop_back();
    return taken;
  }

  net::ServerExchange& http;
  Call base;  // has id, time and mode; what else a call is, its message says
  // Of the time when it came; a stream that stays lets go of both (Endpoint::hand_on).
  std::shared_ptr<const Settings> settings;
  std::shared_ptr<Hub> hub;
  const std::shared_ptr<const dialect::mcp::Catalogue> catalogue;
  Credential credential;
  std::string principal;  // names the credential, and does not tell it
  std::shared_ptr<Session> session;
  dialect::mcp::McpHeaders headers;
  IdleReaders& idle_readers;
  std::unique_ptr<dialect::mcp::RawJson> reader;
  dialect::mcp::RawJson& json;
  bool takes_events = false;  // Accept says so
  bool over_sse = false;      // HTTP+SSE of 2024-11-05: answers go to the session's stream
  bool is_batch = false;

  std::string answers;                      // responses; joined by commas in a batch
  std::string session_id;                   // of a session that was opened
  std::shared_ptr<GovernedCall> last_call;  // its figures stand in the head of its answer
  int status = 200;
  bool answered = false;  // the HTTP response has been sent

  void begin_answer() {
    if (!answers.empty()) answers += ',';
  }
  void answer_error(std::string_view id, const dialect::mcp::RpcError& error) {
    begin_answer();
    dialect::mcp::append_error(answers, id, error);
    status = error.http_status;
  }
  void answer_result(std::string_view id, std::string_view result) {
    begin_answer();
    dialect::mcp::append_result(answers, id, result);
  }
};

}  // namespace satgate::flow::mcp
