#include "payment/mpp.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/limits.h"
#include "base/text.h"
#include "payment/jcs.h"

namespace satgate::payment {
namespace {

using nlohmann::json;

constexpr std::string_view kMethod = "lightning";
constexpr std::string_view kIntent = "charge";
// Parameters of a challenge in the order of the id's slots; absent ones are empty.
constexpr std::array<const char*, 7> kSlots = {"realm",   "method", "intent", "request",
                                               "expires", "digest", "opaque"};

std::string id_of(const json& challenge, std::string_view secret) {
  std::string input;
  for (const char* slot : kSlots) {
    if (!input.empty() || slot != kSlots.front()) input += '|';
    if (const auto found = challenge.find(slot); found != challenge.end()) {
      input += found->get_ref<const std::string&>();
    }
  }
  return base64url_encode(as_bytes_view(hmac_sha256(secret, input)));
}

Result<std::string> packed(const json& value) {
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  TRY_ASSIGN(const std::string canonical, canonical_json(text));
  return base64url_encode(canonical);
}

// A quoted-string (RFC 9110, 5.6.4).
std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

// An object in which every name stands once, and no text twice as deep as it may be.
Result<json> parse_object(std::string_view text) {
  if (auto canonical = canonical_json(text); !canonical) return std::unexpected(canonical.error());
  std::vector<std::vector<std::string>> names;
  bool doubled = false;
  const json::parser_callback_t once = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& name = value.get_ref<const std::string&>();
      doubled = doubled || std::ranges::find(names.back(), name) != names.back().end();
      names.back().push_back(name);
    }
    return true;
  };
  json object = json::parse(text, once, false);
  if (object.is_discarded() || !object.is_object()) return fail("it is not a JSON object");
  if (doubled) return fail("a member stands twice");
  return object;
}

Result<std::string> text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) {
    return fail(fmt::format("'{}' is missing, or no text", name));
  }
  return found->get<std::string>();
}

Result<json> unpacked(std::string_view base64url) {
  if (base64url.size() > limits::mpp_credential_bytes_max) return fail("it is too large");
  const std::optional<std::string> text = base64_decode(base64url);
  if (!text) return fail("it is not base64url");
  return parse_object(*text);
}

Result<Hash256> hash_of(const json& object, const char* name) {
  TRY_ASSIGN(const std::string digits, text_of(object, name));
  const std::optional<std::string> bytes = from_hex(digits);
  Hash256 hash{};
  if (!bytes || bytes->size() != hash.size()) {
    return fail(fmt::format("'{}' is not 64 hex digits", name));
  }
  std::ranges::copy(*bytes, hash.begin());
  return hash;
}

// Whether the id says that we have sent all of this.
Result<void> prove(const json& challenge, std::span<const std::string> secrets) {
  TRY_ASSIGN(const std::string id, text_of(challenge, "id"));
  for (const char* slot : kSlots) {
    if (challenge.contains(slot)) TRY(text_of(challenge, slot));
  }
  const bool holds = std::ranges::any_of(secrets, [&](const std::string& secret) {
    return equal_constant_time(id_of(challenge, secret), id);
  });
  if (!holds) return fail("it does not answer a challenge of this gateway");
  TRY_ASSIGN(const std::string method, text_of(challenge, "method"));
  TRY_ASSIGN(const std::string intent, text_of(challenge, "intent"));
  if (method != kMethod || intent != kIntent) return fail("it is of another method or intent");
  return {};
}

}  // namespace

Result<std::string> write_payment_challenge(const ChargeRequest& request, std::string_view secret) {
  json details = {{"invoice", request.bolt11},
                  {"network", request.network},
                  {"paymentHash", to_hex(as_bytes_view(request.payment_hash))}};
  json wanted = {{"amount", fmt::format("{}", request.amount_sats)},
                 {"currency", "sat"},
                 {"methodDetails", std::move(details)}};
  if (!request.description.empty()) wanted["description"] = request.description;
  json challenge = {{"realm", request.realm}, {"method", kMethod}, {"intent", kIntent}};
  TRY_ASSIGN(challenge["request"], packed(wanted));
  challenge["expires"] = format_rfc3339(request.expires);
  TRY_ASSIGN(challenge["opaque"], packed({{"token", request.token}}));
  std::string out = "Payment id=" + quoted_string(id_of(challenge, secret));
  for (const char* slot : kSlots) {
    if (!challenge.contains(slot)) continue;
    out +=
        fmt::format(", {}={}", slot, quoted_string(challenge[slot].get_ref<const std::string&>()));
  }
  return out;
}

Result<PaymentCredential> read_payment_credential(std::string_view credential,
                                                  std::span<const std::string> secrets) {
  TRY_ASSIGN(const json object, unpacked(credential));
  const auto challenge = object.find("challenge");
  const auto payload = object.find("payload");
  if (challenge == object.end() || !challenge->is_object() || payload == object.end() ||
      !payload->is_object()) {
    return fail("'challenge' or 'payload' is missing");
  }
  TRY(prove(*challenge, secrets));
  PaymentCredential out;
  TRY_ASSIGN(out.challenge_id, text_of(*challenge, "id"));
  TRY_ASSIGN(out.preimage, hash_of(*payload, "preimage"));
  TRY_ASSIGN(const std::string opaque, text_of(*challenge, "opaque"));
  TRY_ASSIGN(const json carried, unpacked(opaque));
  TRY_ASSIGN(out.token, text_of(carried, "token"));
  TRY_ASSIGN(const std::string packed_request, text_of(*challenge, "request"));
  TRY_ASSIGN(const json request, unpacked(packed_request));
  const auto details = request.find("methodDetails");
  if (details == request.end()) return fail("'methodDetails' is missing");
  TRY_ASSIGN(out.payment_hash, hash_of(*details, "paymentHash"));
  return out;
}

std::string write_payment_receipt(const Hash256& payment_hash, std::string_view challenge_id,
                                  Time now) {
  const json receipt = {{"challengeId", challenge_id},
                        {"method", kMethod},
                        {"reference", to_hex(as_bytes_view(payment_hash))},
                        {"status", "success"},
                        {"timestamp", format_rfc3339(now)}};
  return base64url_encode(receipt.dump());
}

bool accepts_lightning_charge(std::string_view accept_payment) {
  for (const std::string_view item : split(accept_payment, ',')) {
    const std::vector<std::string_view> parts = split(item, ';');
    const std::string name = lowercase(parts.front());
    const bool named = name == "lightning/charge" || name == "lightning/*" || name == "lightning" ||
                       name == "*/*" || name == "*";
    const bool refused = std::ranges::any_of(parts, [](std::string_view part) {
      if (!part.starts_with("q=") && !part.starts_with("Q=")) return false;
      return part.substr(2).find_first_not_of("0.") == part.npos;
    });
    if (named && !refused) return true;
  }
  return false;
}

}  // namespace satgate::payment
