#include "flow/passage.h"

#include <fmt/format.h>

#include <utility>

#include "flow/refusal_text.h"
#include "token/verifier.h"

namespace satgate::flow {
namespace {

// What the database says of it is for administrators: `satgate token show`.
constexpr const char* kUnreadable = "the token's record can not be read";

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
  return record_ ? std::string_view(record_->name) : std::string_view("anonymous");
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
      break;
    case Credential::Kind::none:
    case Credential::Kind::foreign: {
      // Observe needs no token: agents keep their own keys (Law 1.5, CONTRACT.md).
      if (observing()) return;
      const bool none = credential.kind == Credential::Kind::none;
      const Refusal refusal = none ? Refusal::token_missing : Refusal::token_malformed;
      return deny(refusal, refusal_text(refusal, call_));
    }
    case Credential::Kind::ambiguous:
      return deny(Refusal::token_malformed,
                  "The request carries more than one credential; send exactly one.");
  }
  auto verified = worker_.verifier.verify(credential.text);
  if (!verified) return deny(verified.error(), refusal_text(verified.error(), call_));
  store::Directory& directory = worker_.gateway.bank.directory();
  store::FoundToken found = directory.token(verified->token());
  if (!found) return deny_unavailable(kUnreadable);
  record_ = std::move(*found);
  // A token of this key without a record was never minted by this gateway's `token create`.
  if (!record_) {
    return deny(Refusal::token_invalid, refusal_text(Refusal::token_invalid, call_));
  }
  token_.emplace(std::move(*verified));
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
  if (auto refusal = token::permits(*token_, call_, settings_->audiences)) {
    deny(*refusal, refusal_text(*refusal, call_));
  }
}

void Passage::price() {
  if (refused()) return;
  auto quote = settings_->tariff->quote(call_, token_name());
  if (!quote) return deny(quote.error(), refusal_text(quote.error(), call_));
  take_quote(*quote);
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
  (void)worker_.gateway.bank.record(written);
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
    passing_.output_visible = settings_->tariff->output_is_visible(*quote_);
  }
  if (reservation_ && reservation_->remaining() != Money::max()) {
    passing_.remaining = reservation_->remaining();
  }
  outcome_ = co_await answering_->forward(passing_);
}

}  // namespace satgate::flow
