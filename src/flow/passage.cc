#include "flow/passage.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "flow/refusal_text.h"
#include "token/paid.h"
#include "token/verifier.h"

namespace satgate::flow {
namespace {

// What the database says of it is for administrators: `satgate token show`.
constexpr const char* kUnreadable = "the token's record can not be read";

// Of a list, by commas.
std::string_view take_macaroon(std::string_view& list) {
  const std::string_view first = list.substr(0, list.find(','));
  list.remove_prefix(std::min(first.size() + 1, list.size()));
  return trim(first);
}

}  // namespace

Passage::Passage(Worker& worker, const Conversation& conversation)
    : worker_(worker),
      conversation_(conversation),
      settings_(&conversation.settings()),
      call_(conversation.call()) {}

Passage::Passage(Worker& worker, Conversation& conversation)
    : Passage(worker, std::as_const(conversation)) {
  answering_ = &conversation;
}

Passage::~Passage() {
  if (forwarding_) --worker_.gateway.metrics.in_flight;
}

std::string_view Passage::token_name() const {
  if (record_) return record_->name;
  return key_name_.empty() ? std::string_view("anonymous") : key_name_;
}

// The first refusal is the one that counts; observe may go on and meet others.
void Passage::deny(Refusal refusal, std::string message) {
  if (denial_) return;
  denial_.emplace();
  denial_->refusal = refusal;
  denial_->message = std::move(message);
}

void Passage::deny_unavailable(const std::string& reason) {
  deny(Refusal::ledger_unavailable,
       fmt::format("{} ({})", refusal_text(Refusal::ledger_unavailable, call_), reason));
}

void Passage::identify() {
  const Result<Credential> acting = worker_.as_token(conversation_.credential(), *settings_);
  if (!acting) return deny_unavailable(kUnreadable);
  const Credential& credential = *acting;
  switch (credential.kind) {
    case Credential::Kind::token:
    case Credential::Kind::paid:
    case Credential::Kind::payment:
      break;
    case Credential::Kind::malformed:
      return deny(Refusal::token_malformed,
                  "Not an L402 credential: 'L402 <macaroon>:<preimage, 64 hex digits>'.");
    case Credential::Kind::none:
    case Credential::Kind::foreign: {
      // Observe needs no token: agents keep their own keys (Law 1.5, CONTRACT.md).
      if (observing()) {
        if (!credential.text.empty()) key_name_ = worker_.gateway.key_names.of(credential.text);
        return;
      }
      const bool none = credential.kind == Credential::Kind::none;
      if (none && is_given_away()) return;
      const Refusal refusal = none ? Refusal::token_missing : Refusal::token_malformed;
      return deny(refusal, refusal_text(refusal, call_));
    }
    case Credential::Kind::ambiguous:
      return deny(Refusal::token_malformed,
                  "The request carries more than one credential; send exactly one.");
  }
  if (credential.kind == Credential::Kind::payment ? !verify_payment(credential)
                                                   : !verify(credential)) {
    return;
  }
  store::FoundToken found = worker_.gateway.bank.directory().token(token_->token());
  if (!found) return deny_unavailable(kUnreadable);
  record_ = std::move(*found);
  if (record_) return judge_token();
  // A token of this key without a record was never minted by this gateway's `token create`.
  unredeemed_ = token_->chain().sale && worker_.gateway.paywall;
  if (!unredeemed_) deny(Refusal::token_invalid, refusal_text(Refusal::token_invalid, call_));
}

// Proves the chain, and of a paid token that who shows it has paid.
bool Passage::verify(const Credential& credential) {
  const bool paid = credential.kind == Credential::Kind::paid;
  std::string_view rest = credential.text;
  auto verified = worker_.verifier.verify(take_macaroon(rest));
  // Of several macaroons the first of ours counts: what others have to say is not for us.
  while (!verified && !rest.empty())
    verified = worker_.verifier.verify(take_macaroon(rest));
  if (!verified) {
    deny(verified.error(), refusal_text(verified.error(), call_));
    return false;
  }
  const TokenChain& chain = verified->chain();
  const std::optional<Hash256> shown = paid ? std::optional(credential.preimage) : chain.preimage;
  const bool proven = chain.sale ? shown && token::opens(*chain.sale, *shown) : !paid;
  if (!proven) {
    deny(Refusal::token_invalid, "The preimage is not that of the token's payment.");
    return false;
  }
  token_.emplace(std::move(*verified));
  return true;
}

void Passage::judge_token() {
  store::Directory& directory = worker_.gateway.bank.directory();
  const auto token_revoked = [&](const TokenId&) { return record_->revoked; };
  const bool any = directory.has_revocations();
  const auto point_revoked = [&](const AccountId& point) {
    return any && directory.is_revoked(point);
  };
  if (auto refusal = token::judge_revocation(*token_, token_revoked, point_revoked)) {
    return deny(*refusal, refusal_text(*refusal, call_));
  }
  if (auto refusal = token::judge_time(*token_, call_.at)) {
    return deny(*refusal, refusal_text(*refusal, call_));
  }
}

void Passage::authorize() {
  if (stopped() || !token_) return;
  // Law 2.5: what was paid opens nothing that is not for sale, also under the same paths.
  if (record_->sale && call_.mode != Mode::charge) {
    return deny(Refusal::endpoint_denied, refusal_text(Refusal::endpoint_denied, call_));
  }
  if (auto refusal = token::permits(*token_, call_, settings_->audiences)) {
    return deny(*refusal, refusal_text(*refusal, culprit(*refusal)));
  }
  if (record_->sale && call_.protocol == Protocol::mcp && !is_of_this_tool()) {
    return deny(Refusal::tool_denied, refusal_text(Refusal::tool_denied, call_));
  }
  judge_stored();
}

// Of a batch the first request for which it is refused; else the call.
Call Passage::culprit(Refusal refusal) const {
  for (const BatchItem& item : call_.batch) {
    const Call one = alone(call_, item);
    if (refusal == Refusal::model_denied) {
      if (token::permits(*token_, one, settings_->audiences) == refusal) return one;
    } else if (refusal == Refusal::price_unknown && call_.unbounded.empty()) {
      if (!settings_->tariff->quote(one, token_name())) return one;
    }
  }
  return call_;
}

// From the point that was minted: nobody holds what is above it.
StoredAnswers::Lineage Passage::lineage() const {
  const StoredAnswers::Lineage points = token_->chain().points;
  return points.subspan(std::min(record_->caveats.size(), points.size() - 1));
}

// The provider has one key for all: whose its answers are is for the gateway to know.
void Passage::judge_stored() {
  if (call_.stored_id.empty() && !call_.asks_stored) return;
  const StoredAnswers& stored = worker_.gateway.stored;
  const AccountId& point = lineage().back();
  if (!call_.asks_stored) {
    if (stored.may_continue(call_.stored_id, point)) return;
    return deny(Refusal::answer_denied, refusal_text(Refusal::answer_denied, call_));
  }
  if (stored.find(call_.stored_id, point) == call_.upstream) return;
  deny(Refusal::answer_unknown, refusal_text(Refusal::answer_unknown, call_));
}

// Is it what somebody has accepted, and does the config allow what it is given?
void Passage::judge_tool() {
  if (stopped()) return;
  if (call_.is_held) {
    deny(Refusal::tool_denied,
         fmt::format("The definition of {} has not been accepted by a person.", call_.tool));
    detail_ = denial_->message;
    return;
  }
  auto breach = settings_->tariff->argument_breach(call_, token_name());
  if (!breach) return;
  deny(Refusal::tool_denied, std::move(*breach));
  detail_ = denial_->message;
}

// Out of a budget alone; and observe moves no money.
bool Passage::may_buy() const {
  return record_ && !record_->sale && !observing();
}

// What the client did not bound, the forwarded request bounds as the quote does.
void Passage::take_quote(const Quote& quote) {
  quote_.emplace(quote);
  passing_ = {};
  clamped_output_ = 0;
  if (!call_.output_tokens_max && quote_->is_per_token() && call_.choices > 0) {
    passing_.output_tokens = quote_->output_tokens_bound() / call_.choices;
  }
}

void Passage::note_lineage() {
  const TokenChain& chain = token_->chain();
  if (chain.is_noted.load(std::memory_order_relaxed)) return;
  store::Directory& directory = worker_.gateway.bank.directory();
  std::string_view holder;
  for (size_t i = 0; i < chain.caveats.size() && i + 1 < chain.points.size(); ++i) {
    const Caveat& caveat = chain.caveats[i];
    if (caveat.key == CaveatKey::holder) holder = caveat.items.front();
    if (i < record_->caveats.size()) continue;  // minted with the root: nobody attenuated here
    if (directory.knows_point(chain.points[i + 1])) continue;
    const store::SeenPoint point{chain.points[i + 1], chain.points[i], chain.token,
                                 std::string(holder), caveat.text,     call_.at};
    const store::Noted noted = directory.note_point(point, settings_->delegations_max);
    if (noted == store::Noted::before) continue;
    if (noted == store::Noted::full) {
      return deny(Refusal::depth_exceeded,
                  fmt::format("The token has been delegated as often as it may be, {} times.",
                              settings_->delegations_max));
    }
    AuditEvent& seen = event();
    seen.kind = EventKind::attenuate;
    seen.call.reset();
    seen.decision.reset();
    seen.refusal.reset();
    seen.quote.reset();
    seen.detail = caveat.text;
    if (auto written = worker_.gateway.bank.record(seen); !written) {
      return deny_unavailable(written.error().reason);
    }
  }
  chain.is_noted.store(true, std::memory_order_relaxed);
}

void Passage::trace() {
  if (stopped()) return;
  const store::Directory& directory = worker_.gateway.bank.directory();
  bool fits = !token_ || add_token_accounts(path_, *token_, *record_, call_.at);
  fits = fits && settings_->tariff->add_accounts(path_, call_, token_name());
  fits = fits && add_volume_account();
  fits = fits && (!record_ || add_budget_accounts(path_, *record_, directory, budgets_));
  if (!fits) return deny(Refusal::depth_exceeded, refusal_text(Refusal::depth_exceeded, call_));
  if (token_) note_lineage();
}

void Passage::record_refusal() {
  AuditEvent& written = event();
  written.decision = Decision::deny;
  written.http_status = http_status(denial_->refusal);
  worker_.gateway.metrics.count(Decision::deny);
  worker_.gateway.metrics.count(denial_->refusal);
  add_alternative();
  if (reservation_) {
    (void)worker_.gateway.bank.release(std::move(*reservation_), written);
    reservation_.reset();
  } else {
    (void)worker_.gateway.bank.record(written);
  }
}

net::Task<> Passage::refuse() {
  // A refusal that can not be written is still a refusal; the bank is closed from here on.
  co_await recorded();
  co_await answering_->refuse(*denial_);
}

net::Task<> Passage::forward() {
  if (!std::exchange(forwarding_, true)) ++worker_.gateway.metrics.in_flight;
  passing_.decision = denial_ ? Decision::would_deny : Decision::allow;
  if (denial_) passing_.would_deny = denial_->refusal;
  if (quote_) {
    passing_.price = quote_->worst();
    passing_.input_tokens = quote_->input_tokens_bound();
    passing_.is_per_token = quote_->is_per_token();
    passing_.result_bytes = quote_->result_bytes_bound();
    passing_.output_visible = settings_->tariff->output_is_visible(*quote_);
  }
  if (reservation_ && reservation_->remaining() != Money::max()) {
    passing_.remaining = reservation_->remaining();
  }
  if (token_) passing_.lineage = lineage();
  if (quote_ && !quote_->purchase_max().is_zero()) {
    passing_.purchase = PurchaseRight{quote_->purchase_max(), to_string(record_->id), token_name()};
  }
  passing_.receipt = receipt_;
  passing_.cost_field = cost_field();
  outcome_ = co_await answering_->forward(passing_);
}

}  // namespace satgate::flow
