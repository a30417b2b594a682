// The transport of 2024-11-05, HTTP+SSE: one stream brings everything that a server says, answers
// included, and names the place to which messages are posted.
#include <utility>

#include "base/limits.h"
#include "base/text.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/http_upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr size_t kEndpointBytesMax = 4 * 1024;
constexpr milliseconds kForever{24 * 3600 * 1000};  // the flight ends the wait

bool is_target(std::string_view text) {
  return text.size() <= kEndpointBytesMax && text.starts_with('/') && !text.starts_with("//") &&
         text.find_first_of(" \t\r\n#") == text.npos;
}

// Where to post, as the server says it: a path, or a whole URL of its own origin. The upstream's
// credential goes there, so it may be nowhere else.
std::string target_of(std::string_view endpoint, const std::string& url) {
  const size_t scheme = url.find("://");
  const size_t path = scheme == url.npos ? url.npos : url.find('/', scheme + 3);
  const std::string_view origin = std::string_view(url).substr(0, path);
  if (endpoint.starts_with(origin)) endpoint.remove_prefix(origin.size());
  return is_target(endpoint) ? std::string(endpoint) : std::string();
}

}  // namespace

// The stream of one connection, as long as it lasts.
struct StreamableHttp::OldStream {
  explicit OldStream(StreamableHttp& owner)
      : call(*owner.pool_, owner.identity_, client_options()), opened(owner.loop_) {}
  net::ClientExchange call;
  net::Event opened;  // or not: then there is no target
  std::string target;
  std::map<uint64_t, std::shared_ptr<OldAnswer>> waiting;
};

struct StreamableHttp::OldAnswer {
  explicit OldAnswer(net::Loop& loop) : event(loop) {}
  net::Event event;
  Outcome outcome;
  bool answered = false;
};

net::Task<bool> StreamableHttp::open_old_stream(std::shared_ptr<Flight> flight) {
  const auto stream = std::make_shared<OldStream>(*this);
  old_stream_ = stream;
  const Flight::Waiting waiting(*flight, stream->opened);
  net::spawn(loop_, read_old_stream(self(), stream));
  co_await stream->opened.wait(options_.handshake_wait);
  co_return !stream->target.empty();
}

void StreamableHttp::close_old_stream() {
  const auto stream = std::exchange(old_stream_, nullptr);
  if (!stream) return;
  stream->call.cancel();
  for (const auto& [id, answer] : stream->waiting)
    answer->event.cancel();
}

net::Task<> StreamableHttp::read_old_stream(std::shared_ptr<StreamableHttp> self,
                                            std::shared_ptr<OldStream> stream) {
  const int status = co_await self->open_stream(stream->call, {});
  wire::SseSplitter splitter(limits::body_bytes_max);
  while (status == 200) {
    const auto piece = co_await stream->call.read_some();
    if (!piece || piece->empty() || !splitter.feed(*piece)) break;
    wire::SseEvent event;
    while (splitter.next(event)) {
      if (event.has_data) self->take_old_event(*stream, event);
    }
    if (stream->target.empty()) break;  // it is something else
  }
  stream->opened.notify();
  if (self->old_stream_ != stream || stream->target.empty()) co_return;
  self->close_old_stream();
  self->set_broken("its stream has ended");
}

void StreamableHttp::take_old_event(OldStream& stream, const wire::SseEvent& event) {
  if (stream.target.empty()) {
    if (event.type == "endpoint") {
      stream.target = target_of(event.data, std::get<HttpUpstream>(config_.transport).url);
    }
    return stream.opened.notify();
  }
  const auto message = mcp::read_upstream(event.data, json_);
  if (message && message->kind != mcp::Message::Kind::response) {
    incoming(*message, nullptr);
  } else if (const auto id = message ? parse_uint(message->id) : std::nullopt) {
    const auto found = stream.waiting.find(*id);
    if (found != stream.waiting.end() && !found->second->answered) {
      found->second->outcome.result = message->result;
      found->second->outcome.error = message->error;
      found->second->answered = true;
      found->second->event.notify();
    }
  }
  json_.forget();
}

net::Task<Answer> StreamableHttp::exchange_old(Outgoing outgoing, std::shared_ptr<Flight> flight) {
  const auto stream = old_stream_;
  const auto answer = std::make_shared<OldAnswer>(loop_);
  stream->waiting[outgoing.id] = answer;
  auto posted = co_await post_old(std::move(outgoing), flight);
  if (posted) {
    const Flight::Waiting waiting(*flight, answer->event);
    co_await answer->event.wait(kForever);
  }
  stream->waiting.erase(flight->id);
  if (answer->answered) co_return std::move(answer->outcome);
  if (!posted) co_return std::unexpected(std::move(posted.error()));
  if (flight->ended() != Flight::End::none) co_return std::unexpected(interrupted(*flight, true));
  co_return std::unexpected(sent(502, config_.name + " ended its stream before it answered"));
}

// Taken by 202, mostly; what is refused has not been run.
net::Task<std::expected<void, CallFailure>> StreamableHttp::post_old(
    Outgoing outgoing, std::shared_ptr<Flight> flight) {
  net::ClientExchange call(*pool_, identity_, client_options());
  const Live live(live_, call);
  const Flight::Waiting waiting(*flight, call);
  begin_post(call, outgoing);
  const auto went = co_await call.send(outgoing.text);
  if (!went) co_return std::unexpected(broke(went.error(), *flight));
  const auto head = co_await call.read_head();
  if (!head) co_return std::unexpected(broke(head.error(), *flight));
  const int status = (*head)->status;
  if (status >= 200 && status <= 299) co_return std::expected<void, CallFailure>();
  CallFailure refused = sent(502, config_.name + " refused the message");
  if (status == 401 && is_credential_known()) refused = unauthorized();
  if (status == 404) {  // the stream has ended, and with it the session
    refused = unsent(502, config_.name + " has forgotten the session");
    refused.session_lost = true;
  }
  co_return std::unexpected(std::move(refused));
}

std::string StreamableHttp::post_target() const {
  return old_stream_ && !old_stream_->target.empty() ? old_stream_->target : target_;
}

}  // namespace satgate::flow::mcp
