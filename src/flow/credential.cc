#include "flow/credential.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/fixed_vector.h"
#include "base/text.h"
#include "payment/l402.h"
#include "payment/mpp.h"

namespace satgate::flow {
namespace {

// Clients of aperture send two, with LSAT and L402.
constexpr size_t kAuthorizationsMax = 4;

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
  if (equals_ignore_case(scheme, "payment")) {
    return Credential::of(Credential::Kind::payment, rest);
  }
  if (!equals_ignore_case(scheme, "bearer")) return Credential::of(Credential::Kind::foreign);
  const bool ours = looks_like_token(rest);
  return Credential::of(ours ? Credential::Kind::token : Credential::Kind::foreign, rest);
}

}  // namespace

bool looks_like_token(std::string_view text) {
  return text.starts_with("sg_") || text.starts_with("Ag") || text.starts_with("AQ");
}

namespace {

bool is_l402(std::string_view authorization) {
  const std::string_view scheme = split_scheme(authorization).first;
  return equals_ignore_case(scheme, "l402") || equals_ignore_case(scheme, "lsat");
}

// Whether any Authorization is of L402: rare, so that others pay for a look at their first letter.
bool names_l402(const wire::Fields& fields) {
  return std::ranges::any_of(fields, [](const wire::Field& field) {
    return equals_ignore_case(field.name, "authorization") && is_l402(field.value);
  });
}

// The whole list, as it was sent.
std::string_view list_of(std::span<const std::string_view> macaroons) {
  const char* begin = macaroons.front().data();
  return {begin, static_cast<size_t>(macaroons.back().data() + macaroons.back().size() - begin)};
}

Credential find_paid(const wire::Fields& fields) {
  FixedVector<std::string_view, kAuthorizationsMax> values;
  for (const wire::Field& field : fields) {
    if (!is_credential_field(field.name)) continue;
    // An upstream could read the other one.
    if (!equals_ignore_case(field.name, "authorization") || values.full()) {
      return Credential::of(Credential::Kind::ambiguous);
    }
    values.push_back(field.value);
  }
  const payment::L402Credential found = payment::read_l402(values.view(), {});
  const bool only_l402 = std::ranges::all_of(values.view(), is_l402);
  if (!only_l402 || found.kind == payment::L402Credential::Kind::ambiguous) {
    return Credential::of(Credential::Kind::ambiguous);
  }
  if (found.kind != payment::L402Credential::Kind::paid) {
    return Credential::of(Credential::Kind::malformed);
  }
  return {Credential::Kind::paid, list_of(found.macaroons.view()), found.preimage};
}

}  // namespace

Credential find_credential(const wire::Fields& fields) {
  if (names_l402(fields)) return find_paid(fields);
  Credential found;
  for (const wire::Field& field : fields) {
    for (const std::string_view name : kCredentialFields) {
      if (!equals_ignore_case(field.name, name)) continue;
      if (found.kind != Credential::Kind::none) return Credential::of(Credential::Kind::ambiguous);
      if (name == "authorization") {
        found = read_authorization(field.value);
      } else if (is_key_field(name) && !looks_like_token(field.value)) {
        found = Credential::of(Credential::Kind::foreign, field.value);
      } else {
        found = Credential::of(Credential::Kind::token, field.value);
      }
    }
  }
  return found;
}

Credential read_payment(std::string_view authorization) {
  if (is_l402(authorization)) {
    const payment::L402Credential found = payment::read_l402(std::array{authorization}, {});
    if (found.kind == payment::L402Credential::Kind::paid) {
      return {Credential::Kind::paid, list_of(found.macaroons.view()), found.preimage};
    }
  } else if (const Credential other = read_authorization(authorization);
             other.kind == Credential::Kind::payment) {
    return other;
  }
  return Credential::of(Credential::Kind::malformed);
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
  if (is_l402(field.value) || equals_ignore_case(scheme, "payment")) return false;
  if (equals_ignore_case(scheme, "basic")) {
    const auto pair = base64_decode(rest);
    if (pair && holds_ours(*pair, ours)) return false;
  }
  return !holds_ours(rest, ours) && !holds_ours(scheme, ours);
}

bool signals_payment(const wire::Fields& fields) {
  return std::ranges::any_of(fields, [](const wire::Field& field) {
    if (equals_ignore_case(field.name, "accept-payment")) {
      return payment::accepts_lightning_charge(field.value);
    }
    if (equals_ignore_case(field.name, "x-l402")) return true;
    if (!equals_ignore_case(field.name, "accept")) return false;
    return lowercase(field.value).find("l402") != std::string::npos;
  });
}

bool asks_payment_scheme(const wire::Fields& fields) {
  return payment::accepts_lightning_charge(fields.find("accept-payment").value_or(""));
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
