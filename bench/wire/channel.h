// A client's connection to loopback, in the clear or under TLS.
#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace satgate::bench {

// TLS 1.3 with one cipher and one group: whoever is compared must agree to the same. The
// certificate is not looked at.
class TlsClient {
 public:
  TlsClient();
  SSL* connect(int fd) const;  // hands shakes; the descriptor still blocks

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

class Channel {
 public:
  Channel(uint16_t port, const TlsClient* tls);  // null: in the clear

  int fd() const { return fd_; }
  std::string tls() const;            // version and cipher, or empty
  void send(std::string_view bytes);  // ends the program when it does not fit
  // How many bytes there are: 0 when there are none for now. Ends the program when the peer closed.
  size_t receive(std::span<char> into);
  // More was read from the socket than `receive` has given: do not wait for the socket.
  bool has_more() const { return ssl_ && SSL_has_pending(ssl_.get()) == 1; }

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };
  int fd_;
  std::unique_ptr<SSL, Free> ssl_;
};

}  // namespace satgate::bench
