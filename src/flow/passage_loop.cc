// The step of a Passage that asks the loop guard.
#include <fmt/format.h>

#include "flow/passage.h"
#include "flow/refusal_text.h"

namespace satgate::flow {

net::Task<> Passage::guard_loop() {
  const LoopRule& rule = settings_->loops->of(token_name());
  if (stopped() || rule.action == LoopRule::Action::off) co_return;
  LoopGuard& guard = worker_.gateway.loop_guard;
  const TokenId token = record_ ? record_->id : TokenId{};
  SipHash fingerprint = guard.fingerprint(token);
  for (const std::string_view part :
       {call_.upstream, call_.method, call_.endpoint, call_.query, call_.tool})
    fingerprint.part(part);
  const bool known = co_await answering_->add_content(fingerprint);
  if (!known) co_return;
  const LoopGuard::Count count =
      guard.count(token, fingerprint.finish(), rule.window, worker_.loop.now());
  if (count.repeats <= rule.repeats) co_return;
  loop_repeats_ = count.repeats;
  if (rule.action == LoopRule::Action::refuse) co_return deny_loop(rule, count);
  ++worker_.gateway.metrics.loop_alerts;
  if (count.repeats > rule.repeats + 1) co_return;  // told once for each loop and window
  const std::string_view target = call_.tool.empty() ? call_.endpoint : call_.tool;
  guard.notice({std::string(token_name()), std::string(target), rule});
}

void Passage::deny_loop(const LoopRule& rule, const LoopGuard::Count& count) {
  deny(Refusal::loop_detected, fmt::format("{} {} times in {} seconds pass; this is number {}",
                                           refusal_text(Refusal::loop_detected, call_),
                                           rule.repeats, rule.window.count(), count.repeats));
  const Time now = worker_.gateway.clock.now();
  const Time ends{now.unix_ns + count.rest.count()};
  denial_->retry_after_seconds = retry_after_seconds(ends, now);
  // Told in whole seconds: rather a moment late than early.
  denial_->resets_at = Time::seconds(Time{ends.unix_ns + kNanoPerSecond - 1}.unix_seconds());
}

}  // namespace satgate::flow
