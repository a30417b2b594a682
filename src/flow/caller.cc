#include "flow/caller.h"

#include "token/verifier.h"

namespace satgate::flow {

std::string_view Caller::name() const {
  return record ? std::string_view(record->name) : std::string_view("anonymous");
}

bool Caller::may_make(const Call& call, const Settings& settings) const {
  if (call.mode == Mode::observe) return true;
  return token && record && !token::permits(*token, call, settings.audiences);
}

Caller caller_of(Worker& worker, const Settings& settings, const Credential& credential) {
  Caller caller;
  const Result<Credential> acting = worker.as_token(credential, settings);
  if (!acting || acting->kind != Credential::Kind::token) return caller;
  if (auto verified = worker.verifier.verify(acting->text)) {
    caller.record = worker.gateway.bank.directory().token(verified->token()).value_or(nullptr);
    caller.token.emplace(std::move(*verified));
  }
  return caller;
}

}  // namespace satgate::flow
