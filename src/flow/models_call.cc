#include "flow/models_call.h"

#include "base/json_out.h"
#include "dialect/model_list.h"
#include "flow/price_json.h"
#include "flow/respond.h"

namespace satgate::flow {

net::Task<bool> ModelsCall::add_content(SipHash&) {
  co_return true;
}

std::optional<std::string_view> ModelsCall::change(std::string& answer) {
  const Caller caller = caller_of(worker_, settings_, credential());
  auto narrowed = dialect::narrow_models(
      answer, [&](std::string_view model) { return price_of(caller, model); });
  if (!narrowed) return "The upstream's list of models can not be read.";
  answer = std::move(*narrowed);
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
  if (answer_.empty() && head_->status < 300) {
    co_return co_await respond_error(http_, protocol(), call_.id, 404, "model_not_found",
                                     "There is no such model that this token may use.");
  }
  co_await WholeCall::complete(settled);
}

}  // namespace satgate::flow
