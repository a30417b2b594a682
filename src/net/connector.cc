#include "net/connector.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <vector>

namespace satgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr size_t kAddressesMax = 4;  // tried one after the other
using Opened = std::expected<std::unique_ptr<Stream>, ConnectFailure>;
}  // namespace

// A lookup cannot be interrupted: getaddrinfo runs on a thread of the event library until it is
// done. The wait for it can, so the result is shared with whoever finishes last.
struct Connector::Resolved {
  explicit Resolved(Loop& loop) : resolver(loop.executor()), ready(loop) {}
  asio::ip::basic_resolver<tcp, Executor> resolver;
  Event ready;
  error_code error;
  std::vector<tcp::endpoint> endpoints;
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
  error_code error;
  const auto literal = asio::ip::make_address(identity_.host, error);
  if (!error) {
    resolved->endpoints.emplace_back(literal, identity_.port);
    co_return resolved;
  }
  resolving_ = resolved;
  auto on_resolved = [resolved](const error_code& why, const tcp::resolver::results_type& found) {
    resolved->error = why;
    for (const auto& entry : found) {
      if (resolved->endpoints.size() < kAddressesMax) {
        resolved->endpoints.push_back(entry.endpoint());
      }
    }
    resolved->ready.notify();
  };
  resolved->resolver.async_resolve(identity_.host, std::to_string(identity_.port),
                                   tcp::resolver::numeric_service, std::move(on_resolved));
  const bool is_ready = co_await resolved->ready.wait(timeout_);
  resolving_.reset();
  if (cancelled_) co_return std::unexpected(failure(IoError::cancelled, "cancelled"));
  if (!is_ready) {
    co_return std::unexpected(failure(IoError::timed_out, "the name lookup timed out"));
  }
  if (resolved->error || resolved->endpoints.empty()) {
    co_return std::unexpected(failure(IoError::failed, "the name is not known"));
  }
  co_return resolved;
}

Task<Opened> Connector::connect() {
  auto resolved = co_await resolve();
  if (!resolved) co_return std::unexpected(std::move(resolved).error());
  const std::vector<tcp::endpoint>& endpoints = (*resolved)->endpoints;
  // A dead address must not use up the time of the ones behind it.
  const Milliseconds each = timeout_ / static_cast<int64_t>(endpoints.size());
  ConnectFailure last;
  for (const tcp::endpoint& endpoint : endpoints) {
    auto stream = std::make_unique<Stream>(loop_, Socket(loop_.executor()));
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
