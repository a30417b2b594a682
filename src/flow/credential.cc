#include "flow/credential.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.h"

namespace satgate::flow {
namespace {

constexpr std::array<std::string_view, 5> kCredentialFields = {
    "authorization", "x-api-key", "api-key", "macaroon", "grpc-metadata-macaroon"};

bool is_key_field(std::string_view name) {
  return equals_ignore_case(name, "x-api-key") || equals_ignore_case(name, "api-key");
}

// One of ours by itself, or as a part of something: "user:sg_...", "token=sg_...".
bool holds_ours(std::string_view text, const ApiKeys& ours) {
  if (looks_like_token(text) || ours.find(text) != nullptr) return true;
  constexpr std::string_view separators = " \t:,;=\"";
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find_first_of(separators));
    if (part.starts_with("sg_") || ours.find(part) != nullptr) return true;
    text.remove_prefix(std::min(part.size() + 1, text.size()));
  }
  return false;
}

// "Bearer abc" -> {"Bearer", "abc"}
std::pair<std::string_view, std::string_view> split_scheme(std::string_view value) {
  const size_t space = value.find(' ');
  if (space == value.npos) return {value, {}};
  return {value.substr(0, space), trim(value.substr(space))};
}

Credential read_authorization(std::string_view value) {
  const auto [scheme, rest] = split_scheme(value);
  if (!equals_ignore_case(scheme, "bearer")) return {Credential::Kind::foreign, {}};
  if (!looks_like_token(rest)) return {Credential::Kind::foreign, rest};
  return {Credential::Kind::token, rest};
}

}  // namespace

bool looks_like_token(std::string_view text) {
  return text.starts_with("sg_") || text.starts_with("Ag") || text.starts_with("AQ");
}

Credential find_credential(const wire::Fields& fields) {
  Credential found;
  for (const wire::Field& field : fields) {
    for (const std::string_view name : kCredentialFields) {
      if (!equals_ignore_case(field.name, name)) continue;
      if (found.kind != Credential::Kind::none) return {Credential::Kind::ambiguous, {}};
      if (name == "authorization") {
        found = read_authorization(field.value);
      } else if (is_key_field(name) && !looks_like_token(field.value)) {
        found = {Credential::Kind::foreign, field.value};
      } else {
        found = {Credential::Kind::token, field.value};
      }
    }
  }
  return found;
}

bool is_credential_field(std::string_view name) {
  return std::ranges::any_of(kCredentialFields, [&](std::string_view credential) {
    return equals_ignore_case(name, credential);
  });
}

bool is_foreign_credential(const wire::Field& field, const ApiKeys& ours) {
  if (is_key_field(field.name)) return !holds_ours(field.value, ours);
  if (!equals_ignore_case(field.name, "authorization")) return false;
  const auto [scheme, rest] = split_scheme(field.value);
  if (equals_ignore_case(scheme, "l402") || equals_ignore_case(scheme, "lsat")) return false;
  if (equals_ignore_case(scheme, "basic")) {
    const auto pair = base64_decode(rest);
    if (pair && holds_ours(*pair, ours)) return false;
  }
  return !holds_ours(rest, ours) && !holds_ours(scheme, ours);
}

bool is_gateway_field(std::string_view name) {
  constexpr std::string_view ours = "x-satgate-";
  if (name.size() >= ours.size() && equals_ignore_case(name.substr(0, ours.size()), ours)) {
    return true;
  }
  return equals_ignore_case(name, "x-cost-per-call") ||
         equals_ignore_case(name, "x-budget-remaining") || equals_ignore_case(name, "x-request-id");
}

}  // namespace satgate::flow
