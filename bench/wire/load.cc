// A closed-loop load generator: N keep-alive connections, each sends its next request as soon as
// its answer is complete. At the end it waits for all answers, so that its count is that of whoever
// answered. Prints one JSON object.
//
//   bench-load PORT CONNECTIONS WARMUP_MS MEASURE_MS REQUEST_FILE [PROXY_PID UPSTREAM_PID [tls]]
//
// The file holds the bytes of a whole request: a token in it shows in no list of processes. With
// `Mcp-Session-Id: @session@` in it, each connection opens a session of MCP first. With the pids it
// also reports what CPU both used while it was measured, and what anything else took from the
// cores: then the sample says little.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/channel.h"
#include "wire/cpu_time.h"
#include "wire/latencies.h"
#include "wire/mcp_session.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

constexpr int64_t kDrainNs = 5'000'000'000;

struct Options {
  uint16_t port = 0;
  size_t connections = 1;
  int64_t warmup_ns = 0;
  int64_t measure_ns = 0;
  std::string request;
  int proxy = 0, upstream = 0;
  bool tls = false;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        streams_(options.request.contains("\"stream\":true")),
        in_sessions_(options.request.contains(kSessionField)),
        connections_(options.connections) {
    const TlsClient tls;
    for (Connection& connection : connections_) {
      connection.channel = std::make_unique<Channel>(options.port, options.tls ? &tls : nullptr);
      connection.request =
          in_sessions_ ? open_session(*connection.channel, options.request) : options.request;
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &connection;
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.channel->fd(), &event) < 0) {
        fail("epoll_ctl");
      }
    }
  }

  void run() {
    for (Connection& connection : connections_)
      ask(connection);
    turn_until(now_ns() + options_.warmup_ns);
    const uint64_t warm = latencies_.count();
    latencies_.clear();
    const CpuTimes before = cpu_times(options_.proxy, options_.upstream);
    const int64_t start = now_ns();
    turn_until(start + options_.measure_ns);
    const int64_t elapsed = now_ns() - start;
    const CpuTimes used = cpu_times(options_.proxy, options_.upstream) - before;
    const Latencies measured = latencies_;
    asking_ = false;
    turn_until(now_ns() + kDrainNs);
    if (in_sessions_ && waiting_ == 0) {
      for (const Connection& connection : connections_)
        close_session(*connection.channel, connection.request);
    }
    print(measured, warm + latencies_.count(), elapsed, used);
  }

 private:
  struct Connection {
    std::unique_ptr<Channel> channel;
    std::string request;
    int64_t asked_ns = 0;
    std::string answer;  // of more than one read only
  };

  void ask(Connection& connection) {
    connection.asked_ns = now_ns();
    connection.channel->send(connection.request);
    ++waiting_;
  }

  void turn_until(int64_t end) {
    std::array<epoll_event, 256> events{};
    while (now_ns() < end && waiting_ > 0) {
      const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 100);
      if (ready < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < ready; ++i)
        read(*static_cast<Connection*>(events[static_cast<size_t>(i)].data.ptr));
    }
  }

  void read(Connection& connection) {
    do {
      const size_t got = connection.channel->receive(read_);
      if (got == 0) return;
      std::string_view bytes(read_.data(), got);
      if (!connection.answer.empty()) bytes = connection.answer.append(bytes);
      const size_t size = sizer_.size(bytes);
      if (size == 0) {
        if (connection.answer.empty()) connection.answer = bytes;
        continue;
      }
      if (size != bytes.size()) fail("more came than was asked for");
      if (!is_good(bytes)) count_bad(bytes);
      connection.answer.clear();
      latencies_.add(now_ns() - connection.asked_ns);
      --waiting_;
      if (asking_) ask(connection);
    } while (connection.channel->has_more());
  }

  // An MCP server says in the body that a call went wrong; a stream that is cut short may still end
  // its body well.
  bool is_good(std::string_view answer) const {
    return answer.starts_with("HTTP/1.1 200") && !answer.contains("\"error\"") &&
           !answer.contains("\"isError\":true") && (!streams_ || answer.contains("data: [DONE]\n"));
  }

  void count_bad(std::string_view bytes) {
    if (bad_++ > 0) return;
    const std::string_view shown = bytes.substr(0, 600);
    std::fprintf(stderr, "first answer that is not good:\n%.*s\n", static_cast<int>(shown.size()),
                 shown.data());
  }

  void print(const Latencies& measured, uint64_t answered, int64_t elapsed_ns,
             const CpuTimes& used) const {
    const double seconds = static_cast<double>(elapsed_ns) / 1e9;
    const auto requests = static_cast<double>(std::max<uint64_t>(1, measured.count()));
    const auto whole = [](uint64_t number) { return static_cast<unsigned long long>(number); };
    std::printf(R"({"requests":%llu,"answered":%llu,"bad":%llu,"unanswered":%llu,"rps":%.1f,)"
                R"("p50_us":%.2f,"p99_us":%.2f,"max_us":%.1f,"proxy_cpu_us":%.3f,)"
                R"("proxy_util":%.3f,"load_util":%.3f,"foreign":%.3f,"tls":"%s"})"
                "\n",
                whole(measured.count()), whole(answered), whole(bad_), whole(waiting_),
                requests / seconds, measured.quantile_us(0.50), measured.quantile_us(0.99),
                measured.longest_us(), used.proxy_s * 1e6 / requests, used.proxy_s / seconds,
                (used.own_s + used.upstream_s) / seconds,
                std::max(0.0, used.busy_s - used.proxy_s - used.upstream_s - used.own_s) / seconds,
                connections_.front().channel->tls().c_str());
  }

  const Options options_;
  const bool streams_;
  const bool in_sessions_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Connection> connections_;
  std::array<char, 64 * 1024> read_{};
  MessageSizer sizer_;
  Latencies latencies_;
  uint64_t waiting_ = 0;
  uint64_t bad_ = 0;
  bool asking_ = true;
};

Options read_options(int argc, char** argv) {
  Options options;
  options.port = port_number(argv[1]);
  options.connections = whole_number(argv[2]);
  options.warmup_ns = static_cast<int64_t>(whole_number(argv[3])) * 1'000'000;
  options.measure_ns = static_cast<int64_t>(whole_number(argv[4])) * 1'000'000;
  options.request = file_text(argv[5]);
  if (argc > 7) options.proxy = static_cast<int>(whole_number(argv[6]));
  if (argc > 7) options.upstream = static_cast<int>(whole_number(argv[7]));
  options.tls = argc > 8;
  return options;
}

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  if (argc != 6 && argc != 8 && argc != 9) {
    std::fputs(
        "usage: bench-load PORT CONNECTIONS WARMUP_MS MEASURE_MS REQUEST_FILE"
        " [PROXY_PID UPSTREAM_PID [tls]]\n",
        stderr);
    return 2;
  }
  satgate::bench::Load(satgate::bench::read_options(argc, argv)).run();
}
