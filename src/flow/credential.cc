#include "flow/credential.h"

#include <array>

#include "base/text.h"

namespace satgate::flow {
namespace {

constexpr std::array<std::string_view, 4> kCredentialFields = {
    "authorization", "x-api-key", "macaroon", "grpc-metadata-macaroon"};

// Whether text could be one of our tokens: the prefix, or the first byte of a macaroon V2 (0x02) in
// base64. Anything else is somebody else's credential.
bool looks_like_token(std::string_view text) {
  return text.starts_with("sg_") || text.starts_with("Ag") || text.starts_with("AQ");
}

Credential read_authorization(std::string_view value) {
  const size_t space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  const std::string_view rest =
      space == value.npos ? std::string_view() : trim(value.substr(space));
  if (!equals_ignore_case(scheme, "bearer")) return {Credential::Kind::foreign, {}};
  if (!looks_like_token(rest)) return {Credential::Kind::foreign, rest};
  return {Credential::Kind::token, rest};
}

}  // namespace

Credential find_credential(const wire::Fields& fields) {
  Credential found;
  for (const wire::Field& field : fields) {
    for (const std::string_view name : kCredentialFields) {
      if (!equals_ignore_case(field.name, name)) continue;
      if (found.kind != Credential::Kind::none) return {Credential::Kind::ambiguous, {}};
      if (name == "authorization") {
        found = read_authorization(field.value);
      } else if (name == "x-api-key" && !looks_like_token(field.value)) {
        found = {Credential::Kind::foreign, field.value};
      } else {
        found = {Credential::Kind::token, field.value};
      }
    }
  }
  return found;
}

bool is_private_field(std::string_view name, bool keep_credentials) {
  for (const std::string_view credential : kCredentialFields) {
    if (equals_ignore_case(name, credential)) return !keep_credentials;
  }
  constexpr std::string_view ours = "x-satgate-";
  if (name.size() >= ours.size() && equals_ignore_case(name.substr(0, ours.size()), ours)) {
    return true;
  }
  return equals_ignore_case(name, "x-cost-per-call") ||
         equals_ignore_case(name, "x-budget-remaining") || equals_ignore_case(name, "x-request-id");
}

}  // namespace satgate::flow
