// A duplex byte stream over TCP or TLS, with a deadline. Used from its loop only. At most one read
// and one write at a time.
//
// Results: read_some() gives 0 at a clean end (FIN; over TLS only after close_notify), and IoError
// otherwise. After an error nothing more can be done but close() or abort().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "net/address.h"
#include "net/descriptor.h"
#include "net/loop.h"
#include "net/task.h"
#include "net/tls.h"

namespace satgate::net {

enum class IoError : uint8_t {
  cut,        // reset, or TLS ended without close_notify
  timed_out,  // the deadline passed
  cancelled,  // cancel() was called
  tls,        // handshake or record failure; error_text() says more
  failed,     // anything else the system reported
};
std::string_view to_string(IoError error);

template <class T = void>
using Io = std::expected<T, IoError>;

class Stream {
  class Step;
  class Opening;
  class Handshake;

 public:
  class Read;
  class Readable;
  class Write;

  explicit Stream(Loop& loop) : Stream(loop, Socket()) {}
  Stream(Loop& loop, Socket socket);
  ~Stream();  // closes
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Opens a socket and connects. On failure the reason is in error_text().
  Task<Io<>> connect(Endpoint endpoint);

  // Turns the connection into TLS. `ssl` comes from a TlsServerContext or TlsClientContext.
  Task<Io<>> handshake_server(SslPtr ssl);
  Task<Io<>> handshake_client(SslPtr ssl);

  // The three that follow are awaited at once: Io<size_t>, Io<>, Io<>.
  Read read_some(std::span<char> into);
  // Waits until there is something to read, or an end: for those who keep no buffer meanwhile.
  Readable readable();

  // Writes every piece, in order. Small pieces leave together: one send over TCP, one record over
  // TLS. The pieces must stay until the call returns.
  // At most kPiecesMax of them.
  static constexpr size_t kPiecesMax = 8;
  Write write_all(std::span<const std::string_view> pieces);
  Write write_all(std::string_view piece);

  // Bytes of our own data given to the kernel or to TLS since the connection began. Zero means that
  // the peer can have seen nothing.
  uint64_t bytes_sent() const { return bytes_sent_; }

  // The deadline covers every operation until it is set again; when it passes, the pending
  // operation and all later ones give timed_out until set_deadline() or clear_deadline().
  void set_deadline(Milliseconds after);
  void clear_deadline();
  // How long a write may wait without progress. It uses the same deadline, only while it waits.
  void set_write_timeout(Milliseconds after) { write_timeout_ = after; }

  // Calls `on_gone(subject)` once if the peer closes or resets. It does not read: bytes that arrive
  // first end the watch without a call. A peer that only ends its sending side counts as gone, as
  // in other proxies. `grace` delays the first look, so that fast calls pay no system call for it.
  void watch_peer(Milliseconds grace, void (*on_gone)(void*), void* subject);
  void unwatch_peer();

  bool readable_or_closed();  // without waiting: bytes, end or error are there (dead pool check)

  void cancel();  // pending and later operations give `cancelled`
  void close();   // TLS: one attempt at close_notify; then FIN
  void abort();   // RST: the peer can never take this for a clean end
  Task<> lingering_close(Milliseconds at_most);  // FIN, then reads and drops, so no RST eats data

  bool is_open() const { return descriptor_.is_open(); }
  bool is_tls() const { return ssl_ != nullptr; }
  const std::string& error_text() const { return error_text_; }  // of the last failure
  std::string remote_address() const;                            // "127.0.0.1"; "" when unknown
  uint16_t remote_port() const;
  Loop& loop() { return loop_; }

 private:
  enum class Look : uint8_t { quiet, data, gone };

  Task<Io<>> handshake();
  bool stopped() const { return timed_out_ || cancelled_ || !descriptor_.is_open(); }
  IoError stop_reason(int error);  // errno, or 0
  IoError tls_failure(int ssl_error);
  Look look();  // at what the peer has sent, without taking it
  void start_deadline(Milliseconds after) { deadline_.arm(after); }
  static void deadline_passed(void* self);
  static void first_look(void* self);
  static void peer_stirred(void* self);
  void check_peer();

  Loop& loop_;
  Descriptor descriptor_;
  SslPtr ssl_;
  Deadline deadline_;
  Deadline grace_;  // before the first look at the peer
  void (*on_gone_)(void*) = nullptr;
  void* gone_subject_ = nullptr;
  std::string error_text_;
  std::string record_;  // pieces of a TLS write, joined
  Milliseconds write_timeout_{60'000};
  uint64_t bytes_sent_ = 0;
  bool secured_ = false;  // the handshake is done
  bool timed_out_ = false;
  bool cancelled_ = false;
};

// One operation of a stream as an awaiter.
class Stream::Step : public Operation {
 public:
  bool await_ready() { return attempt(); }
  void await_suspend(std::coroutine_handle<> waiter) { wait_at(stream_.descriptor_, waiter); }

 protected:
  explicit Step(Stream& stream) : stream_(stream) {}
  // Whether nothing can be done any more; `result` then says why.
  template <class T>
  bool is_stopped(Io<T>& result) const {
    if (!stream_.stopped()) return false;
    result = std::unexpected(stream_.stop_reason(0));
    return true;
  }
  Stream& stream_;
};

class Stream::Read final : public Step {
 public:
  Read(Stream& stream, std::span<char> into) : Step(stream), into_(into) {}
  Io<size_t> await_resume() const { return result_; }

 private:
  bool attempt() override;
  bool attempt_tls();
  std::span<char> into_;
  Io<size_t> result_;
};

class Stream::Readable final : public Step {
 public:
  explicit Readable(Stream& stream) : Step(stream) {}
  Io<> await_resume() const { return result_; }

 private:
  bool attempt() override;
  Io<> result_;
};

class Stream::Write final : public Step {
 public:
  Write(Stream& stream, std::span<const std::string_view> pieces);
  void await_suspend(std::coroutine_handle<> waiter);
  Io<> await_resume();

 private:
  bool attempt() override;
  bool attempt_plain();
  ssize_t send_rest();
  bool attempt_tls();
  void take(size_t bytes);
  void fill_record();

  std::array<iovec, kPiecesMax> pieces_;
  size_t first_ = 0;
  size_t count_ = 0;
  bool waited_ = false;
  Io<> result_;
};

inline Stream::Read Stream::read_some(std::span<char> into) {
  return Read(*this, into);
}
inline Stream::Readable Stream::readable() {
  return Readable(*this);
}
inline Stream::Write Stream::write_all(std::span<const std::string_view> pieces) {
  return Write(*this, pieces);
}
inline Stream::Write Stream::write_all(std::string_view piece) {
  return Write(*this, std::span(&piece, 1));
}

}  // namespace satgate::net
