#include "payment/seller_challenge.h"

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/text.h"
#include "payment/auth_challenges.h"
#include "payment/jcs.h"
#include "payment/l402.h"

namespace satgate::payment {
namespace {

using nlohmann::json;

constexpr std::string_view kPayment = "Payment";
constexpr size_t kTicketBytesMax = 8 * 1024;  // it must fit into the head of a request

// The invoice in the `request` of a charge: base64url of JSON.
Result<std::string> invoice_of(std::string_view request) {
  if (request.size() > kTicketBytesMax) return fail("the challenge is too large");
  const std::optional<std::string> text = base64_decode(request);
  if (!text || !canonical_json(*text)) return fail("its request is not base64url of JSON");
  const json charge = json::parse(*text, nullptr, false);
  const json::json_pointer where("/methodDetails/invoice");
  if (!charge.is_object() || !charge.contains(where) || !charge.at(where).is_string()) {
    return fail("its request has no invoice");
  }
  std::string invoice = charge.at(where).get<std::string>();
  if (invoice.size() > limits::invoice_bytes_max) return fail("the invoice is too large");
  return invoice;
}

Result<SellerChallenge> read_charge(const AuthChallenge& challenge) {
  const auto request = challenge.find("request");
  if (challenge.find("method") != "lightning" || challenge.find("intent") != "charge" || !request ||
      !challenge.find("id")) {
    return fail("it is of another method or intent");
  }
  SellerChallenge asked;
  asked.scheme = kPayment;
  TRY_ASSIGN(asked.invoice, invoice_of(*request));
  json echo = json::object();
  for (const auto& [name, value] : challenge.params) {
    if (!echo.contains(name)) echo[name] = value;
  }
  asked.ticket = echo.dump(-1, ' ', false, json::error_handler_t::replace);
  if (asked.ticket.size() > kTicketBytesMax) return fail("the challenge is too large");
  return asked;
}

}  // namespace

Result<SellerChallenge> read_seller_challenge(std::span<const std::string_view> www_authenticate) {
  if (auto l402 = read_challenge(www_authenticate)) {
    return SellerChallenge{std::move(l402->scheme), std::move(l402->macaroon),
                           std::move(l402->invoice)};
  }
  for (const std::string_view value : www_authenticate) {
    for (const AuthChallenge& challenge : read_auth_challenges(value)) {
      if (!equals_ignore_case(challenge.scheme, kPayment)) continue;
      if (auto charge = read_charge(challenge)) return charge;
    }
  }
  return fail("no challenge that asks for a payment over Lightning");
}

bool is_good_once(std::string_view scheme) {
  return scheme == kPayment;
}

std::string write_seller_credential(std::string_view scheme, std::string_view ticket,
                                    const Hash256& preimage) {
  const std::string proof = to_hex(as_bytes_view(preimage));
  if (scheme != kPayment) return std::string(scheme) + ' ' + std::string(ticket) + ':' + proof;
  json credential = {{"challenge", json::parse(ticket, nullptr, false)},
                     {"payload", {{"preimage", proof}}}};
  return std::string(kPayment) + ' ' +
         base64url_encode(credential.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace satgate::payment
