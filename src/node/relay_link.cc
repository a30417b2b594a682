#include "node/relay_link.h"

#include <fmt/format.h>

#include "base/text.h"

namespace satgate::node {
namespace {

constexpr net::Milliseconds kConnectMax{10'000};
constexpr size_t kMessageBytesMax = 256 * 1024;
constexpr size_t kShownBytesMax = 200;

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kShownBytesMax))
    out += c >= 0x20 && c < 0x7f ? c : '?';
  return out;
}

}  // namespace

struct RelayLink::Pending {
  Pending(RelayLink& to, RelayAsk what, const OnEvent& each)
      : link(to),
        name(fmt::format("satgate-{}", ++to.asked_)),
        ask(std::move(what)),
        on_event(each),
        changed(to.waits_.loop) {
    link.pending_[name] = this;
  }
  ~Pending() { link.pending_.erase(name); }
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  void end(bool is_enough, std::string reason) {
    if (ended) return;
    ended = true;
    enough = is_enough;
    why = std::move(reason);
    changed.notify();
  }

  RelayLink& link;
  const std::string name;
  const RelayAsk ask;
  const OnEvent& on_event;
  net::Event changed;
  bool sent = false;
  uint64_t received_before = 0;  // on the connection, when this was sent
  bool ended = false;
  bool enough = false;
  std::string why;  // ended without success
};

Result<std::unique_ptr<RelayLink>> RelayLink::make(Waits& waits, RelayOptions options) {
  std::vector<Relay> relays;
  for (const wire::Url& url : options.relays) {
    Relay relay;
    relay.identity = net::identity_of(url);
    relay.identity.ca_file = options.certificate_file;
    relay.identity.verify_host = options.certificate_name;
    relay.target = url.base_path.empty() ? "/" : url.base_path;
    if (relay.identity.tls) {
      TRY_ASSIGN(relay.tls, net::TlsClientContext::create(relay.identity));
    }
    relays.push_back(std::move(relay));
  }
  return std::unique_ptr<RelayLink>(new RelayLink(waits, std::move(relays)));
}

RelayLink::RelayLink(Waits& waits, std::vector<Relay> relays)
    : waits_(waits), relays_(std::move(relays)) {}

net::Task<Rested<bool>> RelayLink::ask(RelayAsk ask, const OnEvent& on_event) {
  Pending pending(*this, std::move(ask), on_event);
  const Waits::One wait(waits_, pending.changed);
  if (socket_ != nullptr) {
    send(pending);
  } else if (!running_) {
    running_ = true;
    net::spawn(waits_.loop, run(this));
  }
  co_await pending.changed.wait(pending.ask.timeout);
  if (pending.sent && socket_ != nullptr) {
    const bool is_silent = socket_->bytes_received() == pending.received_before;
    // A connection can be dead for long without anybody noticing. The next request gets a new one.
    if (!pending.ended && is_silent) socket_->cancel();
    socket_->send(write_json(Json::array({"CLOSE", pending.name})));
  }
  const bool is_answered = pending.ended && pending.why.empty();
  if (is_answered) co_return pending.enough;
  if (waits_.stopped()) pending.why = "the gateway is about to end";
  if (pending.why.empty()) {
    pending.why = fmt::format("no answer within {} ms", pending.ask.timeout.count());
  }
  RestFailure failure{pending.why, pending.sent};
  co_return std::unexpected(std::move(failure));
}

// One connection, from its beginning to its end.
net::Task<> RelayLink::run(RelayLink* self) {
  std::string why;
  const auto connected = co_await self->connect();
  if (connected) {
    for (const auto& [name, pending] : self->pending_)
      self->send(*pending);
    why = co_await self->read_all();
    self->socket_.reset();
    self->current_ = (self->current_ + 1) % self->relays_.size();
  } else {
    why = connected.error().message;
  }
  self->running_ = false;
  self->end_all("the relay: " + why);
}

net::Task<Result<void>> RelayLink::connect() {
  Result<void> opened = fail("there is none");
  for (size_t i = 0; i < relays_.size(); ++i) {
    Relay& relay = relays_[current_];
    auto socket = net::WebSocket::make(waits_.loop, relay.identity, relay.tls, kMessageBytesMax);
    const Waits::One wait(waits_, *socket);
    opened = co_await socket->open(relay.target, kConnectMax);
    if (opened) {
      socket_ = std::move(socket);
      co_return opened;
    }
    current_ = (current_ + 1) % relays_.size();
  }
  co_return opened;
}

net::Task<std::string> RelayLink::read_all() {
  const std::shared_ptr<net::WebSocket> socket = socket_;
  const Waits::One wait(waits_, *socket);
  for (;;) {
    const auto text = co_await socket->read();
    if (!text) co_return text.error().message;
    // What can not be read or is not signed is passed over: it ends nobody's request.
    if (const auto message = read_relay_message(*text)) take(*message);
  }
}

void RelayLink::send(Pending& pending) {
  pending.sent = true;
  pending.received_before = socket_->bytes_received();
  socket_->send(write_json(Json::array({"REQ", pending.name, pending.ask.filter})));
  if (!pending.ask.publish) return;
  socket_->send(write_json(Json::array({"EVENT", write_event(*pending.ask.publish)})));
}

void RelayLink::take(const RelayMessage& message) {
  using Kind = RelayMessage::Kind;
  if (message.kind == Kind::refused) {
    for (const auto& [name, pending] : pending_) {
      const auto& event = pending->ask.publish;
      if (!event || to_hex(as_bytes_view(event->id)) != message.subject) continue;
      pending->end(false, "the relay refuses the request: " + shown(message.text));
    }
    return;
  }
  const auto found = pending_.find(message.subject);
  if (found == pending_.end()) return;
  Pending& pending = *found->second;
  if (message.kind == Kind::event && !pending.ended && !pending.on_event(message.event)) {
    pending.end(true, "");
  } else if (message.kind == Kind::all_sent && pending.ask.only_stored) {
    pending.end(false, "");
  } else if (message.kind == Kind::closed) {
    pending.end(false, "the relay answers no questions: " + shown(message.text));
  }
}

void RelayLink::end_all(const std::string& why) {
  for (const auto& [name, pending] : pending_)
    pending->end(false, why);
}

}  // namespace satgate::node
