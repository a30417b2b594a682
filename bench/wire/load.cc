// A closed-loop load generator: N keep-alive connections, each sends its next request as soon as
// its answer is complete. Every latency is counted, none is sampled. Prints one JSON object.
//
//   bench-load PORT CONNECTIONS WARMUP_MS MEASURE_MS METHOD PATH [PROXY_PID [UPSTREAM_PID]]
//
// The bearer token comes from BENCH_TOKEN in the environment, so that no process list shows it. A
// POST carries 1024 bytes of JSON. With the pids it also reports what CPU the proxy used while it
// was measured, and what anything else took from the cores: then the sample says little.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/cpu_time.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

using Nanoseconds = std::chrono::nanoseconds;

int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / Nanoseconds(1);
}

// Latencies in steps of 100 ns up to 200 ms; what is longer counts as that.
class Latencies {
 public:
  void add(int64_t ns) {
    const auto step = static_cast<size_t>(std::max<int64_t>(0, ns / 100));
    ++steps_[std::min(step, steps_.size() - 1)];
    ++count_;
    longest_ = std::max(longest_, ns);
  }
  void clear() { *this = Latencies(); }
  uint64_t count() const { return count_; }
  double longest_us() const { return static_cast<double>(longest_) / 1000; }
  double quantile_us(double q) const {
    const auto rank = static_cast<uint64_t>(q * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < steps_.size(); ++i) {
      seen += steps_[i];
      if (seen > rank) return (static_cast<double>(i) + 0.5) / 10;
    }
    return longest_us();
  }

 private:
  std::vector<uint32_t> steps_ = std::vector<uint32_t>(2'000'000);
  uint64_t count_ = 0;
  int64_t longest_ = 0;
};

struct Options {
  uint16_t port = 0;
  size_t connections = 1;
  int64_t warmup_ns = 0;
  int64_t measure_ns = 0;
  std::string method, path, token;
  int proxy = 0, upstream = 0;
};

std::string request_of(const Options& options) {
  constexpr size_t body_size = 1024;
  std::string request = options.method + " " + options.path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (!options.token.empty()) request += "Authorization: Bearer " + options.token + "\r\n";
  if (options.method != "POST") return request + "\r\n";
  std::string body = R"({"query":"what does it cost","text":")";
  body.append(body_size - body.size() - 2, 'x');
  body += "\"}";
  return request +
         "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options), request_(request_of(options)), connections_(options.connections) {
    for (Connection& connection : connections_) {
      connection.fd = connect_to_loopback(options.port);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &connection;
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event) < 0) fail("epoll_ctl");
    }
  }

  void run() {
    for (Connection& connection : connections_)
      ask(connection);
    turn_until(now_ns() + options_.warmup_ns);
    latencies_.clear();
    bad_ = 0;
    const CpuTimes before = cpu_times(options_.proxy, options_.upstream);
    const int64_t start = now_ns();
    turn_until(start + options_.measure_ns);
    const int64_t elapsed = now_ns() - start;
    print(elapsed, cpu_times(options_.proxy, options_.upstream) - before);
  }

 private:
  struct Connection {
    int fd = -1;
    int64_t asked_ns = 0;
    std::string answer;  // of more than one read only
  };

  void ask(Connection& connection) {
    connection.asked_ns = now_ns();
    const ssize_t sent = ::send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_.size())) fail("send");
  }

  void turn_until(int64_t end) {
    std::array<epoll_event, 256> events{};
    while (now_ns() < end) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      if (ready < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < ready; ++i)
        read(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr));
    }
  }

  void read(Connection& connection) {
    const ssize_t got = ::recv(connection.fd, read_.data(), read_.size(), 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
      errno = got == 0 ? ECONNRESET : errno;
      fail("the proxy closed a connection");
    }
    std::string_view bytes(read_.data(), static_cast<size_t>(got));
    if (!connection.answer.empty()) bytes = connection.answer.append(bytes);
    if (message_size(bytes) == 0) {
      if (connection.answer.empty()) connection.answer = bytes;
      return;
    }
    if (!bytes.starts_with("HTTP/1.1 200")) count_bad(bytes);
    connection.answer.clear();
    latencies_.add(now_ns() - connection.asked_ns);
    ask(connection);
  }

  void count_bad(std::string_view bytes) {
    if (bad_++ > 0) return;
    const std::string_view shown = bytes.substr(0, 600);
    std::fprintf(stderr, "first answer that is not 200:\n%.*s\n", static_cast<int>(shown.size()),
                 shown.data());
  }

  void print(int64_t elapsed_ns, const CpuTimes& used) const {
    const double seconds = static_cast<double>(elapsed_ns) / 1e9;
    const auto requests = static_cast<double>(std::max<uint64_t>(1, latencies_.count()));
    std::printf(
        R"({"requests":%llu,"bad":%llu,"rps":%.1f,"p50_us":%.2f,"p99_us":%.2f,"max_us":%.1f,)"
        R"("proxy_cpu_us":%.3f,"foreign":%.3f})"
        "\n",
        static_cast<unsigned long long>(latencies_.count()), static_cast<unsigned long long>(bad_),
        requests / seconds, latencies_.quantile_us(0.50), latencies_.quantile_us(0.99),
        latencies_.longest_us(), used.proxy_s * 1e6 / requests,
        std::max(0.0, used.busy_s - used.proxy_s - used.upstream_s - used.own_s) / seconds);
  }

  const Options options_;
  const std::string request_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::array<char, 64 * 1024> read_{};
  Latencies latencies_;
  uint64_t bad_ = 0;
};

Options read_options(int argc, char** argv) {
  Options options;
  options.port = port_number(argv[1]);
  options.connections = whole_number(argv[2]);
  options.warmup_ns = static_cast<int64_t>(whole_number(argv[3])) * 1'000'000;
  options.measure_ns = static_cast<int64_t>(whole_number(argv[4])) * 1'000'000;
  options.method = argv[5];
  options.path = argv[6];
  if (argc > 7) options.proxy = static_cast<int>(whole_number(argv[7]));
  if (argc > 8) options.upstream = static_cast<int>(whole_number(argv[8]));
  if (const char* token = std::getenv("BENCH_TOKEN")) options.token = token;
  return options;
}

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  if (argc < 7) {
    std::fputs(
        "usage: bench-load PORT CONNECTIONS WARMUP_MS MEASURE_MS METHOD PATH"
        " [PROXY_PID [UPSTREAM_PID]]\n",
        stderr);
    return 2;
  }
  satgate::bench::Load(satgate::bench::read_options(argc, argv)).run();
}
