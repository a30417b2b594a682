#include "flow/paywall.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "payment/l402.h"
#include "payment/mpp.h"
#include "store/directory.h"
#include "store/invoice_book.h"
#include "token/caveat.h"
#include "token/paid.h"

namespace satgate::flow {
namespace {

constexpr size_t kShelvesMax = 256;
constexpr size_t kClientsMax = 4096;
constexpr int64_t kMsatPerSat = 1000;
constexpr size_t kNameDigits = 16;
constexpr size_t kHeardMax = 1000;    // hints that are looked into at a time
constexpr size_t kAdoptedMax = 1000;  // invoices of before a start that stay open
constexpr size_t kCatchUpMax = 50;    // invoices that are asked about after a start

Result<PaymentOffer> challenge(const ChargeSettings& settings, const Product& product,
                               const payment::Invoice& invoice, Time expires, Time now,
                               const token::Key& key) {
  const Sale sale{invoice.payment_hash, invoice.amount_msat, product.credit, product.calls};
  std::vector<std::string> caveats = product.caveats;
  TRY_ASSIGN(std::string end, token::expires_caveat(later(now, settings.token_seconds)));
  caveats.push_back(std::move(end));
  TRY_ASSIGN(const std::string macaroon, token::mint_paid(key, sale, caveats));
  PaymentOffer offer;
  offer.challenges.push_back(payment::write_challenge(macaroon, invoice.bolt11));
  // One that is good once, as the scheme wants it.
  if (product.is_one) {
    payment::ChargeRequest charge;
    charge.realm = settings.realm;
    charge.amount_sats = product.amount_sats;
    charge.bolt11 = invoice.bolt11;
    charge.payment_hash = invoice.payment_hash;
    charge.network = settings.network;
    charge.description = product.description;
    charge.expires = expires;
    charge.token = macaroon;
    TRY_ASSIGN(std::string line, payment::write_payment_challenge(charge, payment_secret(key)));
    offer.challenges.push_back(std::move(line));
  }
  offer.amount_sats = product.amount_sats;
  offer.description = product.description;
  offer.expires = expires;
  return offer;
}

TokenRecord record_of(const TokenChain& chain, std::string name, Time now) {
  TokenRecord record;
  record.id = chain.token;
  record.name = std::move(name);
  record.key_id = chain.key_id;
  record.created = now;
  record.sale = chain.sale;
  record.limits[Window::lifetime] = chain.sale->credit;
  for (const Caveat& caveat : std::span(chain.caveats).first(chain.sold_caveats)) {
    record.caveats.push_back(caveat.text);
    if (caveat.key == CaveatKey::expires) record.expires = caveat.time;
  }
  return record;
}

}  // namespace

std::string payment_secret(const token::Key& key) {
  return std::string(as_bytes_view(
      hmac_sha256(as_bytes_view(key.secret), "satgate: challenges of the Payment scheme")));
}

std::string paid_token_name(const Hash256& payment_hash) {
  return "paid-" + to_hex(as_bytes_view(payment_hash)).substr(0, kNameDigits);
}

Paywall::Paywall(store::Bank& bank, const Clock& clock,
                 std::unique_ptr<payment::LightningNode> node)
    : bank_(bank), clock_(clock), node_(std::move(node)) {}

Paywall::~Paywall() = default;

void Paywall::offer(const ChargeSettings& settings, Product product, std::string_view client,
                    std::shared_ptr<const token::Keyring> keyring, Offered done) {
  const Kind kind{product.amount_sats * kMsatPerSat, product.description};
  const std::string who(client);
  std::string why;
  const Time now = clock_.now();
  if (const auto ready = take(settings, kind, who, now, why)) {
    done(challenge(settings, product, ready->invoice, ready->expires, now, keyring->active()));
    return restock(settings, kind);
  }
  if (!why.empty()) return done(fail(why));
  make(settings, kind,
       [this, settings, product = std::move(product), kind, who, keyring = std::move(keyring),
        done = std::move(done)](Result<Ready> made) {
         if (!made) return done(std::unexpected(std::move(made).error()));
         show(who, kind, *made);
         done(challenge(settings, product, made->invoice, made->expires, clock_.now(),
                        keyring->active()));
       });
  restock(settings, kind);
}

// One that is ready, or that this client was shown before. Nothing: one must be made, or with `why`
// there is none to be had.
std::optional<Paywall::Ready> Paywall::take(const ChargeSettings& settings, const Kind& kind,
                                            const std::string& client, Time now, std::string& why) {
  const std::lock_guard lock(mutex_);
  const auto shown = shown_.find(client);
  if (shown != shown_.end() && shown->second.size() >= settings.open_of_one_client) {
    // The newest: there is the most time left to pay it.
    for (const Shown& one : std::views::reverse(shown->second)) {
      if (one.kind == kind) return one.ready;
    }
    why = "this client has too many open invoices; pay one of them, or wait until they expire";
    return std::nullopt;
  }
  const auto shelf = shelves_.find(kind);
  if (shelf != shelves_.end()) {
    shelf->second.asked = now;
    std::deque<Ready>& ready = shelf->second.ready;
    // A buyer needs time to pay.
    const Time soon = later(now, settings.invoice_seconds / 2);
    while (!ready.empty() && ready.front().expires < soon)
      ready.pop_front();
    if (!ready.empty()) {
      Ready taken = std::move(ready.front());
      ready.pop_front();
      show_locked(client, kind, taken);
      return taken;
    }
  }
  if (open_.size() + making_ >= settings.open_max || shown_.size() >= kClientsMax) {
    why = "too many invoices are open";
  }
  return std::nullopt;
}

void Paywall::show(const std::string& client, const Kind& kind, const Ready& ready) {
  const std::lock_guard lock(mutex_);
  show_locked(client, kind, ready);
}

void Paywall::show_locked(const std::string& client, const Kind& kind, const Ready& ready) {
  shown_[client].push_back({kind, ready});
  const auto open = open_.find(ready.invoice.payment_hash);
  if (open != open_.end()) open->second.client = client;
}

// Somebody has paid it: it is shown to nobody any more, and leaves room for others.
void Paywall::close(const Hash256& payment_hash) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(payment_hash);
  if (open == open_.end()) return;
  if (const auto shown = shown_.find(open->second.client); shown != shown_.end()) {
    std::erase_if(shown->second,
                  [&](const Shown& one) { return one.ready.invoice.payment_hash == payment_hash; });
    if (shown->second.empty()) shown_.erase(shown);
  }
  open_.erase(open);
}

// Makes what is missing on the shelf, one after the other.
void Paywall::restock(const ChargeSettings& settings, const Kind& kind) {
  {
    const std::lock_guard lock(mutex_);
    if (!shelves_.contains(kind) && shelves_.size() >= kShelvesMax) return;
    Shelf& shelf = shelves_[kind];
    if (shelf.making > 0 || shelf.ready.size() >= settings.pool) return;
    if (open_.size() + making_ >= settings.open_max) return;
    ++shelf.making;
  }
  make(settings, kind, [this, settings, kind](Result<Ready> made) {
    const bool more = made.has_value();
    {
      const std::lock_guard lock(mutex_);
      Shelf& shelf = shelves_[kind];
      --shelf.making;
      if (made) shelf.ready.push_back(std::move(*made));
    }
    if (more) restock(settings, kind);
  });
}

void Paywall::make(const ChargeSettings& settings, const Kind& kind,
                   std::function<void(Result<Ready>)> done) {
  {
    const std::lock_guard lock(mutex_);
    ++making_;
  }
  payment::InvoiceRequest request;
  request.amount_msat = kind.first;
  request.description = kind.second;
  request.expires_seconds = settings.invoice_seconds;
  node_->create(std::move(request), [this, kind,
                                     done = std::move(done)](Result<payment::Invoice> made) {
    Result<Ready> ready = made ? keep(*made, kind) : Result<Ready>(std::unexpected(made.error()));
    {
      const std::lock_guard lock(mutex_);
      --making_;
      if (ready) {
        const payment::Invoice& invoice = ready->invoice;
        open_[invoice.payment_hash] = {ready->expires, invoice.node_id, ""};
      }
    }
    done(std::move(ready));
  });
}

Result<Paywall::Ready> Paywall::keep(const payment::Invoice& invoice, const Kind& kind) {
  store::InvoiceRecord record;
  record.payment_hash = invoice.payment_hash;
  record.node_id = invoice.node_id;
  record.bolt11 = invoice.bolt11;
  record.amount_msat = invoice.amount_msat;
  record.description = kind.second;
  record.created = clock_.now();
  record.expires = invoice.expires;
  TRY(bank_.invoices().add(record));
  return Ready{invoice, invoice.expires};
}

void Paywall::redeem(std::shared_ptr<const TokenChain> chain, std::function<void(Redeemed)> done) {
  payment::InvoiceKey key;
  key.payment_hash = chain->sale->payment_hash;
  auto node_id = node_id_of(key.payment_hash);
  if (!node_id) return done(Redeemed::unavailable);
  key.node_id = *std::move(node_id);
  node_->lookup(std::move(key),
                [this, chain = std::move(chain), done = std::move(done)](
                    Result<payment::InvoiceStatus> status) { done(settle(*chain, status)); });
}

void Paywall::watch() {
  const auto adopt = [this](const store::InvoiceRecord& invoice) {
    const std::lock_guard lock(mutex_);
    if (!invoice.paid) {
      open_.try_emplace(invoice.payment_hash, Open{invoice.expires, invoice.node_id, ""});
    }
  };
  node_->watch([this, adopt](const Hash256& payment_hash) {
    // It may be of before a restart, or have expired a moment ago.
    const auto known = bank_.invoices().find(payment_hash);
    if (known && *known) adopt(**known);
    hear(payment_hash);
  });
  const auto last = bank_.invoices().made_since(Time{}, kAdoptedMax);
  if (!last) return;  // then the buyers tell
  size_t asked = 0;
  for (const store::InvoiceRecord& invoice : *last) {
    // Paid while this gateway was away?
    const bool is_asked = !invoice.paid && asked < kCatchUpMax;
    if (is_asked || invoice.expires > clock_.now()) adopt(invoice);
    if (!is_asked) continue;
    ++asked;
    hear(invoice.payment_hash);
  }
}

void Paywall::hear(const Hash256& payment_hash) {
  std::optional<payment::InvoiceKey> key = unpaid(payment_hash);
  if (!key) return;
  {
    const std::lock_guard lock(mutex_);
    if (heard_.size() >= kHeardMax || !heard_.insert(payment_hash).second) return;
  }
  node_->lookup(*std::move(key),
                [this, payment_hash](const Result<payment::InvoiceStatus>& status) {
                  note(payment_hash, status);
                  const std::lock_guard lock(mutex_);
                  heard_.erase(payment_hash);
                });
}

// From memory alone: whoever can send a webhook must not make the disk work.
std::optional<payment::InvoiceKey> Paywall::unpaid(const Hash256& payment_hash) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(payment_hash);
  if (open == open_.end()) return std::nullopt;
  payment::InvoiceKey key;
  key.payment_hash = payment_hash;
  key.node_id = open->second.node_id;
  return key;
}

// The money is in the book from now on. The token opens when the buyer shows it.
void Paywall::note(const Hash256& payment_hash, const Result<payment::InvoiceStatus>& status) {
  if (!status || status->state != payment::InvoiceState::settled) return;
  const auto known = bank_.invoices().find(payment_hash);
  if (!known || !*known || status->received_msat < (*known)->amount_msat) return;
  if (bank_.invoices().mark_paid(payment_hash, status->received_msat, clock_.now())) {
    close(payment_hash);
  }
}

// From memory; of before a restart, from the disk.
Result<std::string> Paywall::node_id_of(const Hash256& payment_hash) {
  {
    const std::lock_guard lock(mutex_);
    const auto open = open_.find(payment_hash);
    if (open != open_.end()) return open->second.node_id;
  }
  TRY_ASSIGN(const auto known, bank_.invoices().find(payment_hash));
  return known ? known->node_id : std::string();
}

Paywall::Redeemed Paywall::settle(const TokenChain& chain,
                                  const Result<payment::InvoiceStatus>& status) {
  if (!status) return Redeemed::unavailable;
  const bool is_paid = status->state == payment::InvoiceState::settled &&
                       status->received_msat >= chain.sale->amount_msat;
  if (!is_paid) return not_enough(chain, *status);
  close(chain.sale->payment_hash);
  const std::lock_guard opening(refunds_.opening());
  const auto closed = refunds_.is_closed(chain.sale->payment_hash);
  if (!closed) return Redeemed::unavailable;
  if (*closed) return Redeemed::refunded;
  const Time now = clock_.now();
  const std::string name = paid_token_name(chain.sale->payment_hash);
  // One after the other: all of this is on the node's loop.
  const store::FoundToken there = bank_.directory().token(chain.token);
  if (!there) return Redeemed::unavailable;
  if (*there) return Redeemed::yes;
  // The record first: money that nobody can find there has not come.
  if (!record_payment(chain, name, now) || !bank_.flush()) return Redeemed::unavailable;
  if (!bank_.invoices().mark_paid(chain.sale->payment_hash, status->received_msat, now) ||
      !bank_.directory().add_token(record_of(chain, name, now))) {
    return Redeemed::unavailable;
  }
  return Redeemed::yes;
}

// What came is the buyer's: it is noted, so that it can go back.
Paywall::Redeemed Paywall::not_enough(const TokenChain& chain,
                                      const payment::InvoiceStatus& status) {
  if (status.state != payment::InvoiceState::settled) return Redeemed::not_paid;
  const auto noted =
      bank_.invoices().mark_paid(chain.sale->payment_hash, status.received_msat, clock_.now());
  return noted ? Redeemed::not_paid : Redeemed::unavailable;
}

bool Paywall::record_payment(const TokenChain& chain, const std::string& name, Time now) {
  AuditEvent event;
  event.time = now;
  event.kind = EventKind::pay;
  event.subject = name;
  event.token = chain.token;
  const std::string detail =
      fmt::format("{} sats paid, payment {}", (chain.sale->amount_msat + 999) / kMsatPerSat,
                  to_hex(as_bytes_view(chain.sale->payment_hash)));
  event.detail = detail;
  return bank_.record(event).has_value();
}

void Paywall::tick(Time now) {
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [now](const auto& one) { return one.second.expires <= now; });
  for (auto& [client, shown] : shown_)
    std::erase_if(shown, [now](const Shown& one) { return one.ready.expires <= now; });
  std::erase_if(shown_, [](const auto& one) { return one.second.empty(); });
  for (auto& [kind, shelf] : shelves_)
    std::erase_if(shelf.ready, [now](const Ready& one) { return one.expires <= now; });
  std::erase_if(shelves_,
                [](const auto& one) { return one.second.ready.empty() && one.second.making == 0; });
}

}  // namespace satgate::flow
