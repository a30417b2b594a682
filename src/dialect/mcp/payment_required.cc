#include "dialect/mcp/payment_required.h"

#include "base/json_out.h"
#include "dialect/denial.h"
#include "dialect/mcp/message.h"

namespace satgate::dialect::mcp {

void append_payment_required(std::string& out, std::string_view id, const Denial& denial,
                             const RequestId& request, const PaymentTerms& terms) {
  RpcError error{.code = kPaymentRequired, .message = denial.message};
  JsonOut data(error.data);
  data.object().key("httpStatus").integer(402);
  if (!terms.challenge.empty()) data.key("challenges").array().raw(terms.challenge).end_array();
  data.key("l402").object().key("macaroon").string(terms.macaroon);
  data.key("invoice").string(terms.invoice).key("version").string("0").end();
  data.key("problem").object();
  data.key("type").string("https://paymentauth.org/problems/payment-required");
  data.key("title").string("Payment Required").key("status").integer(402);
  data.key("detail").string(denial.message).end();
  data.key("error").string(code(denial.refusal)).key("message").string(denial.message);
  append_denial_members(data, denial, request);
  data.end();
  append_error(out, id, error);
}

}  // namespace satgate::dialect::mcp
