// Changes that a server announces: `subscriptions/listen` of the modern era, resources/subscribe of
// the legacy one. (What a legacy server says about its lists needs no asking.)
#include <algorithm>
#include <utility>

#include "base/json_out.h"
#include "base/limits.h"
#include "dialect/mcp/message.h"
#include "flow/mcp/upstream.h"

namespace satgate::flow::mcp {
namespace {

namespace mcp = dialect::mcp;
using std::chrono::milliseconds;

constexpr milliseconds kForever{24 * 3600 * 1000};
// A connection may have died without a word; it is renewed before that matters for long.
constexpr milliseconds kStreamAge{limits::upstream_seconds_max * 1000};

Fault not_watchable(std::string message) {
  Fault fault;
  fault.source = Fault::Source::upstream;
  fault.http_status = 404;
  fault.message = std::move(message);
  return fault;
}

}  // namespace

struct Upstream::Listening {
  explicit Listening(net::Loop& loop) : pause(loop) {}
  std::shared_ptr<Flight> flight;
  net::Event pause;
  bool over = false;
};

void Upstream::start_listening() {
  if (!connection_.has_lists) return;
  if (era_ == mcp::Era::legacy) {
    net::spawn(loop_, subscribe_again(shared_from_this()));
    return;
  }
  listening_ = std::make_shared<Listening>(loop_);
  net::spawn(loop_, listen(shared_from_this(), listening_));
}

void Upstream::stop_listening() {
  const auto mine = std::exchange(listening_, nullptr);
  if (!mine) return;
  mine->over = true;
  mine->pause.cancel();
  if (mine->flight) mine->flight->end(Flight::End::cancelled);
}

net::Task<> Upstream::listen(std::shared_ptr<Upstream> self, std::shared_ptr<Listening> mine) {
  milliseconds delay = self->options_.backoff_min;
  while (!mine->over) {
    const auto begun = self->loop_.now();
    const auto answer = co_await self->listen_once(mine);
    const bool is_renewed = mine->flight->ended() == Flight::End::cancelled;
    if (mine->over) break;
    if (is_renewed) continue;
    if (answer && !answer->error.empty()) break;  // it has no such method
    if (self->loop_.now() - begun > self->options_.backoff_max) delay = self->options_.backoff_min;
    co_await mine->pause.wait(delay);
    delay = std::min(delay * 2, self->options_.backoff_max);
    if (!mine->over) self->refresh(ListKind::all);  // something may have changed meanwhile
  }
}

net::Task<Answer> Upstream::listen_once(std::shared_ptr<Listening> mine) {
  Outgoing outgoing;
  outgoing.id = ++next_id_;
  outgoing.is_modern = true;
  outgoing.fields = {{"mcp-method", "subscriptions/listen"}};
  std::string params = modern_params();
  params.pop_back();
  params += R"(,"notifications":)";
  JsonOut json(params);
  json.object().key("toolsListChanged").boolean(true).key("promptsListChanged").boolean(true);
  json.key("resourcesListChanged").boolean(true).key("resourceSubscriptions").array();
  for (const std::string& uri : watched_)
    json.string(uri);
  json.end_array().end();
  params += '}';
  mcp::append_request(outgoing.text, std::to_string(outgoing.id), "subscriptions/listen", params);
  const uint64_t joins = joins_;
  const auto flight = std::make_shared<Flight>(loop_);
  flight->id = outgoing.id;
  flight->can_own_asks = false;
  mine->flight = flight;
  flight->arm(is_http() ? kStreamAge : kForever);
  auto answer = co_await exchange(std::move(outgoing), flight);
  flight->close();
  if (!answer && flight->ended() != Flight::End::none && joins == joins_ && !stopping_) {
    tell_cancelled(flight->id, *flight);
  }
  co_return answer;
}

net::Task<> Upstream::subscribe_again(std::shared_ptr<Upstream> self) {
  const uint64_t joins = self->joins_;
  const std::vector<std::string> uris(self->watched_.begin(), self->watched_.end());
  for (const std::string& uri : uris) {
    if (joins != self->joins_ || !self->ready_) co_return;
    std::string method = "resources/subscribe";
    std::string copy = uri;
    co_await self->subscribe(std::move(method), std::move(copy));
  }
}

net::Task<std::expected<void, Fault>> Upstream::subscribe(std::string method, std::string uri) {
  std::string params = R"({"uri":)";
  append_json_string(params, uri);
  params += '}';
  const auto answer =
      co_await ask(std::move(method), std::move(params), options_.handshake_wait, false);
  if (!answer) co_return std::unexpected(answer.error().fault);
  if (!answer->error.empty()) {
    co_return std::unexpected(not_watchable(config_.name + " does not announce changes of " + uri));
  }
  co_return std::expected<void, Fault>();
}

net::Task<std::expected<void, Fault>> Upstream::watch(std::string uri) {
  const auto self = shared_from_this();
  watched_.insert(uri);
  if (!ready_) co_return std::expected<void, Fault>();  // it will be told when it is
  if (!hello_.resource_updates) {
    watched_.erase(uri);
    co_return std::unexpected(not_watchable(config_.name + " announces no changes of resources"));
  }
  if (era_ == mcp::Era::modern) {
    if (listening_ && listening_->flight) listening_->flight->end(Flight::End::cancelled);
    co_return std::expected<void, Fault>();
  }
  std::string method = "resources/subscribe";
  auto subscribed = co_await subscribe(std::move(method), uri);
  if (!subscribed) watched_.erase(uri);
  co_return subscribed;
}

net::Task<std::expected<void, Fault>> Upstream::unwatch(std::string uri) {
  const auto self = shared_from_this();
  if (watched_.erase(uri) == 0 || !ready_) co_return std::expected<void, Fault>();
  if (era_ == mcp::Era::modern) {
    if (listening_ && listening_->flight) listening_->flight->end(Flight::End::cancelled);
    co_return std::expected<void, Fault>();
  }
  std::string method = "resources/unsubscribe";
  co_return co_await subscribe(std::move(method), std::move(uri));
}

}  // namespace satgate::flow::mcp
