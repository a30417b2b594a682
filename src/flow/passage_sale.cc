// The steps of a Passage that sell: a payment that was shown opens its token; a refusal that a
// payment would lift says how to pay.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "flow/client_group.h"
#include "flow/passage.h"
#include "flow/refusal_text.h"
#include "flow/sale_terms.h"
#include "payment/mpp.h"
#include "token/caveat.h"

namespace satgate::flow {
namespace {

// A node may know a moment later than the buyer that it was paid.
constexpr std::array kPatience = {net::Milliseconds(50), net::Milliseconds(200),
                                  net::Milliseconds(750)};

constexpr std::string_view kEndpointRule = "endpoints.";

// What a payment can not help with: a person has to.
bool payment_can_help(Refusal refusal) {
  switch (refusal) {
    case Refusal::token_missing:
    case Refusal::token_malformed:
    case Refusal::token_invalid:
    case Refusal::token_expired:
    case Refusal::endpoint_denied:
    case Refusal::tool_denied:
    case Refusal::model_denied:
    case Refusal::request_exceeds_budget:
    case Refusal::budget_exhausted:
    case Refusal::payment_required:
      return true;
    default:
      return false;
  }
}

// The paths whose calls all have this price: those of the rule, or this one alone.
std::string paths_of(const Quote& quote, const Call& call, bool is_one) {
  if (!is_one && quote.rule().starts_with(kEndpointRule)) {
    return std::string(quote.rule().substr(kEndpointRule.size()));
  }
  return std::string(call.endpoint);
}

std::string what_is_sold(std::string_view name, const SaleTerms& terms) {
  if (terms.calls == 0) return fmt::format("{}: {} credits", name, format_credits(terms.credit));
  return fmt::format("{}: {} call{}", name, terms.calls, terms.calls == 1 ? "" : "s");
}

}  // namespace

// The Payment scheme is another way to say the same: its challenge carries the paid token, and its
// credential brings that back with the preimage.
bool Passage::verify_payment(const Credential& credential) {
  const std::shared_ptr<const token::Keyring> keyring = worker_.gateway.keyring();
  std::vector<std::string> secrets;
  for (const token::Key& key : keyring->keys())
    secrets.push_back(payment_secret(key));
  const auto paid = payment::read_payment_credential(credential.text, secrets);
  if (!paid) {
    deny(Refusal::token_malformed, fmt::format("Not a payment of ours: {}", paid.error().message));
    return false;
  }
  Credential shown = Credential::of(Credential::Kind::paid, paid->token);
  shown.preimage = paid->preimage;
  if (!verify(shown)) return false;
  receipt_ = payment::write_payment_receipt(paid->payment_hash, paid->challenge_id, call_.at);
  return true;
}

net::Task<> Passage::redeem() {
  Paywall& paywall = *worker_.gateway.paywall;
  auto chain = token_->shared_chain();
  auto redeemed = Paywall::Redeemed::not_paid;
  for (size_t attempt = 0;; ++attempt) {
    auto ask = [&paywall, &chain](net::Completion<Paywall::Redeemed> done) {
      paywall.redeem(chain, [done](Paywall::Redeemed answer) { done(answer); });
    };
    redeemed = co_await net::await_callback<Paywall::Redeemed>(std::move(ask));
    if (redeemed != Paywall::Redeemed::not_paid || attempt == kPatience.size()) break;
    co_await net::sleep(worker_.loop, kPatience[attempt]);
  }
  if (redeemed == Paywall::Redeemed::unavailable) {
    deny(Refusal::payment_unavailable, refusal_text(Refusal::payment_unavailable, call_));
    co_return;
  }
  if (redeemed == Paywall::Redeemed::not_paid) {
    deny(Refusal::payment_required, "The invoice of this token is not paid.");
    co_return;
  }
  if (redeemed == Paywall::Redeemed::refunded) {
    deny(Refusal::payment_required, "What was paid for this token went back.");
    co_return;
  }
  store::FoundToken found = worker_.gateway.bank.directory().token(token_->token());
  if (!found || !*found) {
    deny(Refusal::payment_unavailable, refusal_text(Refusal::payment_unavailable, call_));
    co_return;
  }
  record_ = std::move(*found);
  judge_token();
}

// Calls at a flat price that were bought are worth the same under the rule they were bought under;
// another rule may have another price.
bool Passage::is_agreed(const Quote& quote) const {
  const std::optional<Money> price = record_->sale->call_price();
  if (!price || record_->caveats.empty()) return false;
  if (call_.protocol == Protocol::mcp) {
    return is_of_this_tool() && is_flat(*settings_, call_, quote);
  }
  const std::array<std::string, 1> paths = {paths_of(quote, call_, record_->sale->calls == 1)};
  const auto caveat = token::list_caveat(CaveatKey::endpoints, paths);
  return caveat && record_->caveats.front() == *caveat;
}

// What costs nothing is for everybody where things are sold.
bool Passage::is_given_away() {
  if (call_.mode != Mode::charge || !worker_.gateway.paywall) return false;
  const auto quote = settings_->tariff->quote(call_, "anonymous");
  return quote && quote_here(*quote).worst().is_zero();
}

// Only to who has nothing to pay with yet, or has paid before: who spends somebody's budget is to
// keep within it.
bool Passage::can_be_sold() const {
  if (!refused() || call_.mode != Mode::charge || !worker_.gateway.paywall) return false;
  if (!payment_can_help(denial_->refusal)) return false;
  switch (conversation_.credential().kind) {
    case Credential::Kind::none:
      return !settings_->charge.only_if_signaled || conversation_.payer().signals;
    case Credential::Kind::paid:
    case Credential::Kind::payment:
    case Credential::Kind::malformed:
      return true;
    case Credential::Kind::token:
      return token_ && token_->chain().sale;
    case Credential::Kind::foreign:
    case Credential::Kind::ambiguous:
      return false;
  }
  return false;
}

// Nothing: it can not be sold.
std::optional<Product> Passage::product(const Quote& quote) const {
  const auto rate = worker_.gateway.nano_per_sat(*settings_, call_.at);
  const auto terms = rate ? sale_terms(*settings_, call_, quote, *rate) : std::nullopt;
  if (!terms) return std::nullopt;
  Product sold;
  sold.calls = terms->calls;
  sold.credit = terms->credit;
  sold.amount_sats = terms->sats;
  sold.is_one = terms->is_one;
  if (call_.protocol == Protocol::mcp) {
    if (!add_tool_caveats(sold)) return std::nullopt;
    sold.description = what_is_sold(call_.listed_tool, *terms);
    return sold;
  }
  const std::array<std::string, 1> paths = {paths_of(quote, call_, terms->is_one)};
  auto endpoints = token::list_caveat(CaveatKey::endpoints, paths);
  auto upstream = token::name_caveat(CaveatKey::upstream, call_.upstream);
  auto methods = token::list_caveat(CaveatKey::methods, std::array{std::string(call_.method)});
  // A star in a path that was asked for would stand for others in the caveat.
  const bool is_pattern = call_.endpoint.find('*') != call_.endpoint.npos;
  if (!endpoints || !upstream || !methods || is_pattern) return std::nullopt;
  sold.caveats.push_back(std::move(*endpoints));
  sold.caveats.push_back(std::move(*methods));
  sold.caveats.push_back(std::move(*upstream));
  sold.description = what_is_sold(paths.front(), *terms);
  return sold;
}

net::Task<> Passage::offer_payment() {
  if (!may_be_called()) co_return;
  auto quote = settings_->tariff->quote(call_, "anonymous");
  if (is_unpriced_) quote = std::unexpected(Refusal::price_unknown);
  if (!quote) {
    denial_->refusal = quote.error();
    denial_->message = refusal_text(quote.error(), culprit(quote.error()));
    co_return;
  }
  if (!worker_.gateway.nano_per_sat(*settings_, call_.at)) {
    denial_.reset();
    deny(Refusal::payment_unavailable, refusal_text(Refusal::payment_unavailable, call_));
    detail_ = "nobody knows now what a satoshi is worth";
    co_return;
  }
  quote = quote_for_buyer(*quote);
  std::optional<Product> sold = product(*quote);
  if (!sold) co_return;
  const std::string why = std::exchange(denial_->message, {});
  const Money price = quote->worst();
  const std::string client = client_group(conversation_.payer().address);
  auto ask = [this, &sold, &client](net::Completion<Result<PaymentOffer>> done) {
    worker_.gateway.paywall->offer(settings_->charge, *sold, client, worker_.gateway.keyring(),
                                   [done](Result<PaymentOffer> made) { done(std::move(made)); });
  };
  auto offer = co_await net::await_callback<Result<PaymentOffer>>(std::move(ask));
  const bool first = conversation_.credential().kind == Credential::Kind::none;
  denial_.emplace();
  if (!offer) {
    denial_->refusal = Refusal::payment_unavailable;
    denial_->message = refusal_text(Refusal::payment_unavailable, call_);
    detail_ = offer.error().message;
    co_return;
  }
  denial_->refusal = Refusal::payment_required;
  denial_->message = fmt::format("{}Pay {} sats: {}.", first ? "" : why + " ", offer->amount_sats,
                                 offer->description);
  denial_->required = price;
  if (conversation_.payer().asks_scheme) std::ranges::reverse(offer->challenges);
  denial_->offer = std::move(*offer);
}

}  // namespace satgate::flow
