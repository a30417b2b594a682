// The steps of a Passage that move money: holding the quote, and the one place where it ends.
#include <fmt/format.h>

#include <algorithm>

#include "flow/output_watch.h"
#include "flow/passage.h"
#include "flow/refusal_text.h"
#include "token/verifier.h"

namespace satgate::flow {
namespace {

// How often a call waits for leases before it is told that the ledger does not keep up.
constexpr int kLeaseRounds = 64;
constexpr int kServerError = 500;

Fault unwritten(const Outcome& outcome) {
  Fault fault;
  fault.source = Fault::Source::gateway;
  fault.sent_upstream = !outcome.fault || outcome.fault->sent_upstream;
  fault.http_status = 503;
  fault.message = "The record of this call could not be written.";
  return fault;
}

bool clamp_can_help(Refusal refusal) {
  return refusal == Refusal::request_exceeds_budget || refusal == Refusal::budget_exhausted ||
         refusal == Refusal::budget_exceeded;
}

}  // namespace

void Passage::deny_misfit(const ledger::Misfit& misfit) {
  if (denial_) return;
  deny(misfit.refusal, misfit_text(misfit, path_.entries()[misfit.entry]));
  if (misfit.limit != Money::max()) denial_->limit = misfit.limit;
  denial_->spent = misfit.spent;
  denial_->resets_at = misfit.resets_at;
  if (misfit.refusal == Refusal::rate_limited) {
    denial_->retry_after_seconds = retry_after_seconds(misfit.resets_at, call_.at);
    return;
  }
  denial_->remaining = misfit.remaining;
  denial_->required = misfit.required;
  if (misfit.refusal == Refusal::budget_in_flight) denial_->retry_after_seconds = 1;
}

bool Passage::fits_call_max() const {
  return !token_ || quote_->worst() <= token::call_max(*token_).value_or(Money::max());
}

bool Passage::may_fit_smaller() const {
  return denial_ && clamp_can_help(denial_->refusal);
}

void Passage::deny_over_call_max() {
  const Money most = *token::call_max(*token_);
  deny(Refusal::request_exceeds_budget,
       fmt::format("This call costs up to {} credits; the token allows {} a call",
                   format_credits(quote_->worst()), format_credits(most)));
  denial_->limit = most;
  denial_->required = quote_->worst();
}

// As it is; then with its input counted in place of bounded; then with a shorter answer.
net::Task<> Passage::hold() {
  if (stopped() || !quote_ || !claim_approval()) co_return;
  if (!fits_call_max()) tighten();
  if (!fits_call_max() && !clamp()) {
    deny_over_call_max();
    co_return;
  }
  co_await hold_quote();
  if (may_fit_smaller() && tighten()) {
    denial_.reset();
    co_await hold_quote();
  }
  if (may_fit_smaller() && clamp()) {
    denial_.reset();
    co_await hold_quote();
  }
}

net::Task<> Passage::hold_quote() {
  store::Bank& bank = worker_.gateway.bank;
  for (int round = 0; round < kLeaseRounds; ++round) {
    auto held = bank.reserve(path_, quote_->worst(), call_.at);
    if (held) {
      reservation_.emplace(std::move(*held));
      const bool on_disk = co_await recorded();
      if (!on_disk) deny_unavailable("the hold did not reach the disk");
      co_return;
    }
    if (const auto* misfit = std::get_if<ledger::Misfit>(&held.error())) {
      const bool has_price = takes_next_tier(*misfit);
      if (has_price && !denial_) continue;
      deny_misfit(*misfit);
      co_return;
    }
    if (const auto* down = std::get_if<store::Unavailable>(&held.error())) {
      deny_unavailable(down->reason);
      co_return;
    }
    const auto& shortage = std::get<ledger::LeaseShortage>(held.error());
    auto extend = [&bank, &shortage](net::Completion<bool> done) {
      bank.extend_leases(shortage, [done](bool granted) { done(granted); });
    };
    const bool granted = co_await net::await_callback<bool>(std::move(extend));
    if (!granted) break;
  }
  deny_unavailable("no lease could be committed");
}

// Waits until everything queued so far is where the durability that was asked for wants it.
net::Watermark::Wait Passage::recorded() {
  return worker_.recorder.recorded(settings_->strict_durability);
}

net::Task<> Passage::answer() {
  if (!broken_) {
    const bool on_disk = co_await recorded();
    if (!on_disk) broken_ = unwritten(outcome_);
  }
  if (broken_) {
    co_await answering_->fail(*broken_);
  } else if (outcome_.fault) {
    co_await answering_->fail(*outcome_.fault);
  } else {
    co_await answering_->complete(settled_);
  }
}

// What one call may cost right now.
Money Passage::headroom() const {
  const Money left = worker_.gateway.bank.headroom(path_, call_.at);
  return token_ ? min(left, token::call_max(*token_).value_or(Money::max())) : left;
}

// Counts the tokens of the input, where that is possible: fewer than its bytes. True: quote_ now
// says less.
bool Passage::tighten() {
  if (!quote_->is_per_token()) return false;
  // It takes time, which who has no money shall not have for nothing.
  Call least = call_;
  least.input_bytes = call_.input_bytes / kTokenBytesMax;
  const auto cheapest = settings_->tariff->quote(least, token_name());
  if (!cheapest || cheapest->fixed() > headroom()) return false;
  const std::optional<uint64_t> tokens = answering_->exact_input_tokens();
  if (!tokens || *tokens >= quote_->input_tokens_bound()) return false;
  Call counted = call_;
  counted.input_bytes = *tokens;
  const auto quote = settings_->tariff->quote(counted, token_name());
  if (!quote || quote->worst() >= quote_->worst()) return false;
  take_quote(*quote);
  return true;
}

// Lowers the output bound to what is affordable (Law 1.2). True: quote_ and passing_ now say less,
// and the forwarded body will. The reservation is never shrunk below what the request can cost.
bool Passage::clamp() {
  // Observe changes nothing of an answer; the call is recorded as one that did not fit.
  if (observing() || !quote_->is_per_token()) return false;
  const auto tokens = settings_->tariff->affordable_output(*quote_, headroom(), call_.choices);
  if (!tokens) return false;
  const uint64_t asked = quote_->output_tokens_bound() / std::max<uint32_t>(1, call_.choices);
  if (*tokens >= asked || *tokens < std::min(asked, settings_->output_tokens_min)) return false;
  quote_ = settings_->tariff->requote_with_output(*quote_, *tokens * call_.choices);
  passing_.output_tokens = *tokens;
  passing_.clamped = true;
  clamped_output_ = *tokens;
  return true;
}

std::optional<Money> Passage::cost_of_outcome() const {
  if (outcome_.free) return Money();
  if (!quote_) {
    if (!outcome_.usage || outcome_.usage_missing) return std::nullopt;
    return settings_->tariff->cost_unbounded(call_, *outcome_.usage);
  }
  const tariff::Terms* terms = settings_->tariff->terms_of(*quote_);
  if (terms && terms->is_told_by_upstream()) {
    return terms->settled(outcome_.upstream_cost) + outcome_.bought;
  }
  if (outcome_.usage) return settings_->tariff->cost(*quote_, *outcome_.usage) + outcome_.bought;
  return quote_->worst() - quote_->purchase_max() + outcome_.bought;
}

AuditEvent& Passage::event() {
  AuditEvent& e = worker_.event;
  e.clear();
  e.time = call_.at;
  e.subject = token_name();
  if (record_) {
    e.token = record_->id;
    e.budget = record_->budget;
    for (const auto& [name, value] : record_->labels)
      e.labels.push_back({name, value});
  }
  if (token_) {
    for (const std::string& holder : token_->chain().holders)
      e.holders.push_back(holder);
    token::each_label(*token_, [&e](std::string_view name, std::string_view value) {
      e.labels.push_back({name, value});
    });
  }
  for (const auto& [name, value] : settings_->labels) {
    const bool set = std::ranges::any_of(e.labels, [&](const Label& l) { return l.name == name; });
    if (!set) e.labels.push_back({name, value});
  }
  e.call = call_;
  if (quote_) e.quote = quote_->worst();
  if (denial_) e.refusal = denial_->refusal;
  e.clamped_output_tokens = clamped_output_;
  e.loop_repeats = loop_repeats_;
  e.cache_hit = cache_hit_ && !denial_;
  e.detail = detail_;
  return e;
}

// What came of it is still to be told: until then the money is held.
bool Passage::waits_for_outcome() {
  const tariff::Terms* terms = quote_ ? settings_->tariff->terms_of(*quote_) : nullptr;
  if (terms == nullptr || !terms->policy().outcome || outcome_.fault) return false;
  Outcomes& outcomes = worker_.gateway.outcomes;
  const bool may_buy = !quote_->purchase_max().is_zero();
  if (may_buy || is_buyers_loss() || cost_of_outcome()->is_zero() || !outcomes.has_room())
    return false;
  AuditEvent& written = event();
  written.decision = Decision::allow;
  written.http_status = outcome_.http_status;
  written.detail = "answered; its outcome is still to be told";
  // Law 3.3: who has the answer knows that it is recorded.
  if (!worker_.gateway.bank.record(written)) return false;
  written.kind = EventKind::outcome;
  written.shares = settings_->tariff->shares_of(call_, token_name());
  if (reservation_->remaining() != Money::max()) settled_.remaining = reservation_->remaining();
  settled_.cost = cost_of_outcome();
  outcomes.wait(std::move(*reservation_), *settled_.cost, written, *terms->policy().outcome,
                worker_.gateway.clock.now());
  reservation_.reset();
  return true;
}

// Who has paid for a call is not charged for an upstream that failed.
bool Passage::is_buyers_loss() const {
  if (!record_ || !record_->sale || settings_->charge.charges_failures) return false;
  if (!outcome_.fault) return outcome_.http_status >= kServerError;
  return outcome_.fault->source == Fault::Source::upstream && !answering_->has_begun();
}

void Passage::settle_held() {
  if (waits_for_outcome()) return;
  store::Bank& bank = worker_.gateway.bank;
  AuditEvent& written = event();
  written.decision = Decision::allow;
  written.shares = settings_->tariff->shares_of(call_, token_name());
  written.usage = outcome_.usage;
  written.usage_missing = outcome_.usage_missing;
  written.http_status = outcome_.fault ? outcome_.fault->http_status : outcome_.http_status;
  if (outcome_.fault) written.detail = outcome_.fault->message;
  if (!outcome_.note.empty()) written.detail = outcome_.note;
  const bool unsent = outcome_.fault && !outcome_.fault->sent_upstream;
  if (is_buyers_loss()) outcome_.free = true;
  // What was bought is known, whatever else is not.
  const bool may_buy = !quote_->purchase_max().is_zero();
  const bool unknown = outcome_.fault && !outcome_.usage && !outcome_.free && !may_buy;
  auto receipt = unsent    ? bank.release(std::move(*reservation_), written)
                 : unknown ? bank.forfeit(std::move(*reservation_), written)
                           : bank.settle(std::move(*reservation_), *cost_of_outcome(), written);
  reservation_.reset();
  if (!receipt) {
    broken_ = unwritten(outcome_);
    return;
  }
  settled_.cost = receipt->cost();
  if (receipt->remaining() != Money::max()) settled_.remaining = receipt->remaining();
  worker_.gateway.metrics.spent_nano += receipt->cost().nano();
  if (receipt->overrun()) ++worker_.gateway.metrics.overruns;
}

// Observe, for a call that would have been refused: nothing is held, the cost is recorded.
void Passage::settle_unheld() {
  AuditEvent& written = event();
  written.decision = Decision::would_deny;
  written.usage = outcome_.usage;
  written.usage_missing = outcome_.usage_missing;
  written.http_status = outcome_.fault ? outcome_.fault->http_status : outcome_.http_status;
  const bool unsent = outcome_.fault && !outcome_.fault->sent_upstream;
  written.cost = unsent ? std::optional(Money()) : cost_of_outcome();
  settled_.cost = written.cost;
  if (denial_) worker_.gateway.metrics.count(denial_->refusal);
  // Observe blocks nothing, not even when the record is broken; /readyz and metrics tell.
  (void)worker_.gateway.bank.record(written);
}

void Passage::settle() {
  if (reservation_) {
    settle_held();
  } else {
    settle_unheld();
  }
  count_outcome();
}

void Passage::count_outcome() {
  Metrics& metrics = worker_.gateway.metrics;
  metrics.count(passing_.decision);
  if (outcome_.usage_missing) ++metrics.usage_missing;
  if (!outcome_.fault) return;
  switch (outcome_.fault->source) {
    case Fault::Source::client:
      ++metrics.faults_client;
      return;
    case Fault::Source::upstream:
      ++metrics.faults_upstream;
      return;
    case Fault::Source::gateway:
      ++metrics.faults_gateway;
      return;
  }
}

// The cheapest thing of the same kind that this token may do and can pay for right now.
void Passage::add_alternative() {
  if (!quote_ || !denial_->required) return;
  const Money most = headroom();
  for (const tariff::Offer& offer : settings_->tariff->alternatives(call_, *quote_, token_name())) {
    if (offer.cost > most) return;  // cheapest first: nothing further fits
    Call other = call_;
    switch (offer.kind) {
      case Alternative::Kind::tool:
        other.tool = other.listed_tool = offer.name;
        break;
      case Alternative::Kind::endpoint:
        other.endpoint = offer.name;
        break;
      case Alternative::Kind::model:
        other.model = offer.name;
        break;
    }
    if (token_ && token::permits(*token_, other, settings_->audiences)) continue;
    denial_->cheapest_alternative = Alternative{offer.kind, std::string(offer.name), offer.cost};
    return;
  }
}

}  // namespace satgate::flow
