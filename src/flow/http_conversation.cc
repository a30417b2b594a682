#include "flow/http_conversation.h"

#include "flow/credential.h"
#include "flow/respond.h"

namespace satgate::flow {

Credential HttpConversation::credential() const {
  return find_credential(http_.request().fields);
}

Payer HttpConversation::payer() const {
  const wire::Fields& fields = http_.request().fields;
  return {http_.remote_address(), signals_payment(fields), asks_payment_scheme(fields)};
}

std::string_view HttpConversation::field(std::string_view name) const {
  return http_.request().fields.find_single(name).value_or("");
}

net::Task<> HttpConversation::refuse(const Denial& denial) {
  co_await respond_denial(http_, call_, denial, settings_);
}

net::Task<> HttpConversation::fail(const Fault& fault) {
  co_await respond_fault(http_, call_, fault);
}

}  // namespace satgate::flow
