#include "flow/http_call.h"

#include <algorithm>

#include "flow/respond.h"

namespace satgate::flow {
namespace {

// The outcome of a call whose client or upstream broke off.
Outcome broken(Fault fault) {
  Outcome outcome;
  outcome.http_status = fault.http_status;
  outcome.fault = std::move(fault);
  return outcome;
}

}  // namespace

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

net::Task<Outcome> HttpCall::forward(const Passing& passing) {
  passing_ = passing;
  const Upstream& upstream = settings_.upstreams[route_.upstream];
  upstream_call_.emplace(worker_.pool, upstream.identity, client_options(settings_));
  const net::CancelWhenGone guard(http_, *upstream_call_);
  upstream_target(worker_.target, upstream, route_, call_);
  write_upstream_head(*upstream_call_, http_.request(), upstream, worker_.target,
                      settings_.api_keys, {});
  auto sent = co_await send_request(http_, *upstream_call_, read_ahead_);
  if (!sent) co_return broken(std::move(sent.error()));
  auto head = co_await upstream_call_->read_head();
  if (!head) co_return broken(std::move(head.error()));
  head_ = *head;
  const wire::BodyFraming framing = head_->framing;
  const bool small = framing.is_empty() || (framing.kind == wire::BodyFraming::Kind::length &&
                                            framing.bytes <= limits::stream_window_bytes);
  std::optional<Fault> fault;
  if (small) {
    fault = co_await hold_body(*head_);
  } else {
    fault = co_await relay_body(*head_);
  }
  if (fault) {
    // Whoever broke it off, the request had left by now.
    fault->sent_upstream = true;
    co_return broken(std::move(*fault));
  }
  Outcome outcome;
  outcome.http_status = head_->status;
  outcome.upstream_cost = told_cost(*head_);
  co_return outcome;
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
