#include "payment/mpp_json.h"

#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/text.h"
#include "payment/jcs.h"

namespace satgate::payment {
namespace {

using nlohmann::json;

constexpr std::string_view kScheme = "Payment ";

std::string printed(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// name="value", with the escapes of a quoted-string. Takes it off the front of `rest`.
bool take_parameter(std::string_view& rest, std::string& name, std::string& value) {
  const size_t equals = rest.find("=\"");
  if (equals == rest.npos) return false;
  name = trim(rest.substr(0, equals));
  value.clear();
  size_t at = equals + 2;
  for (; at < rest.size() && rest[at] != '"'; ++at) {
    if (rest[at] == '\\' && at + 1 < rest.size()) ++at;
    value += rest[at];
  }
  if (at == rest.size()) return false;
  rest.remove_prefix(at + 1);
  if (rest.starts_with(',')) rest.remove_prefix(1);
  return true;
}

}  // namespace

Result<std::string> payment_challenge_json(std::string_view www_authenticate) {
  if (!www_authenticate.starts_with(kScheme)) return fail("it is no challenge of this scheme");
  std::string_view rest = www_authenticate.substr(kScheme.size());
  json challenge = json::object();
  std::string name, value;
  while (take_parameter(rest, name, value))
    challenge[name] = value;
  const auto request = challenge.find("request");
  if (request == challenge.end()) return fail("it asks for nothing");
  const auto text = base64_decode(request->get_ref<const std::string&>());
  json unpacked = json::parse(text.value_or(""), nullptr, false);
  if (!unpacked.is_object()) return fail("what it asks for can not be read");
  *request = std::move(unpacked);
  return printed(challenge);
}

Result<std::string> payment_credential_text(std::string_view object) {
  if (object.size() > limits::mpp_credential_bytes_max) return fail("it is too large");
  // Refuses what is too deep, before anything else looks at it.
  TRY(canonical_json(object));
  json credential = json::parse(object, nullptr, false);
  if (!credential.is_object()) return fail("it is not an object");
  const auto challenge = credential.find("challenge");
  if (challenge == credential.end() || !challenge->is_object()) {
    return fail("'challenge' is missing");
  }
  // The id of a challenge is over their text.
  for (const char* name : {"request", "opaque"}) {
    const auto member = challenge->find(name);
    if (member == challenge->end() || !member->is_object()) continue;
    TRY_ASSIGN(const std::string canonical, canonical_json(printed(*member)));
    *member = base64url_encode(canonical);
  }
  return base64url_encode(printed(credential));
}

Result<std::string> payment_receipt_json(std::string_view payment_receipt) {
  const auto text = base64_decode(payment_receipt);
  const json receipt = json::parse(text.value_or(""), nullptr, false);
  if (!receipt.is_object()) return fail("it is no receipt");
  return printed(receipt);
}

}  // namespace satgate::payment
