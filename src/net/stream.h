// A duplex byte stream over TCP or TLS, with a deadline. Used from its loop only. At most one read
// and one write at a time.
//
// Results: read_some() gives 0 at a clean end (FIN; over TLS only after close_notify), and IoError
// otherwise. After an error nothing more can be done but close() or abort().
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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

// With the executor's type, so that no call goes through a type-erased one.
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

class Stream {
 public:
  Stream(Loop& loop, Socket socket);
  ~Stream();  // closes
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Connects an unopened socket. On failure the reason is in error_text().
  Task<Io<>> connect(boost::asio::ip::tcp::endpoint endpoint);

  // Turns the connection into TLS. `ssl` comes from a TlsServerContext or TlsClientContext.
  Task<Io<>> handshake_server(SslPtr ssl);
  Task<Io<>> handshake_client(SslPtr ssl);

  Task<Io<size_t>> read_some(std::span<char> into);

  // Writes every piece, in order. Small pieces leave together: one send over TCP, one record over
  // TLS. The pieces must stay until the call returns.
  Task<Io<>> write_all(std::span<const std::string_view> pieces);
  Task<Io<>> write_all(std::string_view piece);

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

  bool is_open() const { return socket_.is_open(); }
  bool is_tls() const { return ssl_ != nullptr; }
  const std::string& error_text() const { return error_text_; }  // of the last failure
  std::string remote_address() const;                            // "127.0.0.1"; "" when unknown
  uint16_t remote_port() const;
  Loop& loop() { return loop_; }

 private:
  struct Watch;
  enum class Look : uint8_t { quiet, data, gone };

  Task<Io<>> handshake();
  Task<Io<size_t>> read_plain(std::span<char> into);
  Task<Io<size_t>> read_tls(std::span<char> into);
  Task<Io<>> write_plain(std::span<const std::string_view> pieces);
  Task<Io<>> write_tls(std::span<const std::string_view> pieces);
  Task<Io<>> write_record(std::string_view bytes);
  Task<Io<>> wait_for(boost::asio::socket_base::wait_type type);
  Task<Io<>> wait_writable();
  bool stopped() const { return timed_out_ || cancelled_ || !socket_.is_open(); }
  IoError stop_reason(const boost::system::error_code& error);
  IoError tls_failure(int ssl_error);
  Look look();  // at what the peer has sent, without taking it
  void start_deadline(Milliseconds after);
  void cancel_pending() noexcept;
  static void deadline_passed(void* self);

  Loop& loop_;
  Socket socket_;
  SslPtr ssl_;
  Deadline deadline_;
  std::shared_ptr<Watch> watch_;  // shared with a wait that may end after this object
  std::string error_text_;
  std::string record_;  // pieces of a TLS write, joined
  Milliseconds write_timeout_{60'000};
  uint64_t bytes_sent_ = 0;
  bool secured_ = false;  // the handshake is done
  bool timed_out_ = false;
  bool cancelled_ = false;
};

}  // namespace satgate::net
