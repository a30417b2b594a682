#include "flow/refusal_text.h"

#include <fmt/format.h>

#include <utility>

#include "base/text.h"

namespace satgate::flow {
namespace {

std::string subject_of(const Call& call) {
  if (!call.tool.empty()) return fmt::format("tool '{}'", call.tool);
  if (!call.batch_item.empty()) {
    return fmt::format("model '{}' of custom_id '{}'", call.model, call.batch_item);
  }
  if (!call.model.empty()) return fmt::format("model '{}'", call.model);
  return fmt::format("'{} {}'", call.method, call.endpoint);
}

std::string account_of(const PathEntry& entry) {
  switch (entry.kind) {
    case AccountKind::token:
    case AccountKind::paid:
      return "";
    case AccountKind::lineage:
      return fmt::format(" of {}", entry.label);
    case AccountKind::policy:
      return fmt::format(" of policy '{}'", entry.label);
    case AccountKind::tool:
      return fmt::format(" of '{}'", entry.label);
    case AccountKind::budget:
      return fmt::format(" of budget '{}'", entry.label);
    case AccountKind::rate:
      return fmt::format(" of '{}'", entry.label);
  }
  std::unreachable();
}

}  // namespace

std::string refusal_text(Refusal refusal, const Call& call) {
  switch (refusal) {
    case Refusal::token_missing:
      return "No token: send it as 'Authorization: Bearer sg_...'.";
    case Refusal::token_malformed:
      return "The credential is not a SatGate token.";
    case Refusal::token_invalid:
      return "The token was not issued here, or it was altered.";
    case Refusal::token_revoked:
      return "The token was revoked.";
    case Refusal::token_expired:
      return "The token has expired.";
    case Refusal::audience_denied:
      return "The token is meant for another audience.";
    case Refusal::depth_exceeded:
      return "The token was delegated further than its max_depth, or has too many budgets.";
    case Refusal::endpoint_denied:
      return fmt::format("The token does not cover {} at '{}'.", subject_of(call), call.upstream);
    case Refusal::tool_denied:
      return fmt::format("The token does not allow {}.", subject_of(call));
    case Refusal::model_denied:
      return fmt::format("The token does not allow {}.", subject_of(call));
    case Refusal::approval_required:
      return fmt::format("A person must approve {} first.", subject_of(call));
    case Refusal::approval_denied:
      return fmt::format("A person denied {}.", subject_of(call));
    case Refusal::account_blocked:
      return "Spending is blocked: an upstream reported more than was reserved. A person must "
             "clear "
             "it with 'satgate token unblock'.";
    case Refusal::price_unknown:
      if (!call.unbounded.empty()) {
        const std::string request =
            call.batch_item.empty() ? "" : fmt::format(" with custom_id '{}'", call.batch_item);
        return fmt::format(
            "'{}' in the request{} has no bounded price, so the call cannot be "
            "reserved.",
            call.unbounded, request);
      }
      return fmt::format("There is no price for {}, so it cannot be reserved.", subject_of(call));
    case Refusal::ledger_unavailable:
      return "The ledger cannot be written, so nothing may be spent right now.";
    case Refusal::rate_limited:
      return "Too many calls.";
    case Refusal::request_exceeds_budget:
      return "This call can never fit the budget.";
    case Refusal::budget_exhausted:
      return "The budget is exhausted.";
    case Refusal::budget_exceeded:
      return "The budget limit is exceeded.";
    case Refusal::budget_in_flight:
      return "The rest of the budget is held by calls in flight.";
    case Refusal::payment_required:
      return "Payment is required.";
    case Refusal::loop_detected:
      return fmt::format("The same call to {} was made too often: this looks like a loop.",
                         subject_of(call));
    case Refusal::answer_unknown:
      return fmt::format(
          "'{}' is not known to be an answer to this token, or to one made from it. The gateway "
          "keeps the latest in memory, until it is restarted.",
          call.stored_id);
    case Refusal::payment_unavailable:
      return "The Lightning node can not be asked right now; nothing was charged. Try again later.";
    case Refusal::answer_denied:
      return fmt::format("'{}' is an answer to another token.", call.stored_id);
  }
  std::unreachable();
}

std::string misfit_text(const ledger::Misfit& misfit, const PathEntry& entry) {
  const std::string of = account_of(entry);
  switch (misfit.refusal) {
    case Refusal::rate_limited:
      return fmt::format("Rate limit exceeded{}: {} calls per {}", of, format_credits(misfit.limit),
                         to_string(misfit.window));
    // The numbers follow in the body, or in the sentence for a model.
    case Refusal::request_exceeds_budget:
      return fmt::format("This call can never fit the {} limit of {} credits{}",
                         lowercase(adjective(misfit.window)), format_credits(misfit.limit), of);
    case Refusal::budget_exhausted:
      return fmt::format("Budget exhausted{}", of);
    case Refusal::budget_exceeded:
      return fmt::format("{} budget limit exceeded{}", adjective(misfit.window), of);
    case Refusal::budget_in_flight:
      return fmt::format("The rest of the budget{} is held by calls in flight", of);
    default:
      return refusal_text(misfit.refusal, Call{});
  }
}

std::optional<int64_t> retry_after_seconds(std::optional<Time> then, Time now) {
  constexpr int64_t kLongest = 60;
  if (!then || *then <= now) return std::nullopt;
  const int64_t seconds = (then->unix_ns - now.unix_ns + kNanoPerSecond - 1) / kNanoPerSecond;
  if (seconds > kLongest) return std::nullopt;
  return seconds;
}

}  // namespace satgate::flow
