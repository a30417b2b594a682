// Opens fresh upstream connections: resolve, connect, TLS. Internal to net.
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "net/stream.h"
#include "net/tls.h"
#include "net/upstream.h"

namespace satgate::net {

struct ConnectFailure {
  IoError error = IoError::failed;
  std::string message;  // "cannot connect to host:443: Connection refused"
};

// One attempt to connect, which cancel() ends.
class Connector final : public Cancellable {
 public:
  Connector(Loop& loop, const UpstreamIdentity& identity, std::shared_ptr<TlsClientContext> tls,
            Milliseconds timeout)
      : loop_(loop), identity_(identity), tls_(std::move(tls)), timeout_(timeout) {}

  // `timeout` bounds each step: the resolver, all TCP attempts together, the handshake.
  Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> connect();
  void cancel() noexcept override;

 private:
  struct Resolved;
  ConnectFailure failure(IoError error, std::string_view why) const;
  Task<std::expected<std::shared_ptr<Resolved>, ConnectFailure>> resolve();
  Task<std::expected<std::unique_ptr<Stream>, ConnectFailure>> secure(
      std::unique_ptr<Stream> stream);

  Loop& loop_;
  const UpstreamIdentity& identity_;
  std::shared_ptr<TlsClientContext> tls_;  // null: plain TCP
  Milliseconds timeout_;
  std::shared_ptr<Resolved> resolving_;
  Stream* stream_ = nullptr;
  bool cancelled_ = false;
};

}  // namespace satgate::net
