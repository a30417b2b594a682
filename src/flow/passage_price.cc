// The steps of a Passage that find its price: what the tariff says, under the circumstances of the
// call.
#include <algorithm>

#include "contract/records.h"
#include "flow/client_group.h"
#include "flow/passage.h"
#include "flow/refusal_text.h"

namespace satgate::flow {
// Whose calls count together: those of a token with all that is below it, or of a client without
// one.
AccountId Passage::caller() const {
  return record_ ? token_account(record_->id) : client_account(conversation_.payer().address);
}

int64_t Passage::calls_so_far(const tariff::Terms& terms) const {
  const ledger::Balance balance = worker_.gateway.bank.balance(terms.account(caller()), call_.at);
  const auto window = static_cast<size_t>(terms.window());
  const bool ever = terms.window() == Window::lifetime;
  const Money calls = ever ? balance.spent + balance.held
                           : balance.window_spent[window] + balance.window_held[window];
  return calls.nano() / kNanoPerCredit;
}

tariff::Circumstances Passage::circumstances(const tariff::Terms& terms) const {
  tariff::Circumstances under;
  under.at = call_.at;
  under.has_paid = record_ && record_->sale;
  under.asked = asked_price_;
  under.in_flight = static_cast<int64_t>(worker_.gateway.metrics.in_flight);
  if (terms.counts_calls()) under.calls = calls_so_far(terms);
  const auto& dynamic = terms.policy().dynamic;
  if (dynamic && !dynamic->urgency_header.empty()) {
    under.urgency = conversation_.field(dynamic->urgency_header);
  }
  return under;
}

Quote Passage::quote_here(const Quote& quote) {
  const tariff::Terms* terms = settings_->tariff->terms_of(quote);
  if (terms == nullptr) return quote;
  under_ = circumstances(*terms);
  return settings_->tariff->quote_under(quote, under_);
}

// As a token that is bought now will find it.
Quote Passage::quote_for_buyer(const Quote& quote) const {
  const tariff::Terms* terms = settings_->tariff->terms_of(quote);
  if (terms == nullptr) return quote;
  tariff::Circumstances under = circumstances(*terms);
  under.calls = 0;
  under.has_paid = true;
  return settings_->tariff->quote_under(quote, under);
}

const tariff::PricerPolicy* Passage::pricer() const {
  if (!settings_->tariff->has_pricers()) return nullptr;
  const auto quote = settings_->tariff->quote(call_, token_name(), true);
  if (!quote || (record_ && record_->sale && is_agreed(*quote))) return nullptr;
  const tariff::Terms* terms = settings_->tariff->terms_of(*quote);
  const auto* dynamic = terms && terms->policy().dynamic ? &*terms->policy().dynamic : nullptr;
  return dynamic && dynamic->pricer ? &*dynamic->pricer : nullptr;
}

// Also for who is told what it would cost.
bool Passage::asks_pricer() const {
  return (!refused() || can_be_sold()) && pricer() != nullptr;
}

net::Task<> Passage::ask_pricer() {
  const auto quote = settings_->tariff->quote(call_, token_name(), true);
  const tariff::PricerPolicy& policy = *pricer();
  const PriceQuestion question{call_, quote->rule(), token_name(),
                               settings_->tariff->terms_of(*quote)->cost(),
                               static_cast<int64_t>(worker_.gateway.metrics.in_flight)};
  asked_price_ = co_await worker_.pricer.ask(policy, question, settings_->currency);
  is_unpriced_ = !asked_price_ && policy.required;
}

void Passage::price() {
  if (refused()) return;
  auto quote = settings_->tariff->quote(call_, token_name());
  if (!quote && quote.error() == Refusal::approval_required) {
    needs_approval_ = true;
    quote = settings_->tariff->quote(call_, token_name(), true);
  }
  if (!quote) return deny(quote.error(), refusal_text(quote.error(), culprit(quote.error())));
  // Who has paid for calls pays for them what was agreed, whatever the price has become.
  if (record_ && record_->sale && is_agreed(*quote)) {
    return take_quote(settings_->tariff->quote_agreed(*quote, *record_->sale->call_price()));
  }
  if (is_unpriced_) {
    detail_ = "the pricer did not answer";
    return deny(Refusal::price_unknown, refusal_text(Refusal::price_unknown, call_));
  }
  const std::optional<Money> purchase = may_buy() ? conversation_.purchase_max() : std::nullopt;
  quote = quote_here(*quote);
  take_quote(purchase ? settings_->tariff->quote_with_purchase(*quote, *purchase) : *quote);
  // It was free when the caller was let in without a token.
  if (!token_ && !observing() && !quote_->worst().is_zero()) {
    deny(Refusal::token_missing, refusal_text(Refusal::token_missing, call_));
  }
}

std::string_view Passage::cost_field() const {
  const tariff::Terms* terms = quote_ ? settings_->tariff->terms_of(*quote_) : nullptr;
  if (terms == nullptr || !terms->is_told_by_upstream()) return {};
  return terms->policy().dynamic->upstream_cost->header;
}

// The account that counts the call, with a limit where its price ends: of all calls that are made
// at once, no more than that have this price.
bool Passage::add_volume_account() {
  const tariff::Terms* terms = quote_ ? settings_->tariff->terms_of(*quote_) : nullptr;
  if (terms == nullptr || !terms->counts_calls()) return true;
  volume_entry_ = path_.size();
  return path_.add(settings_->tariff->volume_account(*quote_, under_, caller()));
}

// Others have made the calls that were left at this price. False: it is another limit that the call
// does not fit.
bool Passage::takes_next_tier(const ledger::Misfit& misfit) {
  if (!volume_entry_ || misfit.entry != *volume_entry_) return false;
  const tariff::Tariff& tariff = *settings_->tariff;
  under_.calls = *tariff.terms_of(*quote_)->tier_end(under_);
  take_quote(tariff.quote_under(*quote_, under_));
  path_.limit(*volume_entry_, tariff.volume_account(*quote_, under_, caller()).limits);
  if (!token_ && !quote_->worst().is_zero() && !observing()) {
    deny(Refusal::token_missing, refusal_text(Refusal::token_missing, call_));
  } else if (!fits_call_max()) {
    deny_over_call_max();
  }
  return true;
}

}  // namespace satgate::flow
