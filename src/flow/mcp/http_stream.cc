// Streams of server-sent events: the answer to one request, also where it goes on in another one
// (legacy: a server may end a stream and have it taken up by Last-Event-ID), and what a legacy
// server says by itself.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "flow/mcp/http_upstream.h"

namespace satgate::flow::mcp {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStreamTailWait{20};
constexpr milliseconds kRetry{1'000};
constexpr uint64_t kRetryMsMax = 60'000;
constexpr size_t kEventIdMax = 1024;
constexpr int kRenewed = -1;      // refused, but there is another access token
constexpr int kFruitlessMax = 5;  // requests for a stream that brought nothing

// The end of a stream mostly comes along with its answer; then the connection can be used again.
struct Tail {
  Tail(net::Loop& loop, net::ClientExchange& exchange)
      : call(exchange), deadline(loop, &Tail::overdue, this) {}
  static void overdue(void* self) { static_cast<Tail*>(self)->call.cancel(); }
  net::ClientExchange& call;
  net::Deadline deadline;
};

bool is_field_value(std::string_view id) {
  return id.size() <= kEventIdMax &&
         std::ranges::all_of(id, [](char c) { return c >= 0x20 && c != 0x7f; });
}

}  // namespace

net::Task<Answer> StreamableHttp::stream_answer(net::ClientExchange& call,
                                                std::shared_ptr<Flight> flight, bool is_modern) {
  Stream stream;
  co_await read_stream(call, flight, stream);
  if (stream.answered) co_return std::move(stream.outcome);
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, true));
  if (!is_modern && !stream.last_id.empty()) {
    auto answer = co_await take_up(flight, stream);
    co_return answer;
  }
  co_return std::unexpected(sent(502, config_.name + " ended its stream before it answered"));
}

// Until the answer, or the end of what this request brings.
net::Task<> StreamableHttp::read_stream(net::ClientExchange& call, std::shared_ptr<Flight> flight,
                                        Stream& stream) {
  wire::SseSplitter splitter(limits::body_bytes_max);
  Tail tail(loop_, call);
  for (;;) {
    const auto piece = co_await call.read_some();
    if (!piece || piece->empty()) break;
    if (stream.answered) continue;
    if (!splitter.feed(*piece)) break;
    wire::SseEvent event;
    while (!stream.answered && splitter.next(event)) {
      if (event.id && is_field_value(*event.id)) stream.last_id = *event.id;
      if (event.retry_ms) stream.retry = milliseconds(std::min(*event.retry_ms, kRetryMsMax));
      if (event.has_data && !event.data.empty()) {
        stream.answered = look(event.data, flight, stream.outcome, false);
      }
    }
    if (stream.answered) tail.deadline.arm(kStreamTailWait);
  }
}

net::Task<int> StreamableHttp::open_stream(net::ClientExchange& call, std::string last_id) {
  const auto ready = co_await authorize(nullptr);
  if (!ready) co_return 0;
  const std::string used = token_;
  auto& head = begin(call, "GET", target_);
  if (!last_id.empty()) head.field("last-event-id", last_id);
  const auto went = co_await call.send({});
  if (!went) co_return 0;
  const auto answered = co_await call.read_head();
  if (!answered) co_return 0;
  const int status = (*answered)->status;
  if (status == 401 && connection_.tokens && connection_.tokens->refuse(used)) co_return kRenewed;
  if (status == 200 && !is_event_stream(**answered)) co_return 0;
  co_return status;
}

// The request is not repeated: it has been run, or still is.
net::Task<Answer> StreamableHttp::take_up(std::shared_ptr<Flight> flight, Stream& stream) {
  for (int fruitless = 0; fruitless < kFruitlessMax; ++fruitless) {
    net::Event pause(loop_);
    {
      const Flight::Waiting waiting(*flight, pause);
      co_await pause.wait(stream.retry.count() > 0 ? stream.retry : kRetry);
    }
    if (flight->ended() != Flight::End::none || !connected_) break;
    net::ClientExchange call(*pool_, identity_, client_options());
    const Live live(live_, call);
    const Flight::Waiting waiting(*flight, call);
    const int status = co_await open_stream(call, stream.last_id);
    if (status >= 400 && status <= 499) break;  // it offers none
    if (status != 200) continue;
    const std::string before = stream.last_id;
    co_await read_stream(call, flight, stream);
    if (stream.answered) co_return std::move(stream.outcome);
    if (stream.last_id != before) fruitless = -1;
  }
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, true));
  co_return std::unexpected(sent(502, config_.name + " ended its stream before it answered"));
}

// Keeps the stream open on which a legacy server announces changes, where it offers one.
net::Task<> StreamableHttp::listen(std::shared_ptr<StreamableHttp> self) {
  const uint64_t mine = self->connection_count_;
  Stream stream;
  for (;;) {
    const bool offered = co_await self->listen_once(stream);
    if (!offered) break;
    const milliseconds pause = std::max(stream.retry, self->options_.backoff_min);
    co_await net::sleep(self->loop_, pause);
    if (!self->connected_ || self->stopping_ || self->connection_count_ != mine) break;
  }
}

net::Task<bool> StreamableHttp::listen_once(Stream& stream) {
  net::ClientOptions options = client_options();
  options.between_bytes_timeout = milliseconds(limits::upstream_seconds_max * 1000);
  net::ClientExchange call(*pool_, identity_, options);
  listening_on_ = &call;
  const int status = co_await open_stream(call, stream.last_id);
  const bool offered = status == 200 || status == kRenewed;
  if (status == 200 && connected_) co_await read_stream(call, nullptr, stream);
  if (listening_on_ == &call) listening_on_ = nullptr;
  co_return offered;
}

}  // namespace satgate::flow::mcp
