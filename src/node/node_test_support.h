// What the tests of this room share: a node of a few scripted answers, and invoices to answer with.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "node/make_node.h"

namespace satgate::node::testing {

inline std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A socket that listens on the loopback.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    (void)::bind(fd_, reinterpret_cast<sockaddr*>(&address), size);
    (void)::listen(fd_, 16);
    (void)::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  }
  ~Listener() { ::close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  int fd() const { return fd_; }
  uint16_t port() const { return port_; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

// Waits until there is something to read; false: it is to stop.
inline bool is_readable(int fd, const std::atomic<bool>& stopping) {
  while (!stopping) {
    pollfd watched{fd, POLLIN, 0};
    if (::poll(&watched, 1, 20) > 0) return true;
  }
  return false;
}

// Answers each request with what the script says, byte for byte. Empty: never; after "cut" and the
// rest, the connection ends.
class ScriptedServer {
 public:
  using Script = std::function<std::string(const std::string& request)>;
  explicit ScriptedServer(Script script) : script_(std::move(script)) {
    thread_ = std::thread([this] { accept_all(); });
  }
  ~ScriptedServer() {
    stopping_ = true;
    thread_.join();
    for (std::thread& one : connections_)
      one.join();
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(listener_.port()); }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  bool is_ready(int fd) const { return is_readable(fd, stopping_); }
  void accept_all() {
    while (is_ready(listener_.fd())) {
      const int fd = ::accept(listener_.fd(), nullptr, nullptr);
      connections_.emplace_back([this, fd] { serve(fd); });
    }
  }
  static size_t whole_size(const std::string& bytes) {
    const size_t head = bytes.find("\r\n\r\n");
    if (head == std::string::npos) return SIZE_MAX;
    const std::string lower = lowercase(bytes.substr(0, head));
    const size_t length = lower.find("content-length: ");
    if (length == std::string::npos) return head + 4;
    const std::string digits = lower.substr(length + 16, lower.find('\r', length) - length - 16);
    return head + 4 + parse_uint(digits).value_or(0);
  }
  void serve(int fd) {
    std::string held;
    for (char bytes[4096]; is_ready(fd);) {
      const ssize_t n = ::recv(fd, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      held.append(bytes, static_cast<size_t>(n));
      if (held.size() < whole_size(held)) continue;
      std::string answer;
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(held);
        answer = script_(held);
      }
      held.clear();
      const bool is_cut = answer.starts_with("cut");
      if (is_cut) answer.erase(0, 3);
      ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (is_cut) break;
    }
    ::close(fd);
  }

  Script script_;
  Listener listener_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::thread> connections_;
  std::thread thread_;
};

template <class T>
Result<T> wait_for(const std::function<void(payment::Answered<T>)>& ask) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  auto future = promise->get_future();
  ask([promise](Result<T> result) { promise->set_value(std::move(result)); });
  return future.get();
}

inline Result<payment::Invoice> create(payment::LightningNode& node, int64_t amount_msat,
                                       std::string description = "1 call") {
  payment::InvoiceRequest request;
  request.amount_msat = amount_msat;
  request.description = std::move(description);
  request.expires_seconds = 600;
  return wait_for<payment::Invoice>([&](auto done) { node.create(request, done); });
}
inline Result<payment::InvoiceStatus> lookup(payment::LightningNode& node, const Hash256& hash,
                                             std::string id = "") {
  return wait_for<payment::InvoiceStatus>(
      [&](auto done) { node.lookup({hash, std::move(id)}, done); });
}
inline Result<payment::PayStatus> pay(payment::LightningNode& node, std::string bolt11,
                                      int64_t fee_max_msat = 100'000) {
  payment::PayRequest request;
  request.bolt11 = std::move(bolt11);
  request.fee_max_msat = fee_max_msat;
  return wait_for<payment::PayStatus>([&](auto done) { node.pay(request, done); });
}
inline Result<payment::PayStatus> find(payment::LightningNode& node, const Hash256& hash) {
  return wait_for<payment::PayStatus>([&](auto done) { node.find(hash, done); });
}

inline Hash256 filled(uint8_t byte) {
  Hash256 hash{};
  hash.fill(byte);
  return hash;
}
inline std::string hex(const Hash256& hash) {
  return to_hex(as_bytes_view(hash));
}
inline std::string base64(const Hash256& hash) {
  return base64_encode(as_bytes_view(hash));
}

inline constexpr int64_t kNow = 1'790'000'000;

inline std::string invoice_text(const Hash256& hash, int64_t amount_msat,
                                payment::Network network = payment::Network::regtest,
                                int64_t expires_seconds = 600) {
  payment::Bolt11 invoice;
  invoice.network = network;
  invoice.amount_msat = amount_msat;
  invoice.created = Time::seconds(kNow);
  invoice.expires_seconds = expires_seconds;
  invoice.payment_hash = hash;
  invoice.payment_secret = filled(9);
  invoice.description = "1 call";
  return payment::write_bolt11(invoice, filled(7)).value_or("");
}

inline NodeConfig config_for(std::string provider, std::string url) {
  NodeConfig config;
  config.url = std::move(url);
  config.credential = provider == "electrum" ? "user:abcdef0123" : "abcdef0123";
  config.provider = std::move(provider);
  config.network = payment::Network::regtest;
  config.poll_interval = net::Milliseconds(30);
  return config;
}

}  // namespace satgate::node::testing
