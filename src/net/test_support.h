// What the tests of this room share: a loop to run on, a server, raw sockets and certificates.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"

namespace satgate::net::testing {

// Runs one task on a fresh loop to its end; false after `at_most`.
inline bool run_to_end(Loop& loop, Task<> task, Milliseconds at_most = Milliseconds{5000}) {
  bool done = false;
  struct Runner {
    static Task<> go(Loop& l, Task<> inner, bool& finished) {
      co_await std::move(inner);
      finished = true;
      l.stop();
    }
  };
  spawn(loop, Runner::go(loop, std::move(task), done));
  loop.run_for(at_most);
  return done;
}

// A blocking client socket: it says exactly the bytes that a test wants said.
class RawSocket {
 public:
  explicit RawSocket(uint16_t port, int receive_buffer = 0) {
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~RawSocket() { close(); }
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool connected() const { return connected_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void half_close() { ::shutdown(fd_, SHUT_WR); }
  bool say(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // Reads until `ending` was seen, the peer closed or reset, or `at_most` passed without a byte.
  std::string hear(std::string_view ending, int at_most_ms = 3000) {
    std::string heard;
    char bytes[65536];
    while (ending.empty() || !heard.ends_with(ending)) {
      pollfd watched{fd_, POLLIN, 0};
      if (::poll(&watched, 1, at_most_ms) <= 0) {
        heard += "<silence>";
        break;
      }
      const ssize_t n = ::recv(fd_, bytes, sizeof bytes, 0);
      if (n == 0) heard += "<end>";
      if (n < 0) heard += "<reset>";
      if (n <= 0) break;
      heard.append(bytes, static_cast<size_t>(n));
    }
    return heard;
  }

 private:
  int fd_ = -1;
  bool connected_ = false;
};

// A server on its own thread, on 127.0.0.1 and a free port.
class ServerThread {
 public:
  explicit ServerThread(Handler& handler, HttpServerOptions options = {})
      : server(std::make_unique<HttpServer>(loop, handler, std::move(options))) {
    ListenAddress address;
    address.host = "127.0.0.1";
    const auto opened = server->listen(address);
    port = opened ? opened->port : uint16_t{0};
    loop.start();
  }
  ~ServerThread() {
    loop.stop();
    loop.join();
    server.reset();
  }
  size_t connections() {
    std::atomic<int64_t> count{-1};
    loop.post([&] { count = static_cast<int64_t>(server->connections()); });
    while (count < 0)
      std::this_thread::yield();
    return static_cast<size_t>(count.load());
  }

  Loop loop;
  std::unique_ptr<HttpServer> server;
  uint16_t port = 0;
};

// A directory that goes away with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "satgate-net-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string file(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

// Writes a self-signed P-256 certificate for `name` (also a CA) and its key.
inline void write_certificate(const std::string& name, const std::string& certificate_file,
                              const std::string& key_file) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  static std::atomic<long> serial{1};
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* subject = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(certificate, subject);
  const bool is_address = name.find_first_not_of("0123456789.") == std::string::npos;
  const std::string alternative = (is_address ? "IP:" : "DNS:") + name;
  X509_EXTENSION* extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternative.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(certificate, key, EVP_sha256());
  if (std::FILE* file = std::fopen(certificate_file.c_str(), "w")) {
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }
  if (std::FILE* file = std::fopen(key_file.c_str(), "w")) {
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
  }
  X509_free(certificate);
  EVP_PKEY_free(key);
}

}  // namespace satgate::net::testing
