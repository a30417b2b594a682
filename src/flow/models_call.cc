#include "flow/models_call.h"

#include "base/json_out.h"
#include "dialect/model_list.h"
#include "flow/credential.h"
#include "flow/price_json.h"
#include "flow/respond.h"

namespace satgate::flow {

ModelsCall::ModelsCall(Worker& worker, const Settings& settings, net::ServerExchange& http,
                       const Route& route, const Call& call)
    : worker_(worker), settings_(settings), http_(http), route_(route), call_(call) {}

Credential ModelsCall::credential() const {
  return find_credential(http_.request().fields);
}

net::Task<bool> ModelsCall::add_content(SipHash&) {
  co_return true;
}

net::Task<Outcome> ModelsCall::forward(const Passing& passing) {
  passing_ = passing;
  std::optional<Fault> fault = co_await fetch();
  if (!fault && head_->status == 200) fault = narrow();
  Outcome outcome;
  outcome.http_status = fault ? fault->http_status : head_->status;
  outcome.fault = std::move(fault);
  co_return outcome;
}

net::Task<std::optional<Fault>> ModelsCall::fetch() {
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

std::optional<Fault> ModelsCall::narrow() {
  const Caller caller = caller_of(worker_, settings_, credential());
  auto narrowed = dialect::narrow_models(
      answer_, [&](std::string_view model) { return price_of(caller, model); });
  if (!narrowed) {
    Fault fault;
    fault.source = Fault::Source::upstream;
    fault.sent_upstream = true;
    fault.message = "The upstream's list of models can not be read.";
    return fault;
  }
  answer_ = std::move(*narrowed);
  return std::nullopt;
}

// What has no price can not be called in control.
std::optional<std::string> ModelsCall::price_of(const Caller& caller,
                                                std::string_view model) const {
  Call call = call_;
  call.model = model;
  call.lists_models = false;
  if (!caller.may_make(call, settings_)) return std::nullopt;
  const auto offer = settings_.tariff->offer_of_model(model);
  if (!offer && call_.mode != Mode::observe) return std::nullopt;
  if (!offer) return std::string();
  std::string text;
  JsonOut out(text);
  out.object();
  append_price(out, *offer);
  out.key("unit").string("credits").end();
  return text;
}

Protocol ModelsCall::protocol() const {
  const bool anthropic = settings_.upstreams[route_.upstream].kind == UpstreamKind::anthropic;
  return anthropic ? Protocol::anthropic : Protocol::openai;
}

net::Task<> ModelsCall::complete(const Settled& settled) {
  if (answer_.empty() && head_->status == 200) {
    co_return co_await respond_error(http_, protocol(), call_.id, 404, "model_not_found",
                                     "There is no such model that this token may use.");
  }
  wire::HeadWriter& writer = write_client_head(http_, *head_);
  write_call_fields(writer, call_, passing_, settled, settings_.currency);
  (void)co_await http_.send(answer_);
}

net::Task<> ModelsCall::refuse(const Denial& denial) {
  co_await respond_denial(http_, call_, denial, settings_);
}

net::Task<> ModelsCall::fail(const Fault& fault) {
  co_await respond_fault(http_, call_, fault);
}

}  // namespace satgate::flow
