#include "flow/http_conversation.h"

#include "flow/credential.h"
#include "flow/respond.h"

namespace satgate::flow {

Credential HttpConversation::credential() const {
  return find_credential(http_.request().fields);
}

Payer HttpConversation::payer() const {
  return {http_.remote_address(), signals_payment(http_.request().fields)};
}

net::Task<> HttpConversation::refuse(const Denial& denial) {
  co_await respond_denial(http_, call_, denial, settings_);
}

net::Task<> HttpConversation::fail(const Fault& fault) {
  co_await respond_fault(http_, call_, fault);
}

}  // namespace satgate::flow
