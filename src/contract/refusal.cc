#include "contract/refusal.h"

#include <utility>

namespace satgate {

std::string_view code(Refusal refusal) {
  switch (refusal) {
    case Refusal::token_missing:
      return "token_missing";
    case Refusal::token_malformed:
      return "token_malformed";
    case Refusal::token_invalid:
      return "token_invalid";
    case Refusal::token_revoked:
      return "token_revoked";
    case Refusal::token_expired:
      return "token_expired";
    case Refusal::audience_denied:
      return "audience_denied";
    case Refusal::depth_exceeded:
      return "depth_exceeded";
    case Refusal::endpoint_denied:
      return "endpoint_denied";
    case Refusal::tool_denied:
      return "tool_denied";
    case Refusal::model_denied:
      return "model_denied";
    case Refusal::approval_required:
      return "approval_required";
    case Refusal::approval_denied:
      return "approval_denied";
    case Refusal::account_blocked:
      return "account_blocked";
    case Refusal::price_unknown:
      return "price_unknown";
    case Refusal::ledger_unavailable:
      return "ledger_unavailable";
    case Refusal::rate_limited:
      return "rate_limited";
    case Refusal::request_exceeds_budget:
      return "request_exceeds_budget";
    case Refusal::budget_exhausted:
      return "budget_exhausted";
    case Refusal::budget_exceeded:
      return "budget_exceeded";
    case Refusal::budget_in_flight:
      return "budget_in_flight";
    case Refusal::payment_required:
      return "payment_required";
    case Refusal::loop_detected:
      return "loop_detected";
    case Refusal::answer_unknown:
      return "answer_unknown";
    case Refusal::answer_denied:
      return "answer_denied";
    case Refusal::payment_unavailable:
      return "payment_unavailable";
  }
  std::unreachable();
}

int http_status(Refusal refusal) {
  switch (refusal) {
    case Refusal::token_missing:
    case Refusal::token_malformed:
    case Refusal::token_invalid:
    case Refusal::token_revoked:
    case Refusal::token_expired:
      return 401;
    case Refusal::audience_denied:
    case Refusal::depth_exceeded:
    case Refusal::endpoint_denied:
    case Refusal::tool_denied:
    case Refusal::model_denied:
    case Refusal::approval_required:
    case Refusal::approval_denied:
    case Refusal::account_blocked:
    case Refusal::answer_denied:
      return 403;
    case Refusal::answer_unknown:
      return 404;
    case Refusal::price_unknown:
    case Refusal::ledger_unavailable:
    case Refusal::payment_unavailable:
      return 503;
    case Refusal::rate_limited:
    case Refusal::loop_detected:
      return 429;
    case Refusal::request_exceeds_budget:
    case Refusal::budget_exhausted:
    case Refusal::budget_exceeded:
    case Refusal::budget_in_flight:
    case Refusal::payment_required:
      return 402;
  }
  std::unreachable();
}

bool is_transient(Refusal refusal) {
  switch (refusal) {
    case Refusal::ledger_unavailable:
    case Refusal::payment_unavailable:
    case Refusal::rate_limited:
    case Refusal::budget_exceeded:
    case Refusal::budget_in_flight:
    case Refusal::loop_detected:
      return true;
    case Refusal::token_missing:
    case Refusal::token_malformed:
    case Refusal::token_invalid:
    case Refusal::token_revoked:
    case Refusal::token_expired:
    case Refusal::audience_denied:
    case Refusal::depth_exceeded:
    case Refusal::endpoint_denied:
    case Refusal::tool_denied:
    case Refusal::model_denied:
    case Refusal::approval_required:
    case Refusal::approval_denied:
    case Refusal::account_blocked:
    case Refusal::price_unknown:
    case Refusal::request_exceeds_budget:
    case Refusal::budget_exhausted:
    case Refusal::payment_required:
    case Refusal::answer_unknown:
    case Refusal::answer_denied:
      return false;
  }
  std::unreachable();
}

}  // namespace satgate
