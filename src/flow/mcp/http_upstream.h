// An MCP server over Streamable HTTP, of either era: one POST a message, answered by JSON or by a
// stream of server-sent events. A legacy server has sessions that it may forget, streams that go on
// in another request, and a stream for what it says by itself; one of 2024-11-05 answers on that
// stream alone. Internal to the hub.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "flow/mcp/upstream.h"
#include "net/http_client.h"
#include "net/upstream.h"
#include "wire/sse.h"

namespace satgate::flow::mcp {

class StreamableHttp final : public Upstream {
 public:
  StreamableHttp(net::Loop& loop, ServerConfig config, HubOptions options, Connection connection,
                 std::weak_ptr<UpstreamEvents> events, std::shared_ptr<net::UpstreamPool> pool,
                 net::UpstreamIdentity identity, std::string target)
      : Upstream(loop, std::move(config), std::move(options), std::move(connection),
                 std::move(events)),
        pool_(std::move(pool)),
        identity_(std::move(identity)),
        target_(std::move(target)) {}

 private:
  // One that waits for its answer; stop() ends it.
  struct Live {
    Live(std::set<net::ClientExchange*>& all, net::ClientExchange& exchange)
        : set(all), call(exchange) {
      set.insert(&call);
    }
    ~Live() { set.erase(&call); }
    Live(const Live&) = delete;
    Live& operator=(const Live&) = delete;
    std::set<net::ClientExchange*>& set;
    net::ClientExchange& call;
  };
  // A stream of events, over all requests that bring it.
  struct Stream {
    Outcome outcome;
    bool answered = false;
    std::string last_id;  // empty: it cannot be taken up again
    std::chrono::milliseconds retry{0};
  };

  net::Task<Result<void>> connect() override;
  net::Task<> disconnect() override;
  net::Task<Answer> exchange(Outgoing outgoing, std::shared_ptr<Flight> flight) override;
  net::Task<> notify(std::string text) override;
  void joined(std::string_view protocol_version) override;
  bool is_http() const override { return true; }

  std::shared_ptr<StreamableHttp> self() {
    return std::static_pointer_cast<StreamableHttp>(shared_from_this());
  }
  static net::ClientOptions client_options();
  // Has a good access token at hand; nothing to do where the server needs none.
  net::Task<Result<void>> authorize(Flight* flight);
  net::Task<Answer> exchange_authorized(Outgoing outgoing, std::shared_ptr<Flight> flight);
  CallFailure unauthorized() const;
  // A 401 can be told to be about it.
  bool is_credential_known() const {
    return connection_.tokens != nullptr || !connection_.credential.first.empty();
  }
  wire::HeadWriter& begin(net::ClientExchange& call, std::string_view method,
                          std::string_view target);
  net::Task<Answer> exchange_any(Outgoing outgoing, std::shared_ptr<Flight> flight);
  net::Task<Answer> exchange_once(const Outgoing& outgoing, std::shared_ptr<Flight> flight,
                                  int& status);
  void begin_post(net::ClientExchange& call, const Outgoing& outgoing);
  CallFailure broke(const Fault& fault, const Flight& flight);
  bool look(std::string_view text, const std::shared_ptr<Flight>& flight, Outcome& outcome,
            bool is_whole);
  net::Task<Answer> answer_of(net::ClientExchange& call, const wire::ResponseHead& head,
                              std::shared_ptr<Flight> flight, bool in_session, bool is_modern);
  net::Task<Answer> json_answer(net::ClientExchange& call, std::shared_ptr<Flight> flight);
  net::Task<Answer> refusal(net::ClientExchange& call, int status, std::shared_ptr<Flight> flight,
                            bool in_session);

  // http_stream.cc
  net::Task<Answer> stream_answer(net::ClientExchange& call, std::shared_ptr<Flight> flight,
                                  bool is_modern);
  net::Task<> read_stream(net::ClientExchange& call, std::shared_ptr<Flight> flight,
                          Stream& stream);
  net::Task<Answer> take_up(std::shared_ptr<Flight> flight, Stream& stream);
  // The status; 0 where no stream of events is, and below it where another access token may help.
  net::Task<int> open_stream(net::ClientExchange& call, std::string last_id);
  static net::Task<> listen(std::shared_ptr<StreamableHttp> self);
  net::Task<bool> listen_once(Stream& stream);

  // http_sse.cc
  struct OldStream;
  struct OldAnswer;
  net::Task<bool> open_old_stream(std::shared_ptr<Flight> flight);
  void close_old_stream();
  static net::Task<> read_old_stream(std::shared_ptr<StreamableHttp> self,
                                     std::shared_ptr<OldStream> stream);
  void take_old_event(OldStream& stream, const wire::SseEvent& event);
  net::Task<Answer> exchange_old(Outgoing outgoing, std::shared_ptr<Flight> flight);
  net::Task<std::expected<void, CallFailure>> post_old(Outgoing outgoing,
                                                       std::shared_ptr<Flight> flight);
  std::string post_target() const;

  std::shared_ptr<net::UpstreamPool> pool_;
  const net::UpstreamIdentity identity_;
  const std::string target_;
  std::string token_;  // of connection_.tokens, as it is sent
  std::string session_;
  std::string version_;
  std::set<net::ClientExchange*> live_;
  net::ClientExchange* listening_on_ = nullptr;
  std::shared_ptr<OldStream> old_stream_;  // of a server of 2024-11-05
  bool connected_ = false;
  uint64_t connection_count_ = 0;
};

bool is_event_stream(const wire::ResponseHead& head);

}  // namespace satgate::flow::mcp
