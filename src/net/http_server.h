// HTTP/1.1 server side: one coroutine a connection, one ServerExchange a request.
//
//   class Echo final : public Handler {
//     Task<> handle(ServerExchange& exchange) override {
//       const auto body = co_await exchange.read_body_all(1024);
//       if (!body) co_return;                       // too large, cut, timed out: see read_body_all
//       exchange.response(200).field("content-type", "text/plain");
//       co_await exchange.send(*body);              // one send: head and body
//     }
//   };
//
// What this file does for every request: deadlines, strict parsing and a minimal JSON 4xx for what
// cannot be parsed, `100 Continue` when the body is first asked for, pipelined bytes kept for the
// next request, framing by version and method (HEAD, 204, 304, HTTP/1.0), draining or closing when
// a body was not read. A response that was started and not finished is cut by a reset, never ended
// cleanly. A handler that sends nothing at all gives the client a 500.
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
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/task.h"
#include "net/tls.h"
#include "wire/head.h"
#include "wire/parser.h"
#include "wire/serializer.h"

namespace satgate::net {

template <class T = void>
using Reply = std::expected<T, Fault>;

// One request and its response. Owned by the connection and reused; use it only inside handle().
class ServerExchange {
 public:
  // -- The request. Views hold until handle() ends.
  virtual const wire::RequestHead& request() const = 0;
  virtual std::string_view remote_address() const = 0;  // "127.0.0.1"; "" when unknown
  virtual bool is_tls() const = 0;
  virtual Loop& loop() = 0;

  // The whole body, decoded. At least 64 readable bytes follow it (simdjson's padding). Holds until
  // handle() ends. Faults (source client): 413 more than `bytes_max`; 400 bad framing or cut; 408
  // timed out. After a Fault a response may still be sent; the connection closes after it.
  virtual Task<Reply<std::string_view>> read_body_all(size_t bytes_max) = 0;
  // The next piece, empty at the end; holds until the next read. Faults as above, without 413.
  virtual Task<Reply<std::string_view>> read_body_some() = 0;

  // -- The response. Begin with response(), add fields to the writer, then send() or start().
  // Calling response() again before that throws the first head away.
  virtual wire::HeadWriter& response(int status, std::string_view reason = {}) = 0;
  // Complete answer with Content-Length. Faults: source client (gone, stalled) or gateway (a field
  // the serializer refuses; nothing was sent, another response() may follow).
  virtual Task<Reply<>> send(std::string_view body) = 0;
  // Head now (or, to save a send, with the first piece), body by write(). `chunked` becomes "until
  // close" for an HTTP/1.0 client. `length` must be kept exactly: finish() with fewer bytes cuts,
  // more bytes are a Fault. To HEAD, and with 204 and 304, the body is left out for you.
  enum class Head : uint8_t { now, with_first_piece };
  virtual Task<Reply<>> start(wire::BodyFraming framing, Head when = Head::now) = 0;
  // Waits until the client has taken the piece: this is the back-pressure.
  virtual Task<Reply<>> write(std::string_view piece) = 0;
  // The end. Only this makes a chunked answer complete, so settle before it. With `length` keep
  // the last piece back and give it here: write(last) and finish() in one.
  virtual Task<Reply<>> finish(std::string_view last_piece = {}) = 0;
  // Gives up on an answer: the connection is reset and the client sees a cut, never an end.
  virtual void cut() = 0;

  virtual bool response_started() const = 0;
  virtual void close_after() = 0;  // no keep-alive after this response

  // -- The client's presence, noticed while the handler waits for something else. The look begins
  // some 50 ms after the request was read; before that false says nothing.
  virtual bool client_gone() const = 0;
  // `waiter` is cancelled if the client goes away (at once, if it has). Null ends that.
  virtual void cancel_when_gone(Cancellable* waiter) = 0;

 protected:
  ~ServerExchange() = default;
};

// Cancels `waiter` when the client goes away, for as long as this object lives.
class CancelWhenGone {
 public:
  CancelWhenGone(ServerExchange& exchange, Cancellable& waiter) : exchange_(exchange) {
    exchange_.cancel_when_gone(&waiter);
  }
  ~CancelWhenGone() { exchange_.cancel_when_gone(nullptr); }
  CancelWhenGone(const CancelWhenGone&) = delete;
  CancelWhenGone& operator=(const CancelWhenGone&) = delete;

 private:
  ServerExchange& exchange_;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // Called on the loop of the connection; one handler may serve several loops at the same time.
  // Exceptions become a 500 (or a cut, if the response has started) and close the connection.
  virtual Task<> handle(ServerExchange& exchange) = 0;
};

struct HttpServerOptions {
  Milliseconds head_timeout{limits::head_seconds_max * 1000};  // first byte to end of head
  Milliseconds idle_timeout{limits::idle_seconds_max * 1000};  // between requests
  Milliseconds body_timeout{30'000};                           // between two bytes of a body
  Milliseconds write_timeout{60'000};                          // for the client to take more
  Milliseconds client_watch_grace{50};
  size_t connections_max = limits::connections_max;  // per server, that is per loop
  size_t drain_bytes_max = 256 * 1024;               // of a body nobody read
  wire::HeadLimits head_limits;
  std::optional<TlsServerContext> tls;
};

// The server of one loop on one address. All methods on the loop, or while it does not run.
class HttpServer {
 public:
  HttpServer(Loop& loop, Handler& handler, HttpServerOptions options);
  ~HttpServer();  // after drain(), or when the loop has been joined; before the Loop is destroyed
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Opens the port and starts to accept. The address with the real port.
  Result<ListenAddress> listen(const ListenAddress& address,
                               Listener::Share share = Listener::Share::first);

  // Stops accepting, closes idle connections, lets requests in progress end (their connections
  // close after it) for at most `at_most`, then cuts the rest. Returns how many were cut.
  Task<size_t> drain(Milliseconds at_most);

  size_t connections() const;
  uint64_t requests() const;  // heads parsed since the start

 private:
  struct State;
  static Task<> accept_connections(std::shared_ptr<State> state);
  static Task<> serve(std::shared_ptr<State> state, Socket socket);
  std::shared_ptr<State> state_;
};

}  // namespace satgate::net
