// HTTP/1.1 client side: pooled upstream connections of one loop, and one ClientExchange a call.
//
//   ClientExchange call(pool, identity, options);
//   CancelWhenGone guard(server_exchange, call);
//   call.request("POST", "/v1/chat/completions").field("authorization", credential);
//   TRY(co_await call.send(body));
//   const auto head = co_await call.read_head();
//   for (;;) { auto piece = co_await call.read_some(); if (!piece || piece->empty()) break; ... }
//
// Money rules, exact:
// - Fault::sent_upstream is true as soon as any byte of the request may have left this process: the
//   kernel has taken one, or, over TLS, a record was begun. Resolving, connecting and the TLS
//   handshake carry no request byte. It stays true for every later Fault of the exchange.
// - A pooled connection that is found dead before a byte has left is replaced silently, once, for
//   every method.
// - If a pooled connection dies after that and before any response byte, the request may have been
//   executed. It is repeated once, on a fresh connection, only if it is safe to repeat (GET, HEAD,
//   OPTIONS: methods without effects) and was sent by send(). Otherwise the Fault says retry =
//   reused_only and sent_upstream = true: a POST may have cost money, so nobody repeats it without
//   asking the ledger.
// - Any other Fault says retry = yes if nothing was sent, and no otherwise.
// Statuses: 502 cannot reach, cut or nonsense; 504 timed out; 499 cancelled (source client).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "contract/fault.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/upstream.h"
#include "wire/head.h"
#include "wire/serializer.h"

namespace satgate::net {

struct ClientOptions {
  Milliseconds connect_timeout{limits::connect_seconds_max * 1000};  // resolve, TCP and TLS, each
  Milliseconds between_bytes_timeout{limits::upstream_seconds_max * 1000};
  size_t head_bytes_max = limits::head_bytes_max;
};

struct PoolOptions {
  size_t idle_per_identity_max = limits::upstream_idle_max;
  size_t identities_max = 1024;  // remembered; beyond that those without connections are dropped
  Milliseconds idle_timeout{60'000};
};

// Idle upstream connections of one loop, newest first, by identity. Not shared between loops.
class UpstreamPool {
 public:
  explicit UpstreamPool(Loop& loop, PoolOptions options = {});
  ~UpstreamPool();  // on the loop or when it does not run; before the Loop is destroyed
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  Loop& loop();
  size_t idle() const;           // connections waiting
  uint64_t connections() const;  // opened since the start
  uint64_t reused() const;       // taken from the pool since the start
  void clear();                  // closes idle connections and forgets TLS sessions

 private:
  friend class ClientExchange;
  struct State;
  std::shared_ptr<State> state_;
};

// One request and its response. Destroying it before the response has been read to its clean end
// closes the connection; otherwise the connection goes back to the pool by itself.
class ClientExchange final : public Cancellable {
 public:
  // `identity` must outlive the exchange (it lives in the frozen config).
  ClientExchange(UpstreamPool& pool, const UpstreamIdentity& identity, ClientOptions options = {});
  ~ClientExchange() override;
  ClientExchange(const ClientExchange&) = delete;
  ClientExchange& operator=(const ClientExchange&) = delete;

  // Begins the head; add fields to the writer, then send() or start(). The Host field is the
  // identity's unless given.
  wire::HeadWriter& request(std::string_view method, std::string_view target,
                            std::string_view host = {});

  // Connects, or takes a pooled connection, and sends head and body in one send. The body must
  // stay until read_head() has returned (it may be sent again, see above). Empty and a method that
  // takes no body: none is announced.
  Task<std::expected<void, Fault>> send(std::string_view body);
  // Or with a streamed body (`length` or `chunked`): never repeated.
  Task<std::expected<void, Fault>> start(wire::BodyFraming framing);
  Task<std::expected<void, Fault>> write(std::string_view piece);
  Task<std::expected<void, Fault>> finish();

  // The final response head (1xx are skipped). Views hold until the exchange is destroyed.
  Task<std::expected<const wire::ResponseHead*, Fault>> read_head();
  // The next piece of the body, empty at its clean end; holds until the next call. A body that
  // stops before its framing says so is a Fault (`cut` in was_cut()).
  Task<std::expected<std::string_view, Fault>> read_some();
  // The next piece of what has come already, without waiting; empty if there is none, or it has
  // ended. For who wants to hand on in one write what came in one read.
  std::expected<std::string_view, Fault> read_at_hand();
  // The rest of the body, at most `bytes_max`; more is a Fault. Holds until destruction; at least
  // 64 readable bytes follow it.
  Task<std::expected<std::string_view, Fault>> read_all(size_t bytes_max);

  // Ends the wait in progress, and every later one, with Fault source client, status 499.
  void cancel() noexcept override;

  bool sent_upstream() const;  // as in Fault
  bool reused() const;         // the connection came from the pool
  bool complete() const;       // the response has been read to its clean end
  bool was_cut() const;        // the response began and ended before its framing said so

 private:
  friend struct UpstreamPool::State;
  struct State;  // reused through the pool, so that a call allocates nothing
  std::unique_ptr<State> state_;
};

}  // namespace satgate::net
