#include "flow/caller.h"

#include "token/verifier.h"

namespace satgate::flow {
namespace {

// Whoever has nothing yet, or has paid for something.
bool is_of_a_buyer(Credential::Kind kind) {
  return kind == Credential::Kind::none || kind == Credential::Kind::paid ||
         kind == Credential::Kind::payment || kind == Credential::Kind::malformed;
}

}  // namespace

std::string_view Caller::name() const {
  return record ? std::string_view(record->name) : std::string_view("anonymous");
}

bool Caller::may_make(const Call& call, const Settings& settings) const {
  if (call.mode == Mode::observe) return true;
  if (may_pay && call.mode == Mode::charge) return true;
  return token && record && !token::permits(*token, call, settings.audiences);
}

Caller caller_of(Worker& worker, const Settings& settings, const Credential& credential) {
  Caller caller;
  const Result<Credential> acting = worker.as_token(credential, settings);
  caller.may_pay = acting && worker.gateway.paywall && is_of_a_buyer(acting->kind);
  if (!acting || acting->kind != Credential::Kind::token) return caller;
  if (auto verified = worker.verifier.verify(acting->text)) {
    caller.record = worker.gateway.bank.directory().token(verified->token()).value_or(nullptr);
    caller.token.emplace(std::move(*verified));
  }
  return caller;
}

}  // namespace satgate::flow
