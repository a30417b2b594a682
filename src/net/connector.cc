#include "net/connector.h"

#include <vector>

#include "net/resolver.h"

namespace satgate::net {

namespace {
using Opened = std::expected<std::unique_ptr<Stream>, ConnectFailure>;
}  // namespace

// The wait for a lookup can end before the lookup does, so the result is shared with whoever
// finishes last.
struct Connector::Resolved {
  explicit Resolved(Loop& loop) : ready(loop) {}
  Event ready;
  std::vector<Endpoint> endpoints;
};

ConnectFailure Connector::failure(IoError error, std::string_view why) const {
  ConnectFailure made;
  made.error = error;
  made.message = "cannot connect to " + identity_.host + ":" + std::to_string(identity_.port) +
                 ": " + std::string(why);
  return made;
}

void Connector::cancel() noexcept {
  cancelled_ = true;
  if (resolving_ != nullptr) resolving_->ready.cancel();
  if (stream_ != nullptr) stream_->cancel();
}

Task<std::expected<std::shared_ptr<Connector::Resolved>, ConnectFailure>> Connector::resolve() {
  auto resolved = std::make_shared<Resolved>(loop_);
  if (const auto literal = Endpoint::of_literal(identity_.host, identity_.port)) {
    resolved->endpoints.push_back(*literal);
    co_return resolved;
  }
  resolving_ = resolved;
  auto on_resolved = [resolved, inbox = loop_.inbox()](std::vector<Endpoint> found) mutable {
    inbox->put([resolved = std::move(resolved), found = std::move(found)]() mutable {
      resolved->endpoints = std::move(found);
      resolved->ready.notify();
    });
  };
  net::resolve(identity_.host, identity_.port, std::move(on_resolved));
  const bool is_ready = co_await resolved->ready.wait(timeout_);
  resolving_.reset();
  if (cancelled_) co_return std::unexpected(failure(IoError::cancelled, "cancelled"));
  if (!is_ready) {
    co_return std::unexpected(failure(IoError::timed_out, "the name lookup timed out"));
  }
  if (resolved->endpoints.empty()) {
    co_return std::unexpected(failure(IoError::failed, "the name is not known"));
  }
  co_return resolved;
}

Task<Opened> Connector::connect() {
  auto resolved = co_await resolve();
  if (!resolved) co_return std::unexpected(std::move(resolved).error());
  const std::vector<Endpoint>& endpoints = (*resolved)->endpoints;
  // A dead address must not use up the time of the ones behind it.
  const Milliseconds each = timeout_ / static_cast<int64_t>(endpoints.size());
  ConnectFailure last;
  for (const Endpoint& endpoint : endpoints) {
    auto stream = std::make_unique<Stream>(loop_);
    stream_ = stream.get();
    stream->set_deadline(each);
    const Io<> connected = co_await stream->connect(endpoint);
    stream_ = nullptr;
    if (cancelled_) co_return std::unexpected(failure(IoError::cancelled, "cancelled"));
    if (connected) {
      stream->clear_deadline();
      if (tls_ == nullptr) co_return stream;
      co_return co_await secure(std::move(stream));
    }
    const bool is_late = connected.error() == IoError::timed_out;
    last = failure(connected.error(), is_late ? "timed out" : stream->error_text());
  }
  co_return std::unexpected(std::move(last));
}

Task<Opened> Connector::secure(std::unique_ptr<Stream> stream) {
  stream_ = stream.get();
  stream->set_deadline(timeout_);
  SslPtr ssl = tls_->new_connection();
  const Io<> secured = co_await stream->handshake_client(std::move(ssl));
  stream_ = nullptr;
  if (cancelled_) co_return std::unexpected(failure(IoError::cancelled, "cancelled"));
  if (!secured) {
    const bool is_late = secured.error() == IoError::timed_out;
    co_return std::unexpected(
        failure(secured.error(), is_late ? "the TLS handshake timed out"
                                         : "TLS handshake failed: " + stream->error_text()));
  }
  stream->clear_deadline();
  co_return stream;
}

}  // namespace satgate::net
