// Many streams of server-sent events at once, each from a chat of its own. Every event says when it
// was sent; the latency of a chunk is what went by until it was read here. Checks that each stream
// brings every event in order and ends well. Prints one JSON object.
//
//   bench-streams PORT STREAMS EVENTS REQUEST_FILE
#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "wire/channel.h"
#include "wire/latencies.h"
#include "wire/tcp.h"

namespace satgate::bench {
namespace {

constexpr int64_t kPatienceNs = 60'000'000'000;

class Streams {
 public:
  Streams(uint16_t port, size_t streams, uint64_t events, std::string request)
      : events_(events), request_(std::move(request)), streams_(streams) {
    for (Stream& stream : streams_) {
      stream.channel = std::make_unique<Channel>(port, nullptr);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &stream;
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, stream.channel->fd(), &event) < 0) fail("epoll_ctl");
    }
  }

  int run() {
    const int64_t end = now_ns() + kPatienceNs;
    size_t asked = 0;
    while (ended_ < streams_.size() && now_ns() < end) {
      // A few at a time: it is the streams that are measured, not how a thousand calls begin.
      for (int i = 0; i < 4 && asked < streams_.size(); ++i)
        streams_[asked++].channel->send(request_);
      turn(asked < streams_.size() ? 1 : 100);
    }
    std::printf(R"({"streams":%zu,"ended":%zu,"chunks":%llu,"bad":%zu,"at_once":%zu,)"
                R"("p50_us":%.2f,"p99_us":%.2f,"max_us":%.1f})"
                "\n",
                streams_.size(), ended_, static_cast<unsigned long long>(latencies_.count()),
                bad_ + streams_.size() - ended_, at_once_, latencies_.quantile_us(0.50),
                latencies_.quantile_us(0.99), latencies_.longest_us());
    return 0;
  }

 private:
  struct Stream {
    std::unique_ptr<Channel> channel;
    std::string bytes;  // not read yet
    int64_t last_sent_ns = 0;
    uint64_t events = 0;
    bool ok = false;
  };

  void turn(int wait_ms) {
    std::array<epoll_event, 256> events{};
    const int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), wait_ms);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < ready; ++i)
      read(*static_cast<Stream*>(events[static_cast<size_t>(i)].data.ptr));
  }

  void read(Stream& stream) {
    const size_t got = stream.channel->receive(read_);
    const int64_t now = now_ns();
    stream.bytes.append(read_.data(), got);
    if (!stream.ok && stream.bytes.starts_with("HTTP/1.1 200")) {
      stream.ok = true;
      at_once_ = std::max(at_once_, ++begun_ - ended_);
      if (begun_ == streams_.size()) all_begun_ns_ = now;
    }
    take_events(stream, now);
    const bool whole = stream.bytes.ends_with("0\r\n\r\n");
    if (!whole && stream.ok) return;
    // What is no stream at all ends here, too.
    const bool good = stream.ok && stream.events == events_ && stream.bytes.contains("[DONE]");
    if (!good && bad_++ == 0) {
      std::fprintf(stderr, "first stream that is not good, after %llu events:\n%.600s\n",
                   static_cast<unsigned long long>(stream.events), stream.bytes.c_str());
    }
    ++ended_;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, stream.channel->fd(), nullptr);
  }

  // "@" and 19 digits and "@" is the time of an event; all before it is done with.
  void take_events(Stream& stream, int64_t now) {
    constexpr size_t digits = 19;
    size_t at = stream.bytes.find('@');
    size_t done = 0;
    while (at != stream.bytes.npos && at + digits + 1 < stream.bytes.size()) {
      int64_t sent = 0;
      std::from_chars(&stream.bytes[at + 1], &stream.bytes[at + 1 + digits], sent);
      if (sent <= stream.last_sent_ns || stream.bytes[at + 1 + digits] != '@') ++bad_;
      stream.last_sent_ns = sent;
      ++stream.events;
      // Only while all of them run: that is what is asked about.
      if (all_begun_ns_ != 0 && sent > all_begun_ns_ && ended_ == 0) latencies_.add(now - sent);
      done = at + digits + 2;
      at = stream.bytes.find('@', done);
    }
    if (done > 0) stream.bytes.erase(0, done);
  }

  const uint64_t events_;
  const std::string request_;
  const int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<Stream> streams_;
  std::array<char, 64 * 1024> read_{};
  Latencies latencies_;
  int64_t all_begun_ns_ = 0;
  size_t begun_ = 0, ended_ = 0, at_once_ = 0, bad_ = 0;
};

}  // namespace
}  // namespace satgate::bench

int main(int argc, char** argv) {
  using namespace satgate::bench;
  if (argc != 5) {
    std::fputs("usage: bench-streams PORT STREAMS EVENTS REQUEST_FILE\n", stderr);
    return 2;
  }
  raise_descriptor_limit();
  return Streams(port_number(argv[1]), whole_number(argv[2]), whole_number(argv[3]),
                 file_text(argv[4]))
      .run();
}
