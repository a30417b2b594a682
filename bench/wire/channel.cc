#include "wire/channel.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "wire/tcp.h"

namespace satgate::bench {
namespace {

[[noreturn]] void fail_tls(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  ERR_print_errors_fp(stderr);
  std::exit(2);
}

}  // namespace

TlsClient::TlsClient() : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* context = context_.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1 ||
      SSL_CTX_set1_groups_list(context, "X25519") != 1) {
    fail_tls("TLS cannot be set up");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_read_ahead(context, 1);  // one recv for a record, not one for its head
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE);
}

SSL* TlsClient::connect(int fd) const {
  SSL* ssl = SSL_new(context_.get());
  if (ssl == nullptr || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1) {
    fail_tls("the TLS handshake failed");
  }
  return ssl;
}

Channel::Channel(uint16_t port, const TlsClient* tls) : fd_(connect_to_loopback(port)) {
  if (tls != nullptr) ssl_.reset(tls->connect(fd_));
  make_fast(fd_);
}

std::string Channel::tls() const {
  if (!ssl_) return {};
  return std::string(SSL_get_version(ssl_.get())) + " " + SSL_get_cipher_name(ssl_.get());
}

void Channel::send(std::string_view bytes) {
  const auto size = static_cast<ssize_t>(bytes.size());
  const ssize_t sent = ssl_ ? SSL_write(ssl_.get(), bytes.data(), static_cast<int>(size))
                            : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != size) fail("send");
}

size_t Channel::receive(std::span<char> into) {
  if (ssl_) {
    const int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
    if (got > 0) return static_cast<size_t>(got);
    if (SSL_get_error(ssl_.get(), got) == SSL_ERROR_WANT_READ) return 0;
    fail_tls("the proxy closed a connection");
  }
  const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
  if (got > 0) return static_cast<size_t>(got);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  errno = got == 0 ? ECONNRESET : errno;
  fail("the proxy closed a connection");
}

}  // namespace satgate::bench
