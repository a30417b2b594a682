// The steps of a Passage that choose who serves an LLM call: a cheaper model before it is held, and
// somebody else after an upstream has failed. Whoever it is, the token must allow it, and the call
// is priced for it before it is sent.
#include <algorithm>

#include "flow/passage.h"
#include "token/verifier.h"

namespace satgate::flow {

const RoutingRule* Passage::routing() const {
  if (call_.model.empty() || observing() || !settings_->routing) return nullptr;
  return &settings_->routing->of(token_name());
}

bool Passage::low_stakes(const LowStakes& rule) const {
  Stakes stakes = parse_stakes(answering_->stakes());
  const auto consider = [&](std::string_view name, std::string_view value) {
    if (stakes == Stakes::unmarked && name == "stakes") stakes = parse_stakes(value);
  };
  if (record_) {
    for (const auto& [name, value] : record_->labels)
      consider(name, value);
  }
  if (token_) token::each_label(*token_, consider);
  if (stakes != Stakes::unmarked) return stakes == Stakes::low;
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
std::string Passage::cache_scope() const {
  using Scope = CacheRules::Scope;
  const Scope scope = settings_->cache->scope;
  if (scope == Scope::everyone) return "everyone";
  if (scope == Scope::budget && !record_->budget.empty()) return "budget " + record_->budget;
  return "token " + to_string(record_->id);
}

void Passage::find_cached() {
  if (stopped() || observing() || !settings_->cache || !record_ || call_.model.empty()) return;
  const std::optional<Money> cost = answering_->find_cached(cache_scope());
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
    denial_.reset();
    answering_->redirect(before);
    quote_ = quote;
    passing_ = passing;
  }
  co_return false;
}

}  // namespace satgate::flow
