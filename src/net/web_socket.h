// A WebSocket connection as a client (RFC 6455): text messages, without extensions. On its loop
// only; tasks that it spawns keep it alive.
//
//   const auto socket = WebSocket::make(loop, identity, std::move(tls), 1024 * 1024);
//   TRY(co_await socket->open("/v1", Milliseconds(10'000)));
//   socket->send(R"(["REQ","1",{}])");
//   for (;;) { auto text = co_await socket->read(); if (!text) break; ... }
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/loop.h"
#include "net/task.h"
#include "net/tls.h"
#include "net/upstream.h"
#include "wire/ws_frame.h"

namespace satgate::net {

class Connector;
class Stream;

class WebSocket final : public Cancellable, public std::enable_shared_from_this<WebSocket> {
 public:
  // `identity` lives longer. `tls` is null for ws.
  static std::shared_ptr<WebSocket> make(Loop& loop, const UpstreamIdentity& identity,
                                         std::shared_ptr<TlsClientContext> tls,
                                         size_t message_bytes_max);
  ~WebSocket() override;

  // Connects and upgrades; `timeout` is for each step of it.
  Task<Result<void>> open(std::string target, Milliseconds timeout);
  bool is_open() const { return open_; }

  // The next message. After an error no other comes. One at a time.
  Task<Result<std::string>> read();
  // Leaves soon, in order. Nothing happens on a connection that is not open; one whose peer does
  // not take what is sent is ended.
  void send(std::string_view text);

  uint64_t bytes_received() const { return bytes_received_; }

  void cancel() noexcept override;  // reads and all else fail

 private:
  WebSocket(Loop& loop, const UpstreamIdentity& identity, std::shared_ptr<TlsClientContext> tls,
            size_t message_bytes_max);
  Task<Result<void>> upgrade(std::string target);
  Task<Result<void>> read_more();
  Result<bool> take(const wire::Frame& frame);
  void write(wire::FrameKind kind, std::string_view payload);
  static Task<> flush(std::shared_ptr<WebSocket> self);
  std::string why_stopped() const;

  Loop& loop_;
  const UpstreamIdentity& identity_;
  const std::shared_ptr<TlsClientContext> tls_;
  const size_t message_bytes_max_;
  Connector* connecting_ = nullptr;
  std::unique_ptr<Stream> stream_;
  std::string in_;       // bytes that have come
  std::string message_;  // the front of one that comes in pieces
  bool in_message_ = false;
  std::string out_;  // bytes that wait to leave
  bool writing_ = false;
  bool open_ = false;
  bool cancelled_ = false;
  uint64_t bytes_received_ = 0;
};

}  // namespace satgate::net
