// The steps of a Passage that ask a person (docs/decisions/0028-approvals.md).
#include <fmt/format.h>

#include <utility>

#include "flow/passage.h"
#include "flow/refusal_text.h"
#include "flow/shown_text.h"
#include "store/approval_book.h"
#include "token/verifier.h"

namespace satgate::flow {
namespace {

using store::ApprovalBook;
using Answer = ApprovalBook::Answer;
using Standing = ApprovalBook::Standing;

net::Task<Standing> ask(ApprovalBook& book, Approval wanted, Time now) {
  auto start = [&book, &wanted, now](net::Completion<Standing> done) {
    book.ask(std::move(wanted), now, [done](const Standing& standing) { done(standing); });
  };
  co_return co_await net::await_callback<Standing>(std::move(start));
}

net::Task<> wait(ApprovalBook& book, ApprovalId id, Time until) {
  auto start = [&book, id, until](net::Completion<bool> done) {
    book.wait(id, until, [done] { done(true); });
  };
  (void)co_await net::await_callback<bool>(std::move(start));
}

net::Task<bool> spend(ApprovalBook& book, ApprovalId id) {
  auto start = [&book, id](net::Completion<bool> done) {
    book.spend(id, [done](bool is_gone) { done(is_gone); });
  };
  co_return co_await net::await_callback<bool>(std::move(start));
}

}  // namespace

Approval Passage::wanted_approval(Time now) const {
  Approval wanted;
  wanted.id = ordered_id<ApprovalId>(now);
  wanted.token = token_->token();
  wanted.point = token_->chain().points.back();
  wanted.server = call_.upstream;
  wanted.tool = call_.tool;
  wanted.arguments = sha256(conversation_.content());
  wanted.quote = quote_->worst();
  wanted.subject = token_name();
  wanted.holder = token_->chain().leaf_label;
  wanted.shown = shown_text(conversation_.content(), limits::approval_shown_bytes_max);
  wanted.created = now;
  wanted.expires = later(now, settings_->approvals.expires_seconds);
  return wanted;
}

net::Task<> Passage::seek_approval() {
  if (stopped() || !quote_) co_return;
  // Observe asks nobody: the call passes, and is recorded as one that would have waited.
  if (observing() || !token_) {
    co_return deny(Refusal::approval_required, refusal_text(Refusal::approval_required, call_));
  }
  ApprovalBook& book = worker_.gateway.bank.approvals();
  Time now = worker_.gateway.clock.now();
  Approval wanted = wanted_approval(now);
  Standing standing = co_await ask(book, std::move(wanted), now);
  if (standing.answer == Answer::pending && settings_->approvals.wait_seconds > 0) {
    co_await wait(book, standing.id, later(now, settings_->approvals.wait_seconds));
    now = worker_.gateway.clock.now();
    // Whoever has left does not come back for the answer: what was approved stays for who asks.
    if (!answering_->abandoned()) {
      Approval again = wanted_approval(now);
      standing = co_await ask(book, std::move(again), now);
    }
    identify_again(now);
    if (stopped()) co_return;
  }
  take_standing(standing);
}

// Minutes may have passed: the token may be revoked by now, or over, or have other limits.
void Passage::identify_again(Time now) {
  token_.reset();
  record_.reset();
  path_ = {};
  budgets_ = {};
  identify();
  authorize();
  trace();
  if (stopped()) return;
  if (const auto refusal = token::judge_time(*token_, now)) {
    deny(*refusal, refusal_text(*refusal, call_));
  }
}

void Passage::take_standing(const Standing& standing) {
  switch (standing.answer) {
    case Answer::approved:
      approval_ = standing.id;
      break;
    case Answer::pending:
      deny(Refusal::approval_required,
           fmt::format("{} Repeat the same call once approval {} is given.",
                       refusal_text(Refusal::approval_required, call_), to_string(standing.id)));
      break;
    case Answer::denied:
      deny(Refusal::approval_denied, denial_text(standing.reason));
      denial_->resets_at = standing.expires;
      break;
    case Answer::in_use:
      return deny_used_approval();
    case Answer::full:
      return deny(Refusal::approval_required,
                  fmt::format("{} Too many calls wait for a person already.",
                              refusal_text(Refusal::approval_required, call_)));
    case Answer::failed:
      return deny_unavailable("the approval could not be written");
  }
  const std::string id = to_string(standing.id);
  if (denial_) denial_->approval_id = id;
  detail_ = fmt::format("approval {}", id);
}

std::string Passage::denial_text(std::string_view reason) const {
  std::string text = refusal_text(Refusal::approval_denied, call_);
  if (!reason.empty()) text += fmt::format(" The reason given: {}", reason);
  return text;
}

void Passage::deny_used_approval() {
  deny(Refusal::approval_required,
       fmt::format("{} What was approved lets one call pass, and one has taken it.",
                   refusal_text(Refusal::approval_required, call_)));
}

// Before the money: of a hundred calls one goes on.
bool Passage::claim_approval() {
  if (!needs_approval_ || observing()) return true;
  const Time now = worker_.gateway.clock.now();
  if (!approval_ || !worker_.gateway.bank.approvals().claim(*approval_, now)) {
    deny_used_approval();
    return false;
  }
  claimed_ = approval_;
  return true;
}

// After the money, and before anything is sent: it is gone from the disk, or the call does not go.
net::Task<> Passage::use_approval() {
  if (!claimed_) co_return;
  ApprovalBook& book = worker_.gateway.bank.approvals();
  const ApprovalId id = *std::exchange(claimed_, std::nullopt);
  if (answering_->abandoned()) {
    deny(Refusal::approval_required, "The caller left before the call began.");
  }
  if (!reservation_ || denial_) {
    book.release(id);
    co_return;
  }
  const bool is_gone = co_await spend(book, id);
  if (!is_gone) deny_unavailable("the use of the approval could not be written");
}

}  // namespace satgate::flow
