#include "net/server_connection.h"

#include <array>

#include "base/json_out.h"
#include "wire/parse_error.h"

namespace satgate::net {

using wire::BodyFraming;
using wire::Progress;

namespace {
constexpr size_t kInputBytes = BufferPool::kBytes;
constexpr size_t kBodySpaceMin = 8 * 1024;
constexpr size_t kBodyKeepBytes = 256 * 1024;  // larger buffers are given back after the request
constexpr Milliseconds kLinger{1000};
}  // namespace

ServerConnection::ServerConnection(Loop& loop, Socket socket, const HttpServerOptions& options)
    : options_(options), stream_(loop, std::move(socket)) {
  remote_address_ = stream_.remote_address();
  stream_.set_write_timeout(options_.write_timeout);
}

Task<> ServerConnection::run(Handler& handler, uint64_t& requests) {
  stream_.set_deadline(options_.head_timeout);
  if (options_.tls) {
    SslPtr ssl = options_.tls->new_connection();
    const Io<> secured = co_await stream_.handshake_server(std::move(ssl));
    if (!secured) co_return;
  }
  while (co_await read_head()) {
    ++requests;
    if (!co_await call(handler)) break;
    if (!co_await end_request()) break;
  }
  if (phase_ == Phase::broken || phase_ == Phase::started) {
    stream_.abort();
  } else if (phase_ == Phase::finished && stream_.readable_or_closed()) {
    // Closing with unread bytes would send a reset that can overtake the answer.
    co_await stream_.lingering_close(kLinger);
  } else {
    stream_.close();
  }
}

void ServerConnection::finish_soon() {
  draining_ = true;
  keep_alive_ = false;
  if (idle_) stream_.cancel();
}

void ServerConnection::stop_now() {
  phase_ = Phase::broken;
  stream_.cancel();
  on_gone(this);
}

// ---- Head

// True when a head has been parsed and may be served.
Task<bool> ServerConnection::read_head() {
  phase_ = Phase::none;
  in_.compact();
  cursor_ = {};
  bool has_deadline = false;
  for (;;) {
    const wire::HeadResult result =
        wire::parse_request_head(in_.view(), cursor_, head_, options_.head_limits);
    if (result.progress == Progress::done) {
      if (in_.capacity() - result.consumed >= kBodySpaceMin) {
        begin_request(result.consumed);
        co_return true;
      }
      // No room for a body behind a large head: move, and parse again where it is now.
      in_.reserve(result.consumed + kInputBytes);
      cursor_ = {};
      continue;
    }
    if (result.progress == Progress::refused) {
      head_.method = {};
      co_await refuse(wire::http_status(result.error), "bad_request", wire::sentence(result.error));
      co_return false;
    }
    if (!in_.empty() && !has_deadline) {
      stream_.set_deadline(options_.head_timeout);  // for the whole head, from its first byte
      has_deadline = true;
    }
    if (!co_await wait_for_bytes()) co_return false;
  }
}

// An idle connection keeps no buffer.
Task<bool> ServerConnection::wait_idle() {
  if (draining_) co_return false;
  stream_.loop().buffers().give(std::exchange(in_, Buffer()));
  idle_ = true;
  const Io<> stirred = co_await stream_.readable();
  idle_ = false;
  in_ = stream_.loop().buffers().take();
  co_return stirred.has_value();
}

Task<bool> ServerConnection::wait_for_bytes() {
  if (in_.empty() && !co_await wait_idle()) co_return false;
  if (in_.space().empty()) {
    // The parser refuses a head before it grows beyond its limit, so this is bounded.
    in_.reserve(in_.capacity() * 2);
  }
  idle_ = in_.empty();  // readable() has promised too much: no head has begun
  const Io<size_t> n = co_await stream_.read_some(in_.space());
  idle_ = false;
  if (n && *n > 0) {
    in_.commit(*n);
    co_return true;
  }
  if (!n && n.error() == IoError::timed_out && !in_.empty()) {
    stream_.clear_deadline();
    head_.method = {};
    co_await refuse(408, "request_timeout", "The request head did not arrive in time.");
  }
  co_return false;
}

void ServerConnection::begin_request(size_t head_bytes) {
  stream_.clear_deadline();
  in_.consume(head_bytes);
  body_start_ = in_.begin();
  reader_ = wire::BodyReader(head_.framing);
  body_received_ = 0;
  body_failed_ = false;
  continue_sent_ = false;
  writer_.reset();
  head_pending_ = false;
  body_suppressed_ = false;
  keep_alive_ = head_.keep_alive && !draining_;
  gone_ = false;
  waiter_ = nullptr;
  if (reader_.is_done()) body_ended();
}

// ---- Around the handler

Task<bool> ServerConnection::call(Handler& handler) {
  bool threw = false;
  try {
    co_await handler.handle(*this);
  } catch (...) {
    threw = true;  // the handler's own guards settle money; here only the client is told
  }
  stream_.unwatch_peer();
  waiter_ = nullptr;
  if (phase_ == Phase::none && !gone_) {
    keep_alive_ = false;
    co_await refuse(500, "internal_error", "The request could not be completed.");
    co_return false;
  }
  if (phase_ == Phase::finished && framing_.kind == BodyFraming::Kind::until_close) {
    co_return false;
  }
  co_return !threw && phase_ == Phase::finished;
}

// True when the next request may be read.
Task<bool> ServerConnection::end_request() {
  if (!keep_alive_ || draining_) co_return false;
  if (!reader_.is_done() && !co_await drain_body()) co_return false;
  body_.shrink(kBodyKeepBytes);
  if (in_.capacity() > kBodyKeepBytes && in_.size() <= kInputBytes) {
    Buffer smaller = stream_.loop().buffers().take();
    smaller.append(in_.view());
    in_ = std::move(smaller);
  }
  stream_.set_deadline(options_.idle_timeout);
  co_return true;
}

Task<> ServerConnection::refuse(int status, std::string_view code, std::string_view message) {
  std::string body;
  JsonOut(body).object().key("error").string(code).key("message").string(message).end();
  keep_alive_ = false;
  head_.version_minor = 1;
  response(status, {}).field("content-type", "application/json");
  co_await send(body);
}

bool ServerConnection::can_keep_alive() const {
  if (!keep_alive_ || draining_ || body_failed_ || head_.version_minor == 0) return false;
  if (reader_.is_done()) return true;
  // A client that waits for 100 may send its body or not: nobody can tell where the next request
  // begins.
  if (head_.expect_continue && !continue_sent_) return false;
  return head_.framing.kind == BodyFraming::Kind::chunked ||
         head_.framing.bytes - body_received_ <= options_.drain_bytes_max;
}

// ---- Response

wire::HeadWriter& ServerConnection::response(int status, std::string_view reason) {
  // After the first byte of a response no second one can begin; what is written here goes nowhere.
  out_.clear();
  writer_.emplace(out_);
  status_ = status;
  writer_->response(status, reason, head_.method == "HEAD");
  return *writer_;
}

Reply<> ServerConnection::finish_head(BodyFraming framing, std::optional<uint64_t> described) {
  if (phase_ != Phase::none || !writer_) {
    return std::unexpected(broken(500, "a response was begun twice, or not at all"));
  }
  const bool is_head = head_.method == "HEAD";
  body_suppressed_ = is_head || status_ == 204 || status_ == 304;
  if (body_suppressed_ && status_ != 204 && described) writer_->describe_length(*described);
  if (body_suppressed_) framing = BodyFraming::none();
  if (framing.kind == BodyFraming::Kind::chunked && head_.version_minor == 0) {
    framing = BodyFraming::until_close();
  }
  if (framing.kind == BodyFraming::Kind::until_close) keep_alive_ = false;
  if (!can_keep_alive()) {
    keep_alive_ = false;
    writer_->close();
  }
  const Result<void> finished = writer_->finish(framing);
  writer_.reset();
  if (!finished) {
    Fault fault;
    fault.http_status = 500;
    fault.message = "cannot write the response head: " + finished.error().message;
    return std::unexpected(std::move(fault));
  }
  framing_ = framing;
  body_left_ = framing.bytes;
  return {};
}

Task<Reply<>> ServerConnection::send(std::string_view body) {
  Reply<> head = finish_head(BodyFraming::length(body.size()), body.size());
  if (!head) co_return head;
  const std::array<std::string_view, 2> pieces = {out_,
                                                  body_suppressed_ ? std::string_view{} : body};
  phase_ = Phase::started;
  const Io<> written = co_await stream_.write_all(std::span<const std::string_view>(pieces));
  if (!written) co_return std::unexpected(client_fault(written.error(), false));
  phase_ = Phase::finished;
  co_return Reply<>{};
}

Task<Reply<>> ServerConnection::start(BodyFraming framing, Head when) {
  std::optional<uint64_t> described;
  if (framing.kind == BodyFraming::Kind::length) described = framing.bytes;
  Reply<> head = finish_head(framing, described);
  if (!head) co_return head;
  phase_ = Phase::started;
  head_pending_ = when == Head::with_first_piece;
  if (head_pending_) co_return Reply<>{};
  const Io<> written = co_await stream_.write_all(out_);
  if (!written) co_return std::unexpected(client_fault(written.error(), false));
  co_return Reply<>{};
}

Task<Reply<>> ServerConnection::write(std::string_view piece) {
  return put(piece, false);
}

Task<Reply<>> ServerConnection::finish(std::string_view last_piece) {
  return put(last_piece, true);
}

Task<Reply<>> ServerConnection::put(std::string_view piece, bool is_last) {
  if (phase_ != Phase::started) {
    co_return std::unexpected(broken(500, "no response is in progress"));
  }
  if (body_suppressed_) piece = {};
  if (framing_.kind == BodyFraming::Kind::length) {
    if (piece.size() > body_left_ || (is_last && piece.size() < body_left_)) {
      co_return std::unexpected(broken(500, "the body does not have the announced length"));
    }
    body_left_ -= piece.size();
  }
  std::array<char, wire::kChunkPrefixBytesMax> prefix{};
  std::array<std::string_view, 5> pieces{};
  size_t count = 0;
  if (std::exchange(head_pending_, false)) pieces[count++] = out_;
  const bool is_chunked = framing_.kind == BodyFraming::Kind::chunked;
  if (!piece.empty()) {
    if (is_chunked) {
      const size_t n = wire::write_chunk_prefix(piece.size(), prefix.data());
      pieces[count++] = {prefix.data(), n};
    }
    pieces[count++] = piece;
    if (is_chunked) pieces[count++] = wire::kChunkEnd;
  }
  if (is_last && is_chunked) pieces[count++] = wire::kLastChunk;
  if (count > 0) {
    const auto all = std::span<const std::string_view>(pieces).first(count);
    const Io<> written = co_await stream_.write_all(all);
    if (!written) co_return std::unexpected(client_fault(written.error(), false));
  }
  if (is_last) phase_ = Phase::finished;
  co_return Reply<>{};
}

void ServerConnection::cut() {
  phase_ = Phase::broken;
  stream_.abort();
}

Fault ServerConnection::broken(int status, std::string message) {
  phase_ = Phase::broken;
  Fault fault;
  fault.http_status = status;
  fault.message = std::move(message);
  return fault;
}

Fault ServerConnection::client_fault(IoError error, bool reading) {
  Fault fault;
  fault.source = Fault::Source::client;
  fault.http_status = error == IoError::timed_out && reading ? 408 : 400;
  fault.message = reading ? "the request body did not arrive: " : "the client did not take all: ";
  fault.message += to_string(error);
  body_failed_ = body_failed_ || reading;
  if (!reading) phase_ = Phase::broken;
  if (error == IoError::timed_out) {
    if (reading) stream_.clear_deadline();  // an answer may still be sent
  } else {
    gone_ = true;
  }
  return fault;
}

// ---- Presence

void ServerConnection::on_gone(void* self) {
  auto* connection = static_cast<ServerConnection*>(self);
  connection->gone_ = true;
  Cancellable* waiter = std::exchange(connection->waiter_, nullptr);
  if (waiter != nullptr) waiter->cancel();
}

void ServerConnection::cancel_when_gone(Cancellable* waiter) {
  waiter_ = waiter;
  if (gone_ && waiter != nullptr) on_gone(this);
}

}  // namespace satgate::net
