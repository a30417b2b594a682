// One call of a client that goes to a server, and is decided, priced and recorded as one, however
// many rounds it takes: the conversation of the governed exchange, and the listener of the hub.
//
// It lives by itself, not in the HTTP exchange that brought it: a client may lose its connection,
// or be asked and come back by another one. What it says goes into an outbox; whoever answers the
// client at the moment takes it from there.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "dialect/mcp/message.h"
#include "dialect/mcp/reply.h"
#include "dialect/mcp/version.h"
#include "flow/conversation.h"
#include "flow/gateway.h"
#include "flow/mcp/clients.h"
#include "flow/mcp/hub.h"
#include "flow/mcp/session_asks.h"
#include "flow/worker.h"

namespace satgate::flow::mcp {

// What a client asks to be done.
struct CallIntent {
  std::string id;       // raw JSON-RPC id
  std::string method;   // tools/call, prompts/get, resources/read, completion/complete
  std::string name;     // the server's own name of the tool or prompt; empty: params stay
  std::string params;   // raw
  std::string subject;  // what clients name it by: a tool, a prompt, a uri; or nothing
  // Where its arguments, a raw object, stand in `params`. None: an empty object.
  size_t arguments_at = 0;
  size_t arguments_size = 0;
  std::string principal;
  dialect::mcp::Era era = dialect::mcp::Era::legacy;
  ClientTraits client;
  std::shared_ptr<Session> session;  // legacy, where the client has one
  bool streams = false;              // it takes messages before the answer
  std::string address;               // of the client, who may pay for it
  bool signals_payment = false;      // over HTTP: it looks at the status
  std::shared_ptr<Outbox> outbox = std::make_shared<Outbox>();

  std::string_view arguments() const;
  // The same in every round: method, subject and arguments, however the latter are spaced.
  std::string about() const;
};

class GovernedCall final : public Conversation,
                           public CallListener,
                           public std::enable_shared_from_this<GovernedCall> {
 public:
  // Methods that go to a server, as literals for Call::tool; empty: not one of them.
  static std::string_view governed_method(std::string_view method);
  static bool governs(std::string_view method) { return !governed_method(method).empty(); }

  // Views of `call` point into `snapshot` and `catalogue`. `credential` is copied.
  GovernedCall(Worker& worker, Snapshot snapshot,
               std::shared_ptr<const dialect::mcp::Catalogue> catalogue, const Call& call,
               const Credential& credential, CallIntent intent);

  // From the first room to the last; then the final message is in the outbox.
  static net::Task<> run(std::shared_ptr<GovernedCall> call);

  const std::shared_ptr<Outbox>& outbox() const { return intent_.outbox; }
  const CallIntent& intent() const { return intent_; }
  // Any thread. The call ends as one whose client has gone.
  void cancel();
  // The next round begins: its answers carry this id, also one that is there already.
  void continue_as(std::string id);

  // Of the final message, once it has been taken.
  int http_status() const { return http_status_; }
  std::optional<Refusal> refused() const { return refused_; }
  void write_fields(wire::HeadWriter& head) const;
  // How it can be paid for, where it was refused for that.
  const std::optional<PaymentOffer>& offer() const { return offer_; }

  const Call& call() const override { return call_; }
  const Settings& settings() const override { return *snapshot_.settings; }
  Credential credential() const override { return {credential_kind_, credential_, preimage_}; }
  Payer payer() const override { return {intent_.address, intent_.signals_payment}; }
  net::Task<bool> add_content(SipHash& fingerprint) override;
  std::optional<Money> find_cached(const CacheSearch& search) override;
  std::string content() const override;
  bool abandoned() const override;
  net::Task<flow::Outcome> forward(const Passing& passing) override;
  net::Task<> complete(const Settled& settled) override;
  net::Task<> refuse(const Denial& denial) override;
  net::Task<> fail(const Fault& fault) override;

  void notified(std::string_view method, std::string params) override;
  net::Task<std::expected<AskReply, Fault>> ask(std::vector<Ask> asks) override;
  void withdrawn(uint64_t number, std::string_view reason) override;

 private:
  void put_answer(Outbox::Kind kind, std::string text, std::string_view for_id);
  bool put_beside_answer(const Outbox::Item& item);
  net::Task<Rounds::Replied> ask_in_next_round(const std::vector<Ask>& asks);
  std::string undeclared(const std::vector<Ask>& asks);
  void begun(std::shared_ptr<CallCancel> cancel);
  std::string id() const;
  // governed_answer.cc: what is made of an answer
  bool may_be_kept();
  Usage measure(const Passing& passing);
  void withhold(uint64_t bytes, uint64_t most);
  dialect::mcp::Charge charge_of(Money cost) const;
  void keep_answer(const Settled& settled);
  void set_error(dialect::mcp::RpcError error);
  void set_payment_required(const Denial& denial);
  void set_upstream_error();

  Worker& worker_;
  const Snapshot snapshot_;
  const std::shared_ptr<const dialect::mcp::Catalogue> catalogue_;
  Call call_;
  const Credential::Kind credential_kind_;
  const std::string credential_;
  const Hash256 preimage_;
  const CallIntent intent_;

  mutable std::mutex mutex_;  // for what other threads may set
  std::string id_;
  std::shared_ptr<CallCancel> cancel_;
  bool cancelled_ = false;
  bool ended_ = false;   // its final message is in the outbox
  std::string missing_;  // a capability the client would need

  std::optional<SessionAsks> session_asks_;  // legacy, where the client can be asked
  std::optional<Hash256> keep_as_;           // where its answer may be given again
  std::shared_ptr<const CachedAnswer> cached_;
  std::atomic<uint64_t> asks_ = 0;  // so far
  bool withheld_ = false;           // the answer was larger than its price covers

  mcp::Outcome upstream_;
  Passing passing_;
  Settled settled_;
  std::string answer_;
  std::string answer_id_;  // that is in it
  int http_status_ = 200;
  std::optional<Refusal> refused_;
  std::optional<PaymentOffer> offer_;
  std::string receipt_;
};

}  // namespace satgate::flow::mcp
