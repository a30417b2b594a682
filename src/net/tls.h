// TLS by OpenSSL 3: version 1.2 and 1.3 only, no renegotiation, no compression, no early data.
// Upstreams are verified (chain and host name) unless the operator wrote `insecure`.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "net/upstream.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;

namespace satgate::net {

using SslPtr = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;

// Certificate and key of a listener. Copies share one state; reload() is seen by all of them, by
// the next connection on any loop, and by no connection that already exists.
class TlsServerContext {
 public:
  // PEM files: certificate with its chain, key. Fails when unreadable or when they do not match.
  static Result<TlsServerContext> load(const std::string& certificate_file,
                                       const std::string& key_file);
  // Reads the files again. On failure the old certificate stays in use.
  Result<void> reload();

  SslPtr new_connection() const;  // null: out of memory

 private:
  struct State;
  explicit TlsServerContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

// Everything TLS needs to reach one upstream identity, with its session cache. One per identity and
// loop; TLS 1.3 tickets arrive after the handshake and are used once.
class TlsClientContext {
 public:
  // Loads the identity's CA file (or the system's), client certificate and key.
  static Result<std::unique_ptr<TlsClientContext>> create(const UpstreamIdentity& identity);
  ~TlsClientContext();

  // Sets SNI, expected host name (or address) and a cached session. Null: out of memory.
  SslPtr new_connection();

  bool has_session() const { return session_ != nullptr; }
  void forget_sessions();

 private:
  TlsClientContext() = default;
  static int on_new_session(ssl_st* ssl, ssl_session_st* session);

  UpstreamIdentity identity_;
  std::shared_ptr<ssl_ctx_st> context_;
  ssl_session_st* session_ = nullptr;  // the newest ticket, not yet used
};

// The last words of OpenSSL's error queue, for a person; clears the queue.
std::string tls_error_text();

}  // namespace satgate::net
