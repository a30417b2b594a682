#include "net/http_server.h"

#include <unordered_set>

#include "net/server_connection.h"

namespace satgate::net {

namespace {
constexpr std::string_view kBusy =
    "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n"
    "content-length: 63\r\nconnection: close\r\nretry-after: 1\r\n\r\n"
    "{\"error\":\"too_many_connections\",\"message\":\"Try again shortly.\"}";
constexpr Milliseconds kCutGrace{1000};  // for handlers to notice that they were cut
}  // namespace

// Shared with the coroutines, which may outlive the HttpServer while they wind down.
struct HttpServer::State {
  State(Loop& l, Handler& h, HttpServerOptions o)
      : loop(l), handler(h), options(std::move(o)), changed(l) {}

  Loop& loop;
  Handler& handler;
  HttpServerOptions options;
  std::unique_ptr<Listener> listener;
  std::unordered_set<ServerConnection*> connections;
  Event changed;  // a connection has ended
  uint64_t requests = 0;
  bool draining = false;
};

HttpServer::HttpServer(Loop& loop, Handler& handler, HttpServerOptions options)
    : state_(std::make_shared<State>(loop, handler, std::move(options))) {}

HttpServer::~HttpServer() {
  if (state_->listener != nullptr) state_->listener->close();
}

Result<ListenAddress> HttpServer::listen(const ListenAddress& address, Listener::Share share) {
  TRY_ASSIGN(state_->listener, Listener::open(state_->loop, address, share));
  spawn(state_->loop, accept_connections(state_));
  return state_->listener->address();
}

Task<> HttpServer::accept_connections(std::shared_ptr<State> state) {
  for (;;) {
    Result<Socket> socket = co_await state->listener->accept();
    if (!socket) co_return;
    if (state->connections.size() < state->options.connections_max) {
      spawn(state->loop, serve(state, std::move(*socket)));
      continue;
    }
    // Say so rather than let the client wait in a queue that does not move.
    Stream stream(state->loop, std::move(*socket));
    if (state->options.tls) {
      stream.abort();
    } else {
      stream.set_write_timeout(Milliseconds{0});
      co_await stream.write_all(kBusy);
    }
  }
}

Task<> HttpServer::serve(std::shared_ptr<State> state, Socket socket) {
  ServerConnection connection(state->loop, std::move(socket), state->options);
  struct Registration {
    Registration(State& s, ServerConnection& c) : state(s), connection(c) {
      state.connections.insert(&connection);
      if (state.draining) connection.finish_soon();
    }
    ~Registration() {
      state.connections.erase(&connection);
      if (state.draining) state.changed.notify();
    }
    State& state;
    ServerConnection& connection;
  };
  const Registration registration(*state, connection);
  co_await connection.run(state->handler, state->requests);
}

Task<size_t> HttpServer::drain(Milliseconds at_most) {
  const std::shared_ptr<State> state = state_;
  state->draining = true;
  if (state->listener != nullptr) state->listener->close();
  for (ServerConnection* connection : state->connections)
    connection->finish_soon();
  const auto end = std::chrono::steady_clock::now() + at_most;
  while (!state->connections.empty()) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left <= Milliseconds{0}) break;
    co_await state->changed.wait(std::chrono::ceil<Milliseconds>(left));
  }
  const size_t cut = state->connections.size();
  for (ServerConnection* connection : state->connections)
    connection->stop_now();
  const auto give_up = std::chrono::steady_clock::now() + kCutGrace;
  while (!state->connections.empty() && std::chrono::steady_clock::now() < give_up) {
    co_await state->changed.wait(Milliseconds{50});
  }
  co_return cut;
}

size_t HttpServer::connections() const {
  return state_->connections.size();
}

uint64_t HttpServer::requests() const {
  return state_->requests;
}

}  // namespace satgate::net
