// A refusal is a call that was not allowed, with a stable code. This enum is the specification:
// numbers never change, order is precedence (the first that applies is reported; what came later
// says where it stands), there is no catch-all, and each has a test and a line in
// docs/reference/refusals.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/money.h"
#include "base/time.h"

namespace satgate {

enum class Refusal : uint8_t {
  // 401: who carries authority
  token_missing = 1,
  token_malformed = 2,
  token_invalid = 3,
  token_revoked = 4,
  token_expired = 5,
  // 403: what the authority covers
  audience_denied = 6,
  depth_exceeded = 7,
  endpoint_denied = 8,  // also: method, upstream
  tool_denied = 9,
  model_denied = 10,
  approval_required = 11,
  approval_denied = 12,
  account_blocked = 13,  // an upstream reported more than was reserved; a person must clear it
  // 503: nothing can be decided
  price_unknown = 14,
  ledger_unavailable = 15,
  // 402 / 429: money and rate
  rate_limited = 16,
  request_exceeds_budget = 17,
  budget_exhausted = 18,
  budget_exceeded = 19,
  budget_in_flight = 20,
  payment_required = 21,
  // 429: the same call over and over; judged before money and rate
  loop_detected = 22,
  // 404, 403: an answer that lies at the provider, by who made it
  answer_unknown = 23,  // asked for, but nobody that the caller may speak for made it
  answer_denied = 24,   // to be gone on from, but somebody else made it
  // 503: whether something was paid, or how to pay for it, can not be found out right now
  payment_unavailable = 25,
};

inline constexpr std::array kAllRefusals = {
    Refusal::token_missing,       Refusal::token_malformed,        Refusal::token_invalid,
    Refusal::token_revoked,       Refusal::token_expired,          Refusal::audience_denied,
    Refusal::depth_exceeded,      Refusal::endpoint_denied,        Refusal::tool_denied,
    Refusal::model_denied,        Refusal::approval_required,      Refusal::approval_denied,
    Refusal::account_blocked,     Refusal::price_unknown,          Refusal::ledger_unavailable,
    Refusal::rate_limited,        Refusal::request_exceeds_budget, Refusal::budget_exhausted,
    Refusal::budget_exceeded,     Refusal::budget_in_flight,       Refusal::payment_required,
    Refusal::loop_detected,       Refusal::answer_unknown,         Refusal::answer_denied,
    Refusal::payment_unavailable,
};

// The word on the wire: "budget_exhausted".
std::string_view code(Refusal refusal);

// HTTP status by CONTRACT.md, "Denials". `budget_exceeded` is 402 here; routes may say 429.
int http_status(Refusal refusal);

// Whether the same call may pass later without anybody doing anything.
bool is_transient(Refusal refusal);

// Something cheaper the caller may do with this token right now.
struct Alternative {
  enum class Kind : uint8_t { model, tool, endpoint };
  Kind kind = Kind::endpoint;
  std::string name;
  Money cost;
};

// How a refused call can be paid for (L402): what a 402 says.
struct PaymentOffer {
  std::vector<std::string> challenges;  // values of WWW-Authenticate, in this order
  int64_t amount_sats = 0;
  std::string description;
  Time expires;  // of the invoice
};

// A refusal with what a machine needs to act on it. Unset fields are left out of the body.
struct Denial {
  Refusal refusal = Refusal::token_missing;
  std::string message;             // one sentence for a person or a model
  std::optional<Money> remaining;  // what the tightest account has left
  std::optional<Money> required;   // what this call needs
  std::optional<Money> limit;
  std::optional<Money> spent;
  std::optional<Time> resets_at;
  std::optional<int64_t> retry_after_seconds;  // only when waiting at most 60 s helps
  std::optional<Alternative> cheapest_alternative;
  std::string approval_id = {};  // what a person decides about; empty: nothing
  std::optional<PaymentOffer> offer = {};
};

}  // namespace satgate
