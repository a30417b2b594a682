#include "net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <mutex>

#include "net/address.h"

namespace satgate::net {
namespace {

constexpr std::array<unsigned char, 9> kAlpnHttp11 = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

std::shared_ptr<SSL_CTX> new_context(const SSL_METHOD* method) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A record in one receive: otherwise its head and its body are two.
  SSL_CTX_set_read_ahead(context.get(), 1);
  return context;
}

// A client that offers protocols must offer ours; one that offers none speaks HTTP/1.1.
int select_alpn(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in,
                unsigned int in_size, void*) {
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kAlpnHttp11.data(), kAlpnHttp11.size(), in,
                            in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Result<void> use_certificate(SSL_CTX* context, const std::string& certificate_file,
                             const std::string& key_file) {
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file.c_str()) != 1) {
    return fail("cannot read the certificate " + certificate_file + ": " + tls_error_text());
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return fail("cannot use the key " + key_file + " with the certificate " + certificate_file +
                ": " + tls_error_text());
  }
  return {};
}

}  // namespace

std::string tls_error_text() {
  std::array<char, 256> text{};
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "unknown reason";
  const char* reason = ERR_reason_error_string(code);
  if (reason != nullptr) return reason;
  ERR_error_string_n(code, text.data(), text.size());
  return text.data();
}

struct TlsServerContext::State {
  std::string certificate_file;
  std::string key_file;
  std::mutex mutex;
  std::shared_ptr<SSL_CTX> current;

  Result<std::shared_ptr<SSL_CTX>> read() const {
    const std::shared_ptr<SSL_CTX> context = new_context(TLS_server_method());
    if (context == nullptr) return fail("cannot set up TLS: " + tls_error_text());
    SSL_CTX_set_alpn_select_cb(context.get(), select_alpn, nullptr);
    static constexpr std::string_view kName = "satgate";
    SSL_CTX_set_session_id_context(context.get(),
                                   reinterpret_cast<const unsigned char*>(kName.data()),
                                   static_cast<unsigned>(kName.size()));
    TRY(use_certificate(context.get(), certificate_file, key_file));
    return context;
  }
};

Result<TlsServerContext> TlsServerContext::load(const std::string& certificate_file,
                                                const std::string& key_file) {
  auto state = std::make_shared<State>();
  state->certificate_file = certificate_file;
  state->key_file = key_file;
  TRY_ASSIGN(state->current, state->read());
  return TlsServerContext(std::move(state));
}

Result<void> TlsServerContext::reload() {
  TRY_ASSIGN(std::shared_ptr<SSL_CTX> fresh, state_->read());
  const std::lock_guard lock(state_->mutex);
  state_->current = std::move(fresh);
  return {};
}

SslPtr TlsServerContext::new_connection() const {
  std::shared_ptr<SSL_CTX> context;
  {
    const std::lock_guard lock(state_->mutex);
    context = state_->current;
  }
  return SslPtr(SSL_new(context.get()), SSL_free);  // takes its own reference to the context
}

Result<std::unique_ptr<TlsClientContext>> TlsClientContext::create(
    const UpstreamIdentity& identity) {
  std::unique_ptr<TlsClientContext> made(new TlsClientContext);
  made->identity_ = identity;
  made->context_ = new_context(TLS_client_method());
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return fail("cannot set up TLS: " + tls_error_text());
  if (!identity.ca_file.empty()) {
    if (SSL_CTX_load_verify_file(context, identity.ca_file.c_str()) != 1) {
      return fail("cannot read the CA file " + identity.ca_file + ": " + tls_error_text());
    }
  } else if (!identity.insecure && SSL_CTX_set_default_verify_paths(context) != 1) {
    return fail("cannot read the system's CA certificates: " + tls_error_text());
  }
  if (!identity.client_cert.empty()) {
    TRY(use_certificate(context, identity.client_cert, identity.client_key));
  }
  SSL_CTX_set_verify(context, identity.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_protos(context, kAlpnHttp11.data(), kAlpnHttp11.size());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_sess_set_new_cb(context, &TlsClientContext::on_new_session);
  return made;
}

TlsClientContext::~TlsClientContext() {
  // Connections may outlive this object and still receive tickets.
  if (context_ != nullptr) SSL_CTX_set_app_data(context_.get(), nullptr);
  SSL_SESSION_free(session_);
}

void TlsClientContext::forget_sessions() {
  SSL_SESSION_free(session_);
  session_ = nullptr;
}

int TlsClientContext::on_new_session(ssl_st* ssl, ssl_session_st* session) {
  auto* self = static_cast<TlsClientContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  if (self == nullptr || SSL_SESSION_is_resumable(session) != 1) return 0;
  SSL_SESSION_free(self->session_);
  self->session_ = session;
  return 1;  // the reference is ours now
}

SslPtr TlsClientContext::new_connection() {
  SslPtr ssl(SSL_new(context_.get()), SSL_free);
  if (ssl == nullptr) return ssl;
  const std::string& name = identity_.sni.empty() ? identity_.host : identity_.sni;
  if (!is_address_literal(name)) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  const std::string& expected = identity_.verify_host.empty() ? name : identity_.verify_host;
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl.get());
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool set = is_address_literal(expected)
                       ? X509_VERIFY_PARAM_set1_ip_asc(parameters, expected.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_host(parameters, expected.c_str(), 0) == 1;
  // Without an expected name any valid certificate would do: fail closed.
  if (!set) return SslPtr(nullptr, SSL_free);
  if (session_ != nullptr) {
    SSL_set_session(ssl.get(), session_);
    // A TLS 1.3 ticket used twice would link the two connections; the peer sends new ones.
    if (SSL_SESSION_get_protocol_version(session_) >= TLS1_3_VERSION) {
      SSL_SESSION_free(session_);
      session_ = nullptr;
    }
  }
  return ssl;
}

}  // namespace satgate::net
