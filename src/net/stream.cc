#include "net/stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "net/bio.h"

namespace satgate::net {

namespace {
constexpr size_t kRecordBytes = 16 * 1024;  // plaintext of one TLS record
constexpr size_t kJoinedBytesMax = 4096;

std::string_view view(const iovec& piece) {
  return {static_cast<const char*>(piece.iov_base), piece.iov_len};
}
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

// Waits until a connection has been made, or has failed.
class Stream::Opening final : public Step {
 public:
  explicit Opening(Stream& stream) : Step(stream) {}
  Io<> await_resume() const { return result_; }

 private:
  bool attempt() override {
    if (is_stopped(result_)) return true;
    if (!stream_.descriptor_.may_write()) return false;
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(stream_.descriptor_.fd(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
      error = errno;
    }
    if (error != 0) result_ = std::unexpected(stream_.stop_reason(error));
    return true;
  }
  Io<> result_;
};

class Stream::Handshake final : public Step {
 public:
  explicit Handshake(Stream& stream) : Step(stream) {}
  Io<> await_resume() const { return result_; }

 private:
  bool attempt() override {
    if (is_stopped(result_)) return true;
    ERR_clear_error();
    const int result = SSL_do_handshake(stream_.ssl_.get());
    if (result == 1) return true;
    const int ssl_error = SSL_get_error(stream_.ssl_.get(), result);
    if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) return false;
    result_ = std::unexpected(stream_.tls_failure(ssl_error));
    return true;
  }
  Io<> result_;
};

Stream::Stream(Loop& loop, Socket socket)
    : loop_(loop),
      descriptor_(loop),
      ssl_(nullptr, SSL_free),
      deadline_(loop, &Stream::deadline_passed, this),
      grace_(loop, &Stream::first_look, this) {
  // A socket that can not be watched reads as closed.
  if (socket.is_open()) static_cast<void>(descriptor_.open(socket.release()));
}

Stream::~Stream() {
  unwatch_peer();
  close();
}

Task<Io<>> Stream::connect(Endpoint endpoint) {
  Socket socket = new_tcp_socket(endpoint.family());
  if (!socket.is_open()) co_return std::unexpected(stop_reason(errno));
  set_no_delay(socket.fd());
  const int fd = socket.fd();
  int error = 0;
  if (::connect(fd, endpoint.address(), endpoint.size()) != 0 && errno != EINPROGRESS) {
    error = errno;
  }
  if (error != 0 || !descriptor_.open(socket.release())) {
    co_return std::unexpected(stop_reason(error != 0 ? error : errno));
  }
  // Writable means connected, or failed: the event will tell.
  descriptor_.note_unwritable();
  const Io<> connected = co_await Opening(*this);
  co_return connected;
}

// ---- Reading

bool Stream::Read::attempt() {
  if (is_stopped(result_)) return true;
  if (stream_.ssl_ != nullptr) return attempt_tls();
  const ssize_t got = stream_.descriptor_.receive(into_.data(), into_.size());
  if (got >= 0) {
    result_ = static_cast<size_t>(got);
    return true;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
  result_ = std::unexpected(stream_.stop_reason(errno));
  return true;
}

bool Stream::Read::attempt_tls() {
  size_t got = 0;
  ERR_clear_error();
  const int result = SSL_read_ex(stream_.ssl_.get(), into_.data(), into_.size(), &got);
  if (result == 1) {
    result_ = got;
    return true;
  }
  const int ssl_error = SSL_get_error(stream_.ssl_.get(), result);
  if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) return false;
  if (ssl_error == SSL_ERROR_ZERO_RETURN) {
    result_ = size_t{0};
  } else {
    result_ = std::unexpected(stream_.tls_failure(ssl_error));
  }
  return true;
}

bool Stream::Readable::attempt() {
  if (is_stopped(result_)) return true;
  return stream_.descriptor_.may_read() ||
         (stream_.ssl_ != nullptr && SSL_has_pending(stream_.ssl_.get()) == 1);
}

// ---- Writing

Stream::Write::Write(Stream& stream, std::span<const std::string_view> pieces) : Step(stream) {
  RELEASE_ASSERT(pieces.size() <= pieces_.size());
  for (const std::string_view piece : pieces) {
    if (piece.empty()) continue;
    pieces_[count_++] = {const_cast<char*>(piece.data()), piece.size()};
  }
}

void Stream::Write::await_suspend(std::coroutine_handle<> waiter) {
  waited_ = true;
  stream_.start_deadline(stream_.write_timeout_);
  Step::await_suspend(waiter);
}

Io<> Stream::Write::await_resume() {
  if (waited_) stream_.deadline_.disarm();
  return result_;
}

bool Stream::Write::attempt() {
  return stream_.ssl_ == nullptr ? attempt_plain() : attempt_tls();
}

// Takes bytes off the front of the pieces.
void Stream::Write::take(size_t bytes) {
  while (first_ < count_ && bytes >= pieces_[first_].iov_len)
    bytes -= pieces_[first_++].iov_len;
  if (bytes == 0) return;
  iovec& front = pieces_[first_];
  front = {static_cast<char*>(front.iov_base) + bytes, front.iov_len - bytes};
}

// Copying a few small pieces together costs less than handing the kernel a list of them.
ssize_t Stream::Write::send_rest() {
  const auto rest = std::span<const iovec>(pieces_).subspan(first_, count_ - first_);
  size_t size = 0;
  for (const iovec& piece : rest)
    size += piece.iov_len;
  if (rest.size() == 1) return stream_.descriptor_.send(view(rest.front()));
  std::array<char, kJoinedBytesMax> joined;
  if (size > joined.size()) return stream_.descriptor_.send(rest);
  char* at = joined.data();
  for (const iovec& piece : rest) {
    std::memcpy(at, piece.iov_base, piece.iov_len);
    at += piece.iov_len;
  }
  return stream_.descriptor_.send(std::string_view(joined.data(), size));
}

bool Stream::Write::attempt_plain() {
  while (first_ < count_) {
    if (is_stopped(result_)) return true;
    const ssize_t sent = send_rest();
    if (sent < 0) {
      if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
      result_ = std::unexpected(stream_.stop_reason(errno));
      return true;
    }
    stream_.bytes_sent_ += static_cast<uint64_t>(sent);
    take(static_cast<size_t>(sent));
  }
  return true;
}

// One TLS record from the front of the pieces. It stays until OpenSSL has taken it.
void Stream::Write::fill_record() {
  std::string& record = stream_.record_;
  while (first_ < count_ && record.size() < kRecordBytes) {
    const size_t part = std::min(kRecordBytes - record.size(), pieces_[first_].iov_len);
    record.append(static_cast<const char*>(pieces_[first_].iov_base), part);
    take(part);
  }
  // Counted before the attempt: a part of the record may leave even if the call then fails.
  stream_.bytes_sent_ += record.size();
}

bool Stream::Write::attempt_tls() {
  std::string& record = stream_.record_;
  while (true) {
    if (is_stopped(result_)) {
      record.clear();
      return true;
    }
    if (record.empty()) fill_record();
    if (record.empty()) return true;
    size_t written = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(stream_.ssl_.get(), record.data(), record.size(), &written);
    if (result == 1) {
      record.clear();
      continue;
    }
    const int ssl_error = SSL_get_error(stream_.ssl_.get(), result);
    if (ssl_error == SSL_ERROR_WANT_WRITE || ssl_error == SSL_ERROR_WANT_READ) return false;
    result_ = std::unexpected(stream_.tls_failure(ssl_error));
    record.clear();
    return true;
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
  if (ssl_ == nullptr || stopped()) co_return std::unexpected(stop_reason(0));
  BIO* bio = new_socket_bio(descriptor_);
  if (bio == nullptr) co_return std::unexpected(IoError::failed);
  SSL_set_bio(ssl_.get(), bio, bio);
  const Io<> done = co_await Handshake(*this);
  secured_ = done.has_value();
  co_return done;
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

// ---- Stopping

IoError Stream::stop_reason(int error) {
  if (cancelled_) return IoError::cancelled;
  if (timed_out_) return IoError::timed_out;
  if (error == ECONNRESET || error == EPIPE || error == ECONNABORTED) return IoError::cut;
  if (error != 0) error_text_ = std::strerror(error);
  return IoError::failed;
}

void Stream::set_deadline(Milliseconds after) {
  timed_out_ = false;
  start_deadline(after);
}

void Stream::clear_deadline() {
  timed_out_ = false;
  deadline_.disarm();
}

void Stream::deadline_passed(void* self) {
  auto* stream = static_cast<Stream*>(self);
  stream->timed_out_ = true;
  stream->descriptor_.attempt_all();
}

void Stream::cancel() {
  cancelled_ = true;
  descriptor_.attempt_all();
}

void Stream::close() {
  deadline_.disarm();
  if (!descriptor_.is_open()) return;
  if (secured_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());  // one close_notify; nobody waits for the answer
    secured_ = false;
  }
  descriptor_.close();
}

void Stream::abort() {
  secured_ = false;
  if (descriptor_.is_open()) {
    const linger reset{1, 0};
    static_cast<void>(::setsockopt(descriptor_.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset));
  }
  close();
}

Task<> Stream::lingering_close(Milliseconds at_most) {
  if (secured_ && is_open()) SSL_shutdown(ssl_.get());
  secured_ = false;
  ssl_.reset();  // what comes now is dropped unread
  if (is_open() && ::shutdown(descriptor_.fd(), SHUT_WR) == 0) {
    set_deadline(at_most);
    std::array<char, 4096> dropped;
    for (;;) {
      const Io<size_t> n = co_await read_some(dropped);
      if (!n || *n == 0) break;
    }
  }
  close();
}

// ---- The peer's presence

Stream::Look Stream::look() {
  if (!descriptor_.is_open()) return Look::gone;
  char byte = 0;
  if (!secured_) {
    const ssize_t n = ::recv(descriptor_.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
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
  // Nothing has come since the last read found no more.
  if (descriptor_.is_open() && !descriptor_.may_read()) return false;
  return look() != Look::quiet;
}

void Stream::watch_peer(Milliseconds grace, void (*on_gone)(void*), void* subject) {
  on_gone_ = on_gone;
  gone_subject_ = subject;
  grace_.arm(grace);
}

void Stream::unwatch_peer() {
  on_gone_ = nullptr;
  grace_.disarm();
  descriptor_.on_event(nullptr, nullptr);
}

void Stream::first_look(void* self) {
  auto* stream = static_cast<Stream*>(self);
  stream->descriptor_.on_event(&Stream::peer_stirred, stream);
  stream->check_peer();
}

void Stream::peer_stirred(void* self) {
  static_cast<Stream*>(self)->check_peer();
}

void Stream::check_peer() {
  if (on_gone_ == nullptr || !readable_or_closed()) return;
  const Look seen = look();
  if (seen == Look::quiet) return;
  const auto call = std::exchange(on_gone_, nullptr);
  descriptor_.on_event(nullptr, nullptr);
  if (seen == Look::gone) call(gone_subject_);
}

std::string Stream::remote_address() const {
  Endpoint peer;
  const bool known = ::getpeername(descriptor_.fd(), peer.address(), peer.room()) == 0;
  return known ? peer.host() : std::string();
}

uint16_t Stream::remote_port() const {
  Endpoint peer;
  return ::getpeername(descriptor_.fd(), peer.address(), peer.room()) == 0 ? peer.port()
                                                                           : uint16_t{0};
}

}  // namespace satgate::net
