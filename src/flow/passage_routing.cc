// The steps of a Passage that choose who serves an LLM call: a cheaper model before it is held, and
// somebody else after an upstream has failed. Whoever it is, the token must allow it, and the call
// is priced for it before it is sent.
#include "base/text.h"
#include "flow/passage.h"
#include "tariff/tool_price.h"
#include "token/verifier.h"

namespace satgate::flow {

const RoutingRule* Passage::routing() const {
  if (call_.model.empty() || !call_.batch.empty() || observing() || !settings_->routing)
    return nullptr;
  return &settings_->routing->of(token_name());
}

// The token's own label decides, which an administrator wrote. What the agent says, in a field or
// in a caveat of its own, can only make a call cheaper (Law 2.6).
bool Passage::low_stakes(const LowStakes& rule) const {
  if (record_) {
    for (const auto& [name, value] : record_->labels)
      if (name == "stakes") return equals_ignore_case(value, "low");
  }
  bool marked = equals_ignore_case(answering_->stakes(), "low");
  const auto consider = [&](std::string_view name, std::string_view value) {
    marked = marked || (name == "stakes" && equals_ignore_case(value, "low"));
  };
  if (token_) token::each_label(*token_, consider);
  if (marked) return true;
  if (call_.whole_context || !call_.unbounded.empty()) return false;
  return call_.input_bytes < rule.input_below &&
         call_.output_tokens_max.value_or(UINT64_MAX) < rule.output_below;
}

void Passage::choose_model() {
  const RoutingRule* rule = routing();
  if (stopped() || rule == nullptr) return;
  const std::string_view asked = call_.model;
  const std::string_view upstream = call_.upstream;
  if (rule->low_stakes && low_stakes(*rule->low_stakes)) {
    redirect({rule->low_stakes->use.of(asked), upstream}, true);
  }
  if (rule->budget_steps.empty()) return;
  const int left = worker_.gateway.bank.percent_left(path_, call_.at);
  for (const BudgetStep& step : rule->budget_steps) {
    if (left >= step.below_percent) continue;
    redirect({step.use.of(asked), upstream}, true);
    return;
  }
}

// Who may be given what was answered to whom. Caveats are judged on every call, so those who were
// handed a part of one token may share its answers.
std::string Passage::cache_scope(CacheRules::Scope scope) const {
  using Scope = CacheRules::Scope;
  if (scope == Scope::everyone) return "everyone";
  if (scope == Scope::budget && !record_->budget.empty()) return "budget " + record_->budget;
  return "token " + to_string(record_->id);
}

// What a tool answered: at a price of its own. A call that a person has to approve is made.
void Passage::find_cached_result() {
  const tariff::ToolCache* cache = settings_->tariff->cache_of(call_, token_name());
  if (cache == nullptr || needs_approval_) return;
  const std::string scope = cache_scope(cache->scope);
  const CacheSearch search{scope, std::chrono::seconds(cache->ttl_seconds)};
  if (!answering_->find_cached(search)) return;
  const Money price = min(cache->cost, quote_->worst());
  take_quote(settings_->tariff->quote_cached(*quote_, price, cache->rule));
  cache_hit_ = true;
}

void Passage::find_cached() {
  if (stopped() || observing() || !record_) return;
  if (call_.protocol == Protocol::mcp) return find_cached_result();
  if (!settings_->cache || call_.model.empty()) return;
  const std::string scope = cache_scope(settings_->cache->scope);
  const std::optional<Money> cost = answering_->find_cached({scope, settings_->cache->ttl});
  if (!cost) return;
  const __int128 share = static_cast<__int128>(cost->nano()) * settings_->cache->hit_percent;
  const Money price = Money::nano(static_cast<int64_t>((share + 99) / 100));
  take_quote(settings_->tariff->quote_cached(*quote_, price));
  cache_hit_ = true;
}

// True: the call goes there now, and quote_ is its price there. Else everything is as before.
bool Passage::redirect(const Destination& to, bool only_if_cheaper) {
  const Destination before{call_.model, call_.upstream};
  if (to.model.empty() || !answering_->redirect(to)) return false;
  const bool allowed = !token_ || !token::permits(*token_, call_, settings_->audiences);
  const auto quote = settings_->tariff->quote(call_, token_name());
  const bool fits = quote && settings_->tariff->can_stand_in(*quote_, *quote) &&
                    (!only_if_cheaper || quote->worst() < quote_->worst());
  if (!allowed || !fits) {
    answering_->redirect(before);
    return false;
  }
  take_quote(*quote);
  // A longer answer than the model can give is an error to its provider.
  const std::optional<uint64_t> longest = settings_->tariff->longest_answer(*quote_);
  if (longest && call_.output_tokens_max > longest) {
    quote_ = settings_->tariff->requote_with_output(*quote_, *longest * call_.choices);
    passing_.output_tokens = longest;
  }
  return true;
}

// A decision like any other (Law 3.1), though the client is told of the failure instead.
void Passage::record_missed_fallback() {
  AuditEvent& written = event();
  written.decision = Decision::deny;
  written.http_status = outcome_.http_status;
  written.detail = "a fallback that does not fit; the failure before it was told";
  worker_.gateway.metrics.count(Decision::deny);
  worker_.gateway.metrics.count(denial_->refusal);
  (void)worker_.gateway.bank.record(written);
}

net::Task<bool> Passage::falls_back() {
  const RoutingRule* rule = routing();
  if (rule == nullptr || broken_) co_return false;
  const std::string_view asked = call_.asked_model.empty() ? call_.model : call_.asked_model;
  const std::vector<ModelTarget>* targets = rule->fallbacks_of(asked);
  while (targets != nullptr && fallbacks_tried_ < targets->size()) {
    const ModelTarget& target = (*targets)[fallbacks_tried_++];
    const Destination before{call_.model, call_.upstream};
    const Quote quote = *quote_;
    const Passing passing = passing_;
    if (!redirect({target.model.empty() ? asked : target.model,
                   target.upstream.empty() ? call_.upstream : target.upstream},
                  false)) {
      continue;
    }
    co_await hold();
    if (!denial_) co_return true;
    // There is no money for it: the failure stands, as it was settled.
    record_missed_fallback();
    denial_.reset();
    answering_->redirect(before);
    quote_ = quote;
    passing_ = passing;
  }
  co_return false;
}

}  // namespace satgate::flow
