// The request body side of ServerConnection.
#include <algorithm>

#include "net/server_connection.h"
#include "wire/parse_error.h"
#include "wire/serializer.h"

namespace satgate::net {

using wire::BodyFraming;
using wire::Progress;

namespace {
constexpr size_t kGrowBytes = 64 * 1024;

Fault body_fault(int status, std::string message) {
  Fault fault;
  fault.source = Fault::Source::client;
  fault.http_status = status;
  fault.message = std::move(message);
  return fault;
}
}  // namespace

void ServerConnection::body_ended() {
  stream_.watch_peer(options_.client_watch_grace, &ServerConnection::on_gone, this);
}

// Sends 100 Continue once, when somebody wants the body and it is not here already.
Task<Reply<>> ServerConnection::ask_for_body() {
  if (!head_.expect_continue || continue_sent_ || phase_ != Phase::none) co_return Reply<>{};
  continue_sent_ = true;
  if (!in_.empty() || reader_.is_done()) co_return Reply<>{};
  const Io<> written = co_await stream_.write_all(wire::kContinue);
  if (!written) co_return std::unexpected(client_fault(written.error(), true));
  co_return Reply<>{};
}

// Reads more into in_, behind what is there.
Task<Reply<>> ServerConnection::fill() {
  if (in_.empty()) in_.rewind(body_start_);
  stream_.set_deadline(options_.body_timeout);
  const Io<size_t> n = co_await stream_.read_some(in_.space());
  if (!n) co_return std::unexpected(client_fault(n.error(), true));
  stream_.clear_deadline();
  if (*n == 0) co_return std::unexpected(client_fault(IoError::cut, true));
  in_.commit(*n);
  co_return Reply<>{};
}

Task<Reply<std::string_view>> ServerConnection::next_piece() {
  while (!reader_.is_done()) {
    if (in_.empty()) {
      Reply<> filled = co_await fill();
      if (!filled) co_return std::unexpected(std::move(filled).error());
    }
    const wire::BodyStep step = reader_.next(in_.view());
    in_.consume(step.consumed);
    body_received_ += step.data.size();
    if (step.progress == Progress::refused) {
      body_failed_ = true;
      co_return std::unexpected(
          body_fault(wire::http_status(step.error), std::string(wire::sentence(step.error))));
    }
    if (step.progress == Progress::done) body_ended();
    if (!step.data.empty()) co_return step.data;
  }
  co_return std::string_view{};
}

Task<Reply<std::string_view>> ServerConnection::read_body_some() {
  if (body_failed_) co_return std::unexpected(body_fault(400, "the request body was cut"));
  Reply<> asked = co_await ask_for_body();
  if (!asked) co_return std::unexpected(std::move(asked).error());
  co_return co_await next_piece();
}

Task<Reply<std::string_view>> ServerConnection::read_body_all(size_t bytes_max) {
  if (body_failed_) co_return std::unexpected(body_fault(400, "the request body was cut"));
  if (reader_.is_done()) co_return std::string_view{};
  const bool has_length = head_.framing.kind == BodyFraming::Kind::length;
  const uint64_t left = has_length ? head_.framing.bytes - body_received_ : 0;
  if (left > bytes_max) {
    co_return std::unexpected(body_fault(413, "the request body is too large"));
  }
  Reply<> asked = co_await ask_for_body();
  if (!asked) co_return std::unexpected(std::move(asked).error());
  if (has_length && in_.empty()) in_.rewind(body_start_);
  if (has_length && left <= in_.capacity() - in_.begin()) {
    co_return co_await read_body_in_place(static_cast<size_t>(left));
  }
  body_.clear();
  if (has_length) {
    Reply<> read = co_await read_body_straight(static_cast<size_t>(left));
    if (!read) co_return std::unexpected(std::move(read).error());
    co_return body_.view();
  }
  co_return co_await collect_body(bytes_max);
}

// The body fits behind the head: no copy.
Task<Reply<std::string_view>> ServerConnection::read_body_in_place(size_t bytes) {
  while (in_.size() < bytes) {
    Reply<> filled = co_await fill();
    if (!filled) co_return std::unexpected(std::move(filled).error());
  }
  const wire::BodyStep step = reader_.next(in_.view());
  in_.consume(step.consumed);
  body_received_ += step.data.size();
  body_ended();
  co_return step.data;
}

// A large body of known length, read into its own buffer. The buffer grows with what arrives, not
// with what is announced.
Task<Reply<>> ServerConnection::read_body_straight(size_t bytes) {
  while (body_.size() < bytes) {
    if (!in_.empty()) {
      const wire::BodyStep step = reader_.next(in_.view());
      in_.consume(step.consumed);
      body_received_ += step.data.size();
      body_.append(step.data);
      continue;
    }
    if (body_.space().empty()) {
      body_.reserve(std::min(bytes, std::max(kGrowBytes, body_.capacity() * 2)));
    }
    const size_t want = std::min(bytes - body_.size(), body_.space().size());
    stream_.set_deadline(options_.body_timeout);
    const Io<size_t> n = co_await stream_.read_some(body_.space().first(want));
    if (!n) co_return std::unexpected(client_fault(n.error(), true));
    stream_.clear_deadline();
    if (*n == 0) co_return std::unexpected(client_fault(IoError::cut, true));
    const wire::BodyStep step = reader_.next({body_.space().data(), *n});
    body_.commit(*n);
    body_received_ += step.data.size();
  }
  body_ended();
  co_return Reply<>{};
}

Task<Reply<std::string_view>> ServerConnection::collect_body(size_t bytes_max) {
  for (;;) {
    Reply<std::string_view> piece = co_await next_piece();
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->empty()) break;
    if (body_.size() + piece->size() > bytes_max) {
      body_failed_ = true;
      co_return std::unexpected(body_fault(413, "the request body is too large"));
    }
    body_.append(*piece);
  }
  if (body_.capacity() == 0) co_return std::string_view{};
  co_return body_.view();
}

// True when a body that nobody read has been dropped, within bounds.
Task<bool> ServerConnection::drain_body() {
  if (head_.expect_continue && !continue_sent_) co_return false;
  const uint64_t received_max = body_received_ + options_.drain_bytes_max;
  while (!reader_.is_done()) {
    const Reply<std::string_view> piece = co_await next_piece();
    if (!piece || body_received_ > received_max) co_return false;
  }
  stream_.unwatch_peer();
  co_return true;
}

}  // namespace satgate::net
