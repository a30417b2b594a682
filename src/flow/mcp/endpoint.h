// `/mcp`: Streamable HTTP for clients of both eras. Handshakes and lists are answered here from the
// hub's catalogue; whatever goes to a server goes through the governed exchange (governed_call.h).
//
// A client of a legacy revision gets a session with `initialize`, and may do without it: then it
// hears nothing but answers. `/sse` and `/message` are the transport of 2024-11-05.
#pragma once

#include <string>
#include <string_view>

#include "flow/mcp/event_stream.h"
#include "flow/mcp/visit.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

class Endpoint {
 public:
  explicit Endpoint(Worker& worker) : worker_(worker) {}

  // Whether a request is for it, and not for an API that happens to have such a path.
  static bool serves(const wire::RequestHead& request);

  // `call` has id, time and method; the endpoint fills in the rest for every message.
  net::Task<> handle(net::ServerExchange& http, Call call, Snapshot snapshot);

 private:
  using Message = dialect::mcp::Message;
  using Era = dialect::mcp::Era;

  // endpoint.cc: what came
  std::optional<Denial> judge(Visit& visit);
  bool may_come_to_buy(const Visit& visit);
  net::Task<> handle_post(Visit& visit);
  net::Task<> answer_body(Visit& visit, std::string_view body);
  net::Task<> answer_messages(Visit& visit, const dialect::mcp::Envelope& envelope);
  net::Task<> answer_message(Visit& visit, const Message& message);
  net::Task<> answer_request(Visit& visit, const Message& message, Era era);
  net::Task<> send_answers(Visit& visit);
  bool find_session(Visit& visit);
  void take_notification(Visit& visit, const Message& message);
  net::Task<> handle_session(Visit& visit);

  // answers.cc: what the gateway says by itself
  bool answer_at_once(Visit& visit, const Message& message, Era era);
  void initialize(Visit& visit, const Message& message);
  void list(Visit& visit, const Message& message, Era era);
  dialect::mcp::Capabilities capabilities(const Visit& visit) const;
  bool answer_agent_tool(Visit& visit, const Message& message, Era era);
  net::Task<> change_watch(Visit& visit, const Message& message);

  // calls.cc: what goes to a server
  net::Task<> make_call(Visit& visit, const Message& message, Era era);
  dialect::mcp::RpcResult<std::shared_ptr<GovernedCall>> prepare_call(Visit& visit,
                                                                      const Message& message,
                                                                      Era era);
  net::Task<> continue_call(Visit& visit, const Message& message);
  net::Task<> answer_call(Visit& visit, std::shared_ptr<GovernedCall> call);
  net::Task<> collect_call(Visit& visit, std::shared_ptr<GovernedCall> call);

  // streams.cc: what is told as it happens
  net::Task<> stream_session(Visit& visit);
  net::Task<> listen(Visit& visit, const Message& message);
  enum class Until : uint8_t { final, gone };
  net::Task<> hand_on(Visit& visit, EventStream& stream, std::shared_ptr<Outbox> source,
                      Until until);
  net::Task<> open_sse(Visit& visit);
  net::Task<> take_sse_message(Visit& visit);
  void end_session(Visit& visit, Session& session);

  Worker& worker_;
  IdleReaders readers_;
};

}  // namespace satgate::flow::mcp
