#include "flow/http_call.h"

#include <algorithm>

#include "flow/respond.h"

namespace satgate::flow {

HttpCall::HttpCall(Worker& worker, const Settings& settings, net::ServerExchange& http,
                   const Route& route, Call& call)
    : HttpConversation(worker, settings, http, call), route_(route) {}

net::Task<bool> HttpCall::add_content(SipHash& fingerprint) {
  // Who asks again and again for an answer that is being made is in no loop.
  if (call_.asks_stored || !is_sent_whole(http_.request().framing)) co_return false;
  const auto body = co_await read_whole(http_);
  read_ahead_ = body;
  if (!body) co_return false;
  fingerprint.part(*body);
  co_return true;
}

std::optional<Money> HttpCall::purchase_max() const {
  if (!route_.pay || !worker_.gateway.buyer) return std::nullopt;
  return route_.pay->max;
}

net::Task<Outcome> HttpCall::forward(const Passing& passing) {
  passing_ = passing;
  std::optional<Shopper> shopper;
  if (passing.purchase) shopper.emplace(worker_, settings_, route_, call_, *passing.purchase);
  std::optional<Fault> fault;
  if (shopper) {
    fault = co_await ask_and_buy(*shopper);
    if (passing_.price) *passing_.price -= passing.purchase->max - shopper->bought();
  } else {
    begin_upstream({});
    fault = co_await ask(false);
  }
  if (!fault) fault = co_await hand_on();
  guard_.reset();
  Outcome outcome;
  outcome.http_status = fault ? fault->http_status : head_->status;
  if (!fault) outcome.upstream_cost = told_cost(*head_);
  outcome.fault = std::move(fault);
  if (shopper) shopper->tell(outcome);
  co_return outcome;
}

void HttpCall::begin_upstream(std::string_view authorization) {
  const Upstream& upstream = settings_.upstreams[route_.upstream];
  guard_.reset();
  upstream_call_.emplace(worker_.pool, upstream.identity, client_options(settings_));
  guard_.emplace(http_, *upstream_call_);
  upstream_target(worker_.target, upstream, route_, call_);
  write_upstream_head(*upstream_call_, http_.request(), upstream, worker_.target,
                      settings_.api_keys, {.authorization = authorization});
}

net::Task<std::optional<Fault>> HttpCall::ask(bool whole) {
  std::expected<void, Fault> sent;
  if (whole) {
    sent = co_await upstream_call_->send(**read_ahead_);
  } else {
    sent = co_await send_request(http_, *upstream_call_, read_ahead_);
  }
  if (!sent) co_return std::move(sent.error());
  auto head = co_await upstream_call_->read_head();
  if (!head) co_return std::move(head.error());
  head_ = *head;
  co_return std::nullopt;
}

// The request may be sent several times, so its body is read first.
net::Task<std::optional<Fault>> HttpCall::ask_and_buy(Shopper& shopper) {
  if (!read_ahead_) {
    read_ahead_.emplace(std::string_view());
    if (!http_.request().framing.is_empty()) {
      read_ahead_ = co_await http_.read_body_all(settings_.body_bytes_max);
    }
  }
  if (!*read_ahead_) co_return read_ahead_->error();
  while (true) {
    begin_upstream(shopper.authorization());
    auto fault = co_await ask(true);
    if (fault) co_return shopper.blame(std::move(*fault));
    const Shopper::Verdict verdict = co_await shopper.judge(*head_);
    if (verdict == Shopper::Verdict::hand_on) co_return std::nullopt;
    if (verdict == Shopper::Verdict::fail) co_return shopper.fault();
  }
}

net::Task<std::optional<Fault>> HttpCall::hand_on() {
  const wire::BodyFraming framing = head_->framing;
  const bool small = framing.is_empty() || (framing.kind == wire::BodyFraming::Kind::length &&
                                            framing.bytes <= limits::stream_window_bytes);
  std::optional<Fault> fault;
  if (small) {
    fault = co_await hold_body(*head_);
  } else {
    fault = co_await relay_body(*head_);
  }
  // Whoever broke it off, the request had left by now.
  if (fault) fault->sent_upstream = true;
  co_return fault;
}

// In credits or with a unit, as amounts in the config.
std::optional<Money> HttpCall::told_cost(const wire::ResponseHead& head) const {
  if (passing_.cost_field.empty()) return std::nullopt;
  const auto text = head.fields.find_single(passing_.cost_field);
  if (!text) return std::nullopt;
  const Result<Money> amount = parse_amount(*text, settings_.currency);
  return amount ? std::optional(*amount) : std::nullopt;
}

net::Task<std::optional<Fault>> HttpCall::hold_body(const wire::ResponseHead& head) {
  if (head.framing.is_empty()) co_return std::nullopt;
  auto body = co_await upstream_call_->read_all(limits::stream_window_bytes);
  if (!body) co_return std::move(body.error());
  body_ = *body;
  co_return std::nullopt;
}

// Large or endless answers go on as they come. What ends them is kept back: the last piece of a
// known length, the final chunk otherwise.
net::Task<std::optional<Fault>> HttpCall::relay_body(const wire::ResponseHead& head) {
  wire::HeadWriter& writer = write_client_head(http_, head);
  write_call_fields(writer, call_, passing_, {}, settings_.currency);
  write_receipt(writer, head.status, passing_);
  const bool has_length = head.framing.kind == wire::BodyFraming::Kind::length;
  const wire::BodyFraming framing = has_length ? head.framing : wire::BodyFraming::chunked();
  auto started = co_await http_.start(framing);
  if (!started) co_return std::move(started.error());
  uint64_t left = head.framing.bytes;
  while (true) {
    auto piece = co_await upstream_call_->read_some();
    if (!piece) co_return std::move(piece.error());
    if (piece->empty()) co_return std::nullopt;
    if (has_length) {
      left -= std::min<uint64_t>(left, piece->size());
      if (left == 0) {
        body_ = *piece;
        co_return std::nullopt;
      }
    }
    auto written = co_await http_.write(*piece);
    if (!written) co_return std::move(written.error());
  }
}

net::Task<> HttpCall::complete(const Settled& settled) {
  if (http_.response_started()) {
    (void)co_await http_.finish(body_);
    co_return;
  }
  wire::HeadWriter& writer = write_client_head(http_, *head_);
  write_call_fields(writer, call_, passing_, settled, settings_.currency);
  write_receipt(writer, head_->status, passing_);
  if (head_->described_length) writer.describe_length(*head_->described_length);
  (void)co_await http_.send(body_);
}

}  // namespace satgate::flow
