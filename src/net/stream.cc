#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <cerrno>

#include "net/bio.h"

namespace satgate::net {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {
constexpr auto kTuple = asio::as_tuple(asio::deferred);
constexpr size_t kRecordBytes = 16 * 1024;  // plaintext of one TLS record
}  // namespace

std::string_view to_string(IoError error) {
  switch (error) {
    case IoError::cut:
      return "connection cut";
    case IoError::timed_out:
      return "timed out";
    case IoError::cancelled:
      return "cancelled";
    case IoError::tls:
      return "TLS failure";
    case IoError::failed:
      return "input or output error";
  }
  return "unknown";
}

// What watches the peer. It outlives the stream while a wait of the event loop refers to it; the
// stream pointer then is null.
struct Stream::Watch : std::enable_shared_from_this<Stream::Watch> {
  explicit Watch(Stream& s) : stream(&s), grace(s.loop_, &Watch::first_look, this) {}

  static void first_look(void* self) { static_cast<Watch*>(self)->check(); }

  void check() {
    if (stream == nullptr || on_gone == nullptr) return;
    const Look seen = stream->look();
    if (seen == Look::quiet) {
      wait();
    } else {
      const auto call = std::exchange(on_gone, nullptr);
      if (seen == Look::gone) call(subject);
    }
  }

  // A wait that is still pending from an earlier watch serves this one as well.
  void wait() {
    if (waiting) return;
    waiting = true;
    stream->socket_.async_wait(tcp::socket::wait_read,
                               [self = shared_from_this()](const error_code&) {
                                 self->waiting = false;
                                 self->check();
                               });
  }

  Stream* stream;
  Deadline grace;
  void (*on_gone)(void*) = nullptr;
  void* subject = nullptr;
  bool waiting = false;
};

Stream::Stream(Loop& loop, Socket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      ssl_(nullptr, SSL_free),
      deadline_(loop, &Stream::deadline_passed, this) {}

Stream::~Stream() {
  if (watch_ != nullptr) {
    watch_->stream = nullptr;
    watch_->grace.disarm();
  }
  close();
}

Task<Io<>> Stream::connect(tcp::endpoint endpoint) {
  error_code error;
  socket_.open(endpoint.protocol(), error);
  if (!error) socket_.set_option(tcp::no_delay(true), error);
  if (!error) {
    std::tie(error) = co_await socket_.async_connect(endpoint, kTuple);
  }
  if (!error) co_return Io<>{};
  error_text_ = error.message();
  co_return std::unexpected(stop_reason(error));
}

// ---- Reading

Task<Io<size_t>> Stream::read_some(std::span<char> into) {
  return ssl_ == nullptr ? read_plain(into) : read_tls(into);
}

Task<Io<size_t>> Stream::read_plain(std::span<char> into) {
  if (stopped()) co_return std::unexpected(stop_reason({}));
  const auto buffer = asio::buffer(into.data(), into.size());
  const auto [error, n] = co_await socket_.async_read_some(buffer, kTuple);
  if (!error) co_return n;
  if (error == asio::error::eof) co_return size_t{0};
  co_return std::unexpected(stop_reason(error));
}

Task<Io<size_t>> Stream::read_tls(std::span<char> into) {
  for (;;) {
    if (stopped()) co_return std::unexpected(stop_reason({}));
    size_t n = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
    if (result == 1) co_return n;
    const int ssl_error = SSL_get_error(ssl_.get(), result);
    if (ssl_error == SSL_ERROR_ZERO_RETURN) co_return size_t{0};
    if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE) {
      co_return std::unexpected(tls_failure(ssl_error));
    }
    const auto type =
        ssl_error == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
    const Io<> waited = co_await wait_for(type);
    if (!waited) co_return std::unexpected(waited.error());
  }
}

// ---- Writing

Task<Io<>> Stream::write_all(std::span<const std::string_view> pieces) {
  return ssl_ == nullptr ? write_plain(pieces) : write_tls(pieces);
}

Task<Io<>> Stream::write_all(std::string_view piece) {
  const std::array<std::string_view, 1> pieces = {piece};
  co_return co_await write_all(std::span<const std::string_view>(pieces));
}

Task<Io<>> Stream::write_plain(std::span<const std::string_view> pieces) {
  size_t index = 0;
  size_t offset = 0;  // into pieces[index]
  while (index < pieces.size()) {
    if (stopped()) co_return std::unexpected(stop_reason({}));
    std::array<iovec, 8> parts{};
    size_t count = 0;
    for (size_t i = index; i < pieces.size() && count < parts.size(); ++i) {
      const std::string_view rest = pieces[i].substr(i == index ? offset : 0);
      if (!rest.empty()) parts[count++] = {const_cast<char*>(rest.data()), rest.size()};
    }
    if (count == 0) break;
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    // Straight to the kernel: an answer nearly always fits, and then nothing waits.
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      if (errno == EINTR) continue;
      const error_code error(errno, boost::system::system_category());
      if (errno != EAGAIN && errno != EWOULDBLOCK) co_return std::unexpected(stop_reason(error));
      const Io<> waited = co_await wait_writable();
      if (!waited) co_return waited;
      continue;
    }
    bytes_sent_ += static_cast<uint64_t>(sent);
    for (size_t left = static_cast<size_t>(sent); index < pieces.size();) {
      const size_t here = pieces[index].size() - offset;
      if (left < here) {
        offset += left;
        break;
      }
      left -= here;
      offset = 0;
      ++index;
    }
  }
  co_return Io<>{};
}

Task<Io<>> Stream::write_tls(std::span<const std::string_view> pieces) {
  record_.clear();
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      const size_t room = kRecordBytes - record_.size();
      const bool is_large = record_.empty() && piece.size() >= room;
      if (!is_large) record_.append(piece.substr(0, room));
      if (is_large || record_.size() == kRecordBytes) {
        const std::string_view record = is_large ? piece.substr(0, room) : record_;
        const Io<> written = co_await write_record(record);
        if (!written) co_return written;
        record_.clear();
      }
      piece.remove_prefix(std::min(room, piece.size()));
    }
  }
  if (record_.empty()) co_return Io<>{};
  co_return co_await write_record(record_);
}

Task<Io<>> Stream::write_record(std::string_view bytes) {
  // Counted before the attempt: a part of the record may leave even if the call then fails.
  if (!stopped()) bytes_sent_ += bytes.size();
  for (;;) {
    if (stopped()) co_return std::unexpected(stop_reason({}));
    size_t n = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n);
    if (result == 1) co_return Io<>{};
    const int ssl_error = SSL_get_error(ssl_.get(), result);
    Io<> waited;
    if (ssl_error == SSL_ERROR_WANT_WRITE) {
      waited = co_await wait_writable();
    } else if (ssl_error == SSL_ERROR_WANT_READ) {
      waited = co_await wait_for(tcp::socket::wait_read);
    } else {
      waited = std::unexpected(tls_failure(ssl_error));
    }
    if (!waited) co_return waited;
  }
}

// ---- TLS

Task<Io<>> Stream::handshake_server(SslPtr ssl) {
  ssl_ = std::move(ssl);
  if (ssl_ != nullptr) SSL_set_accept_state(ssl_.get());
  return handshake();
}

Task<Io<>> Stream::handshake_client(SslPtr ssl) {
  ssl_ = std::move(ssl);
  if (ssl_ != nullptr) SSL_set_connect_state(ssl_.get());
  return handshake();
}

Task<Io<>> Stream::handshake() {
  if (ssl_ == nullptr || stopped()) co_return std::unexpected(stop_reason({}));
  error_code error;
  socket_.native_non_blocking(true, error);
  BIO* bio = error ? nullptr : new_socket_bio(socket_.native_handle());
  if (bio == nullptr) co_return std::unexpected(IoError::failed);
  SSL_set_bio(ssl_.get(), bio, bio);
  for (;;) {
    if (stopped()) co_return std::unexpected(stop_reason({}));
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) {
      secured_ = true;
      co_return Io<>{};
    }
    const int ssl_error = SSL_get_error(ssl_.get(), result);
    if (ssl_error != SSL_ERROR_WANT_READ && ssl_error != SSL_ERROR_WANT_WRITE) {
      co_return std::unexpected(tls_failure(ssl_error));
    }
    const auto type =
        ssl_error == SSL_ERROR_WANT_READ ? tcp::socket::wait_read : tcp::socket::wait_write;
    const Io<> waited = co_await wait_for(type);
    if (!waited) co_return waited;
  }
}

IoError Stream::tls_failure(int ssl_error) {
  const bool is_protocol = ssl_error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) !=
                                                             SSL_R_UNEXPECTED_EOF_WHILE_READING;
  const long verdict = SSL_get_verify_result(ssl_.get());
  error_text_ = !is_protocol           ? "the peer closed the connection"
                : verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
                                       : tls_error_text();
  ERR_clear_error();
  secured_ = false;  // OpenSSL forbids SSL_shutdown after a fatal error
  return is_protocol ? IoError::tls : IoError::cut;
}

// ---- Waiting and stopping

Task<Io<>> Stream::wait_for(asio::socket_base::wait_type type) {
  const auto [error] = co_await socket_.async_wait(type, kTuple);
  if (error || stopped()) co_return std::unexpected(stop_reason(error));
  co_return Io<>{};
}

Task<Io<>> Stream::wait_writable() {
  start_deadline(write_timeout_);
  const auto [error] = co_await socket_.async_wait(tcp::socket::wait_write, kTuple);
  deadline_.disarm();
  if (error || stopped()) co_return std::unexpected(stop_reason(error));
  co_return Io<>{};
}

IoError Stream::stop_reason(const error_code& error) {
  if (cancelled_) return IoError::cancelled;
  if (timed_out_) return IoError::timed_out;
  if (error == asio::error::connection_reset || error == asio::error::broken_pipe ||
      error == asio::error::connection_aborted) {
    return IoError::cut;
  }
  if (error) error_text_ = error.message();
  return IoError::failed;
}

void Stream::set_deadline(Milliseconds after) {
  timed_out_ = false;
  start_deadline(after);
}

void Stream::start_deadline(Milliseconds after) {
  deadline_.arm(after);
}

void Stream::clear_deadline() {
  timed_out_ = false;
  deadline_.disarm();
}

void Stream::deadline_passed(void* self) {
  auto* stream = static_cast<Stream*>(self);
  stream->timed_out_ = true;
  stream->cancel_pending();
}

void Stream::cancel_pending() noexcept {
  error_code error;
  socket_.cancel(error);
}

void Stream::cancel() {
  cancelled_ = true;
  cancel_pending();
}

void Stream::close() {
  deadline_.disarm();
  if (!socket_.is_open()) return;
  if (secured_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // one close_notify; nobody waits for the answer
    secured_ = false;
  }
  error_code error;
  socket_.close(error);
}

void Stream::abort() {
  secured_ = false;
  error_code error;
  if (socket_.is_open()) socket_.set_option(asio::socket_base::linger(true, 0), error);
  close();
}

Task<> Stream::lingering_close(Milliseconds at_most) {
  if (secured_ && socket_.is_open()) SSL_shutdown(ssl_.get());
  error_code error;
  if (socket_.is_open()) socket_.shutdown(tcp::socket::shutdown_send, error);
  if (!error) {
    set_deadline(at_most);
    std::array<char, 4096> dropped;
    for (;;) {
      const Io<size_t> n = co_await read_plain(dropped);
      if (!n || *n == 0) break;
    }
  }
  secured_ = false;
  close();
}

// ---- The peer's presence

Stream::Look Stream::look() {
  if (!socket_.is_open()) return Look::gone;
  char byte = 0;
  if (!secured_) {
    const ssize_t n = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) return Look::data;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) ? Look::quiet
                                                                                : Look::gone;
  }
  ERR_clear_error();
  size_t n = 0;
  const int result = SSL_peek_ex(ssl_.get(), &byte, 1, &n);  // also takes in session tickets
  if (result == 1) return Look::data;
  const int ssl_error = SSL_get_error(ssl_.get(), result);
  if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) return Look::quiet;
  if (ssl_error != SSL_ERROR_ZERO_RETURN) secured_ = false;
  ERR_clear_error();
  return Look::gone;
}

bool Stream::readable_or_closed() {
  return look() != Look::quiet;
}

void Stream::watch_peer(Milliseconds grace, void (*on_gone)(void*), void* subject) {
  if (watch_ == nullptr) watch_ = std::make_shared<Watch>(*this);
  watch_->on_gone = on_gone;
  watch_->subject = subject;
  watch_->grace.arm(grace);
}

void Stream::unwatch_peer() {
  if (watch_ == nullptr) return;
  watch_->on_gone = nullptr;
  watch_->grace.disarm();
}

std::string Stream::remote_address() const {
  error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  return error ? std::string() : endpoint.address().to_string();
}

uint16_t Stream::remote_port() const {
  error_code error;
  const auto endpoint = socket_.remote_endpoint(error);
  return error ? uint16_t{0} : endpoint.port();
}

}  // namespace satgate::net
