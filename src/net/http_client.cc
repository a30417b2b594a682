#include "net/http_client.h"

#include <algorithm>
#include <array>

#include "net/pool.h"
#include "wire/parse_error.h"

namespace satgate::net {

using wire::BodyFraming;
using wire::Progress;
using Done = std::expected<void, Fault>;

namespace {
constexpr size_t kInputBytes = 32 * 1024;
constexpr size_t kBodySpaceMin = 8 * 1024;
constexpr int kInterimMax = 16;  // interim responses before a final one

bool expects_body(std::string_view method) {
  return method == "POST" || method == "PUT" || method == "PATCH";
}
}  // namespace

// ---- State

void ClientExchange::State::reset() {
  pool.reset();
  identity = nullptr;
  stream.reset();
  connector = nullptr;
  sent_before = 0;
  out.clear();
  writer.reset();
  body = {};
  framing = {};
  body_left = 0;
  to_head = is_safe = is_repeatable = request_done = write_failed = false;
  in.clear();
  collected.clear();
  cursor = {};
  reader = {};
  body_start = 0;
  got_byte = head_done = false;
  sent = reused = repeated = complete = was_cut = cancelled = false;
}

void ClientExchange::State::drop_stream() {
  if (stream == nullptr) return;
  sent = sent || stream->bytes_sent() > sent_before;
  stream.reset();
}

Fault ClientExchange::State::fault(int status, std::string message) const {
  Fault made;
  made.source = cancelled ? Fault::Source::client : Fault::Source::upstream;
  made.http_status = cancelled ? 499 : status;
  made.sent_upstream = sent || (stream != nullptr && stream->bytes_sent() > sent_before);
  if (!made.sent_upstream) {
    made.retry = cancelled ? Fault::Retry::no : Fault::Retry::yes;
  } else if (reused && !got_byte && !cancelled) {
    made.retry = Fault::Retry::reused_only;
  }
  made.message = cancelled ? "the client went away" : std::move(message);
  return made;
}

Fault ClientExchange::State::io_fault(IoError error, std::string_view doing) {
  const bool is_late = error == IoError::timed_out;
  Fault made =
      fault(is_late ? 504 : 502, std::string(doing) + ": " + std::string(to_string(error)));
  if (is_late && made.retry == Fault::Retry::reused_only) made.retry = Fault::Retry::no;
  return made;
}

Done ClientExchange::State::finish_head(BodyFraming wanted) {
  framing = wanted;
  body_left = wanted.bytes;
  const Result<void> finished = writer ? writer->finish(wanted) : fail("no request was begun");
  writer.reset();
  if (finished) return {};
  Fault made = fault(500, "cannot write the request head: " + finished.error().message);
  made.source = Fault::Source::gateway;
  made.retry = Fault::Retry::no;
  return std::unexpected(std::move(made));
}

// A pooled connection if there is one and `fresh` is false.
Task<Done> ClientExchange::State::acquire(bool fresh) {
  if (cancelled) co_return std::unexpected(fault(499, {}));
  reused = false;
  if (!fresh) stream = pool->take(*identity);
  if (stream != nullptr) {
    reused = true;
  } else {
    std::shared_ptr<TlsClientContext> tls;
    if (identity->tls) {
      auto context = pool->tls_context(*identity);
      if (!context) co_return std::unexpected(fault(502, std::move(context).error().message));
      tls = std::move(*context);
    }
    Connector attempt(pool->loop, *identity, std::move(tls), options.connect_timeout);
    connector = &attempt;
    auto opened = co_await attempt.connect();
    connector = nullptr;
    if (!opened) {
      const bool is_late = opened.error().error == IoError::timed_out;
      co_return std::unexpected(fault(is_late ? 504 : 502, std::move(opened.error().message)));
    }
    stream = std::move(*opened);
    ++pool->opened;
  }
  sent_before = stream->bytes_sent();
  stream->set_write_timeout(options.between_bytes_timeout);
  co_return Done{};
}

// Sends what is in `out` and `body`, on a pooled connection first.
Task<Done> ClientExchange::State::dispatch() {
  for (bool fresh = repeated;; fresh = true) {
    Done acquired = co_await acquire(fresh);
    if (!acquired) co_return acquired;
    const std::array<std::string_view, 2> pieces = {out, body};
    const Io<> written = co_await stream->write_all(std::span<const std::string_view>(pieces));
    if (written) co_return Done{};
    const bool has_left = stream->bytes_sent() > sent_before;
    if (reused && !has_left && written.error() != IoError::cancelled) {
      drop_stream();
      continue;  // dead before a byte had left: another connection changes nothing
    }
    if (has_left && written.error() == IoError::cut) {
      // The upstream may have answered and closed without reading everything.
      write_failed = true;
      co_return Done{};
    }
    Done failed = std::unexpected(io_fault(written.error(), "the upstream did not take all"));
    drop_stream();
    co_return failed;
  }
}

bool ClientExchange::State::may_repeat() const {
  return reused && !repeated && !got_byte && is_safe && is_repeatable && !cancelled;
}

Task<Done> ClientExchange::State::fill_head() {
  if (in.space().empty()) in.reserve(std::max(in.capacity() * 2, kInputBytes));
  stream->set_deadline(options.between_bytes_timeout);
  const Io<size_t> n = co_await stream->read_some(in.space());
  if (n && *n > 0) {
    stream->clear_deadline();
    got_byte = true;
    in.commit(*n);
    co_return Done{};
  }
  const IoError error = n ? IoError::cut : n.error();
  if (got_byte) was_cut = true;
  if (error != IoError::timed_out && may_repeat()) {
    drop_stream();
    repeated = true;
    write_failed = false;
    co_return co_await dispatch();
  }
  Done failed = std::unexpected(io_fault(error, "no response from the upstream"));
  drop_stream();
  co_return failed;
}

Task<Done> ClientExchange::State::fill_body() {
  if (in.empty()) in.rewind(body_start);
  stream->set_deadline(options.between_bytes_timeout);
  const Io<size_t> n = co_await stream->read_some(in.space());
  if (n && *n > 0) {
    stream->clear_deadline();
    in.commit(*n);
    co_return Done{};
  }
  if (n && reader.end_of_stream()) co_return Done{};
  was_cut = true;
  const IoError error = n ? IoError::cut : n.error();
  Done failed = std::unexpected(io_fault(error, "the response ended early"));
  drop_stream();
  co_return failed;
}

// The next piece of what was read already; empty if there is none.
std::expected<std::string_view, Fault> ClientExchange::State::take_body() {
  while (!in.empty() && !reader.is_done()) {
    const wire::BodyStep step = reader.next(in.view());
    in.consume(step.consumed);
    if (step.progress == Progress::refused) {
      was_cut = true;
      drop_stream();
      std::string why = "bad response body: " + std::string(wire::sentence(step.error));
      return std::unexpected(fault(502, std::move(why)));
    }
    if (step.progress == Progress::done) complete = true;
    if (!step.data.empty()) return step.data;
  }
  return std::string_view();
}

// ---- ClientExchange

ClientExchange::ClientExchange(UpstreamPool& pool, const UpstreamIdentity& identity,
                               ClientOptions options)
    : state_(pool.state_->take_workspace()) {
  state_->pool = pool.state_;
  state_->identity = &identity;
  state_->options = options;
}

ClientExchange::~ClientExchange() {
  State& s = *state_;
  const std::shared_ptr<UpstreamPool::State> pool = s.pool;
  const bool is_reusable = s.stream != nullptr && s.complete && s.head.keep_alive &&
                           s.request_done && !s.write_failed && !s.cancelled && s.in.empty() &&
                           s.head.framing.kind != BodyFraming::Kind::until_close;
  if (is_reusable) pool->put(*s.identity, std::move(s.stream));
  s.reset();
  pool->put_workspace(std::move(state_));
}

wire::HeadWriter& ClientExchange::request(std::string_view method, std::string_view target,
                                          std::string_view host) {
  State& s = *state_;
  s.out.clear();
  s.writer.emplace(s.out);
  s.to_head = method == "HEAD";
  s.is_safe = s.to_head || method == "GET" || method == "OPTIONS";
  s.framing = expects_body(method) ? BodyFraming::length(0) : BodyFraming::none();
  if (host.empty() && s.default_host_of != *s.identity) {
    s.default_host_of = *s.identity;
    s.default_host = host_field(*s.identity);
  }
  s.writer->request(method, target, host.empty() ? std::string_view(s.default_host) : host);
  return *s.writer;
}

Task<Done> ClientExchange::send(std::string_view body) {
  State& s = *state_;
  Done head = s.finish_head(body.empty() ? s.framing : BodyFraming::length(body.size()));
  if (!head) co_return head;
  s.body = body;
  s.is_repeatable = true;
  s.request_done = true;
  co_return co_await s.dispatch();
}

Task<Done> ClientExchange::start(BodyFraming framing) {
  State& s = *state_;
  Done head = s.finish_head(framing);
  if (!head) co_return head;
  co_return co_await s.dispatch();
}

Task<Done> ClientExchange::write(std::string_view piece) {
  State& s = *state_;
  if (piece.empty() || s.write_failed) co_return Done{};
  const bool is_chunked = s.framing.kind == BodyFraming::Kind::chunked;
  if (s.stream == nullptr || s.request_done || (!is_chunked && piece.size() > s.body_left)) {
    s.drop_stream();
    co_return std::unexpected(s.fault(500, "more request body than announced"));
  }
  std::array<char, wire::kChunkPrefixBytesMax> prefix{};
  std::array<std::string_view, 3> pieces{};
  if (is_chunked) {
    pieces[0] = {prefix.data(), wire::write_chunk_prefix(piece.size(), prefix.data())};
    pieces[2] = wire::kChunkEnd;
  } else {
    s.body_left -= piece.size();
  }
  pieces[1] = piece;
  const Io<> written = co_await s.stream->write_all(std::span<const std::string_view>(pieces));
  if (written) co_return Done{};
  if (written.error() == IoError::cut) {
    s.write_failed = true;  // see dispatch(): read_head() finds out what the upstream said
    co_return Done{};
  }
  Done failed = std::unexpected(s.io_fault(written.error(), "the upstream did not take all"));
  s.drop_stream();
  co_return failed;
}

Task<Done> ClientExchange::finish() {
  State& s = *state_;
  if (s.write_failed) co_return Done{};
  if (s.stream == nullptr || s.body_left > 0) {
    s.drop_stream();
    co_return std::unexpected(s.fault(500, "less request body than announced"));
  }
  s.request_done = true;
  if (s.framing.kind != BodyFraming::Kind::chunked) co_return Done{};
  const Io<> written = co_await s.stream->write_all(wire::kLastChunk);
  if (!written) s.write_failed = true;
  co_return Done{};
}

Task<std::expected<const wire::ResponseHead*, Fault>> ClientExchange::read_head() {
  State& s = *state_;
  if (s.head_done) co_return &s.head;
  if (s.stream == nullptr) co_return std::unexpected(s.fault(502, "the request was not sent"));
  wire::HeadLimits head_limits;
  head_limits.head_bytes_max = s.options.head_bytes_max;
  for (int interims = 0;;) {
    const wire::HeadResult result =
        wire::parse_response_head(s.in.view(), s.cursor, s.head, s.to_head, head_limits);
    if (result.progress == Progress::need_more) {
      Done filled = co_await s.fill_head();
      if (!filled) co_return std::unexpected(std::move(filled).error());
      continue;
    }
    if (result.progress == Progress::done && s.head.is_interim() && interims < kInterimMax) {
      ++interims;
      s.in.consume(result.consumed);
      s.cursor = {};
      continue;
    }
    if (result.progress == Progress::refused || s.head.is_interim()) {
      s.drop_stream();
      std::string why = "bad response head: " + std::string(wire::sentence(result.error));
      co_return std::unexpected(s.fault(502, std::move(why)));
    }
    if (s.in.capacity() - s.in.begin() - result.consumed < kBodySpaceMin) {
      s.in.compact();
      s.in.reserve(result.consumed + kInputBytes);
      s.cursor = {};
      continue;
    }
    s.in.consume(result.consumed);
    s.body_start = s.in.begin();
    s.reader = wire::BodyReader(s.head.framing);
    s.head_done = true;
    s.complete = s.reader.is_done();
    co_return &s.head;
  }
}

Task<std::expected<std::string_view, Fault>> ClientExchange::read_some() {
  State& s = *state_;
  while (!s.reader.is_done()) {
    if (s.stream == nullptr) co_return std::unexpected(s.fault(502, "the response was cut"));
    if (s.in.empty()) {
      Done filled = co_await s.fill_body();
      if (!filled) co_return std::unexpected(std::move(filled).error());
      if (s.in.empty()) break;  // a body that ends by closing has ended
    }
    auto piece = s.take_body();
    if (!piece || !piece->empty()) co_return piece;
  }
  if (!s.head_done) co_return std::unexpected(s.fault(502, "no response head was read"));
  s.complete = true;
  co_return std::string_view{};
}

std::expected<std::string_view, Fault> ClientExchange::read_at_hand() {
  return state_->take_body();
}

Task<std::expected<std::string_view, Fault>> ClientExchange::read_all(size_t bytes_max) {
  State& s = *state_;
  std::string_view first;  // a body in one piece needs no copy
  for (;;) {
    auto piece = co_await read_some();
    if (!piece) co_return piece;
    if (piece->empty()) break;
    if (s.collected.size() + first.size() + piece->size() > bytes_max) {
      s.drop_stream();
      co_return std::unexpected(s.fault(502, "the response body is too large"));
    }
    if (s.complete && s.collected.empty() && first.empty()) {
      first = *piece;
      continue;
    }
    s.collected.append(*piece);
  }
  if (!first.empty()) co_return first;
  co_return s.collected.capacity() == 0 ? std::string_view{} : s.collected.view();
}

void ClientExchange::cancel() noexcept {
  State& s = *state_;
  s.cancelled = true;
  if (s.connector != nullptr) s.connector->cancel();
  if (s.stream != nullptr) s.stream->cancel();
}

bool ClientExchange::sent_upstream() const {
  const State& s = *state_;
  return s.sent || (s.stream != nullptr && s.stream->bytes_sent() > s.sent_before);
}

bool ClientExchange::reused() const {
  return state_->reused;
}

bool ClientExchange::complete() const {
  return state_->complete;
}

bool ClientExchange::was_cut() const {
  return state_->was_cut;
}

}  // namespace satgate::net
