#include "flow/whole_call.h"

#include "flow/respond.h"

namespace satgate::flow {

WholeCall::WholeCall(Worker& worker, const Settings& settings, net::ServerExchange& http,
                     const Route& route, Call& call)
    : HttpConversation(worker, settings, http, call), route_(route) {}

net::Task<Outcome> WholeCall::forward(const Passing& passing) {
  passing_ = passing;
  std::optional<Fault> fault = co_await fetch();
  if (!fault && head_->status < 300) fault = judge();
  Outcome outcome;
  outcome.http_status = fault ? fault->http_status : head_->status;
  outcome.fault = std::move(fault);
  co_return outcome;
}

std::optional<Fault> WholeCall::judge() {
  const std::optional<std::string_view> complaint = change(answer_);
  if (!complaint) return std::nullopt;
  Fault fault;
  fault.source = Fault::Source::upstream;
  fault.sent_upstream = true;
  fault.message = *complaint;
  return fault;
}

net::Task<std::optional<Fault>> WholeCall::fetch() {
  const Upstream& upstream = settings_.upstreams[route_.upstream];
  upstream_call_.emplace(worker_.pool, upstream.identity, client_options(settings_));
  const net::CancelWhenGone guard(http_, *upstream_call_);
  upstream_target(worker_.target, upstream, route_, call_);
  write_upstream_head(*upstream_call_, http_.request(), upstream, worker_.target,
                      settings_.api_keys, {.plain_text = true});
  auto sent = co_await upstream_call_->send({});
  if (!sent) co_return std::move(sent.error());
  auto head = co_await upstream_call_->read_head();
  if (!head) co_return std::move(head.error());
  head_ = *head;
  auto answer = co_await upstream_call_->read_all(settings_.body_bytes_max);
  if (!answer) co_return std::move(answer.error());
  answer_ = *answer;
  co_return std::nullopt;
}

net::Task<> WholeCall::complete(const Settled& settled) {
  wire::HeadWriter& writer = write_client_head(http_, *head_);
  write_call_fields(writer, call_, passing_, settled, settings_.currency);
  write_receipt(writer, head_->status, passing_);
  (void)co_await http_.send(answer_);
}

}  // namespace satgate::flow
