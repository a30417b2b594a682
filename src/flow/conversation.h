// A conversation is how one protocol takes part in an exchange: plain HTTP, an LLM API, an MCP tool
// call. It knows how to say things; it decides nothing. exchange() asks it in a fixed order.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/money.h"
#include "base/siphash.h"
#include "contract/audit_event.h"
#include "contract/call.h"
#include "contract/fault.h"
#include "contract/refusal.h"
#include "net/task.h"

namespace satgate::flow {

// What a credential field held. Several different ones are an ambiguity and refused.
struct Credential {
  // foreign: not ours to read, for example a provider's own key; malformed: L402, but none;
  // payment: of the Payment scheme, to be read with our secret.
  enum class Kind : uint8_t { none, token, paid, payment, foreign, ambiguous, malformed };
  Kind kind = Kind::none;
  std::string_view text;  // token: what token::Verifier reads; paid: one or several, by commas
  Hash256 preimage = {};  // paid

  static Credential of(Kind kind, std::string_view text = {}) { return {kind, text, {}}; }
};

// Who would pay for a call.
struct Payer {
  std::string_view address;  // of the client; empty: not known
  bool signals = false;      // it has said that it can pay
  bool asks_scheme = false;  // by the Payment scheme, which is then offered first
};

// A call that may buy of its upstream.
struct PurchaseRight {
  Money max;               // with everything that the purchase costs
  std::string scope;       // whose calls may use what was bought
  std::string_view buyer;  // the token, by name
};

// What an allowed call is told, and may tell its client, before the answer has come.
struct Passing {
  Decision decision = Decision::allow;
  std::optional<Money> price;         // the worst case
  std::optional<Money> remaining;     // on the tightest account, with this call held
  std::optional<Refusal> would_deny;  // observe
  // LLM: what to write into the forwarded body; nothing: as the client wrote it.
  std::optional<uint64_t> output_tokens;  // of one choice
  bool clamped = false;                   // smaller than asked: say so
  std::optional<uint64_t> input_tokens;   // quoted, at most
  bool is_per_token = false;              // what was held depends on the tokens
  bool output_visible = false;            // LLM: every output token is in the answer's text
  std::optional<uint64_t> result_bytes;   // MCP: of the answer, at most, where its size costs
  std::string_view cost_field;            // of the answer: what it was, for Outcome; empty: none
  std::string_view receipt;               // of a payment (payment/mpp.h); empty: none
  std::span<const AccountId> lineage;     // of the token, from the minted one down; empty: none
  std::optional<PurchaseRight> purchase = {};
};

// How forwarding ended.
struct Outcome {
  std::optional<Fault> fault;  // no complete answer; `sent_upstream` decides about the money
  std::optional<Usage> usage;  // LLM: reported, or a bound where it was not
  bool usage_missing = false;  // `usage` is a bound: the upstream did not say
  bool free = false;           // the upstream answered, and by its own rules charges nothing
  int http_status = 0;         // what the client is told
  std::optional<Money> upstream_cost = {};  // as Passing::cost_field said
  // The upstream failed, and nothing of an answer has left: somebody else may be asked.
  bool may_fall_back = false;
  Money bought;      // what was spent at the upstream, or may have been
  std::string note;  // for the event; empty: nothing to say
};

// Where a call of an LLM goes.
struct Destination {
  std::string_view model;
  std::string_view upstream;
};

// Which answers may be given again.
struct CacheSearch {
  std::string_view scope;  // whose answers: who shares it may see them
  std::chrono::seconds ttl{0};
};

// What was charged, for the end of the answer.
struct Settled {
  std::optional<Money> cost;
  std::optional<Money> remaining;
};

struct Settings;

class Conversation {
 public:
  virtual ~Conversation() = default;

  virtual const Call& call() const = 0;
  virtual Payer payer() const { return {}; }
  // A field of the request, where it has any.
  virtual std::string_view field(std::string_view) const { return {}; }
  // The config that the call began under: a reload in between must not route it by one and price it
  // by another.
  virtual const Settings& settings() const = 0;
  virtual Credential credential() const = 0;

  // Adds the content of the call (its body, its arguments) to its fingerprint, which has everything
  // of call() already. False: the content is streamed, so nobody can tell whether it is the same.
  virtual net::Task<bool> add_content(SipHash& fingerprint) = 0;

  // Of an LLM: sends the call there from now on; call() says so. False: it can not be.
  virtual bool redirect(const Destination&) { return false; }
  // Of an LLM or a tool: finds an answer that was given before to the same request in this scope,
  // to be given again by forward(). What it did cost.
  virtual std::optional<Money> find_cached(const CacheSearch&) { return std::nullopt; }
  // Of an LLM: the tokens of input that will be billed, at most, where that is known better than by
  // the bytes. It takes time.
  virtual std::optional<uint64_t> exact_input_tokens() { return std::nullopt; }
  // Of an LLM: what the request says hangs on the answer.
  virtual std::string_view stakes() const { return {}; }

  // What it may spend at its upstream, besides its price; nothing: it does not buy.
  virtual std::optional<Money> purchase_max() const { return std::nullopt; }

  // What makes the call this very one, besides what call() says of it: a text for who approves it.
  virtual std::string content() const { return {}; }

  // Whether anything of an answer has left, or may have.
  virtual bool has_begun() const { return true; }
  // Whether nobody waits for the answer any more, so that a call that is still to begin need not.
  virtual bool abandoned() const { return false; }

  // Sends the call upstream and hands the answer on, except for its end: whoever has the end
  // knows that the call was settled and recorded.
  virtual net::Task<Outcome> forward(const Passing& passing) = 0;
  // The end of the answer, after settlement.
  virtual net::Task<> complete(const Settled& settled) = 0;
  // Instead of an answer, or of its end.
  virtual net::Task<> refuse(const Denial& denial) = 0;
  virtual net::Task<> fail(const Fault& fault) = 0;
};

}  // namespace satgate::flow
