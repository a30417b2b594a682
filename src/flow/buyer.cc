#include "flow/buyer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace satgate::flow {
namespace {

using payment::PayStatus;
using store::PurchaseBook;
using store::PurchaseRecord;

constexpr size_t kShelvesMax = 10'000;
constexpr int64_t kMsatPerSat = 1000;
constexpr int64_t kShutSeconds = 60;  // after a payment whose proof was not taken
constexpr int64_t kAskSeconds = 10;   // between two questions about what is unknown
constexpr int64_t kPaySeconds = 30;   // beyond, a payment under way is unknown
constexpr int64_t kTimeToPaySeconds = 5;

// What so much money buys at most.
int64_t msat_for(Money money, int64_t nano_per_sat) {
  const __int128 msat = static_cast<__int128>(money.nano()) * kMsatPerSat / nano_per_sat;
  return static_cast<int64_t>(std::min<__int128>(msat, payment::kInvoiceMsatMax));
}

int64_t share_of(int64_t msat, int percent) {
  return static_cast<int64_t>(static_cast<__int128>(msat) * percent / 100);
}

Ticket ticket_of(const PurchaseRecord& purchase) {
  return {purchase.payment_hash,
          payment::write_seller_credential(purchase.scheme, purchase.ticket, purchase.preimage)};
}

Buyer::Bought no_sale(std::string reason, bool is_ours = false) {
  Buyer::Bought none;
  none.why = {std::move(reason), is_ours};
  return none;
}

Buyer::Turn turn(Buyer::Turn::Kind kind) {
  Buyer::Turn made;
  made.kind = kind;
  return made;
}

Buyer::Turn use(Ticket ticket) {
  Buyer::Turn made = turn(Buyer::Turn::Kind::use);
  made.ticket = std::move(ticket);
  return made;
}

Buyer::Turn refused(std::string reason, bool is_ours) {
  Buyer::Turn made = turn(Buyer::Turn::Kind::refused);
  made.why = {std::move(reason), is_ours};
  return made;
}

constexpr const char* kUnreadable = "the book of purchases can not be read or written";
constexpr const char* kUnderWay =
    "a payment to the upstream is under way, and not known to have ended";

}  // namespace

Money cost_of_msat(int64_t msat, int64_t nano_per_sat) {
  const __int128 nano =
      (static_cast<__int128>(msat) * nano_per_sat + kMsatPerSat - 1) / kMsatPerSat;
  return nano > INT64_MAX ? Money::max() : Money::nano(static_cast<int64_t>(nano));
}

Buyer::Buyer(PurchaseBook& book, const store::InvoiceBook& own_invoices, const Clock& clock,
             const Wallet& wallet)
    : book_(book), own_invoices_(own_invoices), clock_(clock), wallet_(wallet) {}

Result<void> Buyer::open() {
  TRY_ASSIGN(const std::vector<PurchaseRecord> pending, book_.pending());
  const std::lock_guard lock(mutex_);
  for (const PurchaseRecord& purchase : pending)
    shelves_[purchase.shelf].unknown = purchase.payment_hash;
  return {};
}

std::optional<Ticket> Buyer::at_hand(std::string_view shelf) {
  const std::lock_guard lock(mutex_);
  const auto found = shelves_.find(shelf);
  if (found == shelves_.end() || !found->second.ticket) return std::nullopt;
  ++found->second.uses;
  return found->second.ticket;
}

// True: it was on the shelf until now. What it was worth is all uses but those that failed.
bool Buyer::note_stale(Shelf& shelf, const Hash256& stale) {
  if (shelf.ticket && shelf.ticket->payment_hash == stale) {
    shelf.spent = stale;
    shelf.worth = std::max<size_t>(1, shelf.uses) - (shelf.uses > 1 ? 1 : 0);
    shelf.ticket.reset();
    return true;
  }
  if (shelf.spent == stale && shelf.worth > 1) --shelf.worth;
  return false;
}

void Buyer::begin(const std::string& shelf, const std::optional<Hash256>& stale, Taken done) {
  std::optional<Turn> at_once;
  bool was_spent = false;
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    forget_some();
    Shelf& here = shelves_[shelf];
    was_spent = stale && note_stale(here, *stale);
    if (clock_.now() < here.shut_until) {
      at_once = refused(here.shut_why, false);
    } else if (here.ticket) {
      ++here.uses;
      at_once = use(*here.ticket);
    } else if (here.busy) {
      here.waiters.push_back({stale, done});
      waits = true;
    } else {
      here.busy = true;
    }
  }
  // If it is not noted, the upstream will say so again.
  if (was_spent) (void)book_.mark_spent(*stale);
  if (at_once) return done(std::move(*at_once));
  if (!waits) take_turn(shelf, stale, std::move(done));
}

void Buyer::take_turn(const std::string& shelf, const std::optional<Hash256>& stale, Taken done) {
  std::optional<Hash256> unknown;
  bool is_empty = false;
  {
    const std::lock_guard lock(mutex_);
    unknown = shelves_[shelf].unknown;
    is_empty = !shelves_[shelf].ticket;
  }
  if (unknown) return resolve(shelf, *unknown, std::move(done));
  // What there is has been given to as many as it is good for.
  if (!is_empty) return give(shelf, turn(Turn::Kind::buy), done);
  // Of before a restart.
  const auto kept = book_.find_usable(shelf);
  if (!kept) return give(shelf, refused(kUnreadable, true), done);
  const bool is_new = *kept && (*kept)->payment_hash != stale;
  give(shelf, is_new ? use(ticket_of(**kept)) : turn(Turn::Kind::buy), done);
}

void Buyer::resolve(const std::string& shelf, const Hash256& payment, Taken done) {
  wallet_.node.find(
      payment, [this, shelf, payment, done = std::move(done)](const Result<PayStatus>& status) {
        give(shelf, resolved(shelf, payment, status), done);
      });
}

Buyer::Turn Buyer::resolved(const std::string& shelf, const Hash256& payment,
                            const Result<PayStatus>& status) {
  if (!status || status->state == PayStatus::State::pending) return refused(kUnderWay, true);
  const auto purchase = book_.find(payment);
  if (!purchase || !*purchase) return refused(kUnreadable, true);
  PurchaseRecord paid = **purchase;
  const Time now = clock_.now();
  const bool succeeded = status->state == PayStatus::State::succeeded;
  if (succeeded) {
    paid.preimage = status->preimage;
    // What was held, if nobody knows now what a satoshi is worth.
    const auto rate = wallet_.nano_per_sat_at(now);
    const Money cost = rate ? cost_of_msat(paid.amount_msat + status->fee_msat, *rate) : paid.held;
    if (!book_.succeed(payment, {status->preimage, status->fee_msat, cost}, now)) {
      return refused(kUnreadable, true);
    }
  } else if (!book_.fail(payment, status->reason, now)) {
    return refused(kUnreadable, true);
  }
  const std::lock_guard lock(mutex_);
  shelves_[shelf].unknown.reset();
  return succeeded ? use(ticket_of(paid)) : turn(Turn::Kind::buy);
}

// Only who is to buy keeps the turn.
void Buyer::give(const std::string& shelf, Turn given, const Taken& done) {
  if (given.kind == Turn::Kind::use) end_turn(shelf, End::good, given.ticket);
  if (given.kind == Turn::Kind::refused) end_turn(shelf, End::refused, {}, given.why);
  done(std::move(given));
}

std::expected<Buyer::Terms, NoSale> Buyer::judge(const Order& order, Time now) const {
  const auto no = [](std::string reason) { return std::unexpected(NoSale{std::move(reason)}); };
  const auto invoice = payment::read_bolt11(order.challenge.invoice);
  if (!invoice) return no("its invoice can not be read: " + invoice.error().message);
  if (invoice->network != wallet_.network) {
    return no(fmt::format("its invoice is of {}, and this gateway pays on {}",
                          to_string(invoice->network), to_string(wallet_.network)));
  }
  if (!invoice->amount_msat) return no("its invoice leaves the amount open");
  if (invoice->expires() < later(now, kTimeToPaySeconds)) return no("its invoice has expired");
  const auto rate = wallet_.nano_per_sat_at(now);
  if (!rate) return std::unexpected(NoSale{"nobody knows now what a satoshi is worth", true});
  Terms terms;
  terms.nano_per_sat = *rate;
  terms.payment_hash = invoice->payment_hash;
  terms.amount_msat = *invoice->amount_msat;
  const int64_t most = msat_for(order.max, *rate);
  if (terms.amount_msat > most) {
    return no(fmt::format("it asks for {} sats, and this route pays up to {}",
                          payment::format_sats(terms.amount_msat), payment::format_sats(most)));
  }
  const int64_t fee = std::max(kMsatPerSat, share_of(terms.amount_msat, order.fee_percent));
  terms.fee_max_msat = std::min(fee, most - terms.amount_msat);
  terms.held = cost_of_msat(terms.amount_msat + terms.fee_max_msat, *rate);
  const auto own = own_invoices_.find(terms.payment_hash);
  if (!own) return std::unexpected(NoSale{kUnreadable, true});
  if (*own) return no("its invoice is one of this gateway's own");
  return terms;
}

void Buyer::buy(Order order, std::function<void(Bought)> done) {
  auto terms = judge(order, clock_.now());
  if (!terms) return done(no_sale(terms.error().reason, terms.error().is_ours));
  // A node that is away would leave the payment unknown, though none was made.
  auto& node = wallet_.node;
  node.ping([this, order = std::move(order), terms = *terms,
             done = std::move(done)](const Result<std::string>& said) mutable {
    if (!said) return done(no_sale("the Lightning node of this gateway can not be reached", true));
    if (auto not_begun = write_down(order, terms, clock_.now())) return done(*not_begun);
    pay(std::move(order), terms, std::move(done));
  });
}

// Nothing: it is on disk, and may be paid.
std::optional<Buyer::Bought> Buyer::write_down(const Order& order, const Terms& terms, Time now) {
  PurchaseRecord purchase;
  purchase.payment_hash = terms.payment_hash;
  purchase.shelf = order.shelf;
  purchase.route = order.route;
  purchase.upstream = order.upstream;
  purchase.buyer = order.buyer;
  purchase.scheme = order.challenge.scheme;
  purchase.ticket = order.challenge.ticket;
  purchase.amount_msat = terms.amount_msat;
  purchase.held = terms.held;
  purchase.created = now;
  const auto begun = book_.begin(purchase, order.total);
  if (!begun) return no_sale(kUnreadable, true);
  switch (*begun) {
    case PurchaseBook::Begun::yes:
      return std::nullopt;
    case PurchaseBook::Begun::known: {
      Bought known = no_sale("it shows an invoice that was paid already");
      known.state = Bought::State::known;
      return known;
    }
    case PurchaseBook::Begun::over_total:
      return no_sale("what this route may spend on purchases a day is used up", true);
  }
  return std::nullopt;
}

void Buyer::pay(Order order, Terms terms, std::function<void(Bought)> done) {
  payment::PayRequest request;
  request.bolt11 = order.challenge.invoice;
  request.fee_max_msat = terms.fee_max_msat;
  request.timeout_seconds = kPaySeconds;
  auto& node = wallet_.node;
  node.pay(std::move(request),
           [this, order = std::move(order), terms, done = std::move(done)](
               const Result<PayStatus>& status) { done(settle(order, terms, status)); });
}

Buyer::Bought Buyer::settle(const Order& order, const Terms& terms,
                            const Result<PayStatus>& status) {
  const std::string hash = to_hex(as_bytes_view(terms.payment_hash));
  const Time now = clock_.now();
  if (status && status->state == PayStatus::State::failed) {
    // If it is not noted, it is asked about after a restart.
    (void)book_.fail(terms.payment_hash, status->reason, now);
    return no_sale("its invoice could not be paid");
  }
  Bought bought;
  if (!status || status->state == PayStatus::State::pending) {
    bought.state = Bought::State::unknown;
    bought.why = {kUnderWay, true};
    bought.note = fmt::format("a payment of {} sats to {} is unknown, payment {}",
                              payment::format_sats(terms.amount_msat), order.upstream, hash);
    const std::lock_guard lock(mutex_);
    shelves_[order.shelf].unknown = terms.payment_hash;
    return bought;
  }
  bought.state = Bought::State::yes;
  bought.cost = cost_of_msat(terms.amount_msat + status->fee_msat, terms.nano_per_sat);
  bought.note = fmt::format("bought of {} for {} sats and a fee of {}, payment {}", order.upstream,
                            payment::format_sats(terms.amount_msat),
                            payment::format_sats(status->fee_msat), hash);
  bought.ticket = {terms.payment_hash,
                   payment::write_seller_credential(order.challenge.scheme, order.challenge.ticket,
                                                    status->preimage)};
  // If it is not noted, it is found again after a restart.
  (void)book_.succeed(terms.payment_hash, {status->preimage, status->fee_msat, bought.cost}, now);
  return bought;
}

// To as many as it is good for, if that is known.
void Buyer::share(Shelf& shelf, Woken& woken) {
  while (!shelf.waiters.empty() && (shelf.worth == 0 || shelf.uses < shelf.worth)) {
    ++shelf.uses;
    woken.emplace_back(std::move(shelf.waiters.front().done), use(*shelf.ticket));
    shelf.waiters.pop_front();
  }
}

void Buyer::refuse_all(Shelf& shelf, const NoSale& why, Woken& woken) {
  for (Waiter& waiter : shelf.waiters)
    woken.emplace_back(std::move(waiter.done), refused(why.reason, why.is_ours));
  shelf.waiters.clear();
}

void Buyer::end_turn(const std::string& shelf, End end, Ticket ticket, NoSale why) {
  Woken woken;
  std::optional<Waiter> next;
  const bool is_spent = end == End::once || end == End::worthless;
  if (is_spent) (void)book_.mark_spent(ticket.payment_hash);
  {
    const std::lock_guard lock(mutex_);
    Shelf& here = shelves_[shelf];
    if (end == End::good) {
      here.ticket = std::move(ticket);
      here.uses = 1;
      share(here, woken);
    } else if (end == End::worthless) {
      here.shut_until = later(clock_.now(), kShutSeconds);
      here.shut_why = why.reason;
      refuse_all(here, why, woken);
    } else if (end == End::refused) {
      refuse_all(here, why, woken);
    }
    here.busy = !here.waiters.empty();
    if (here.busy) {
      next = std::move(here.waiters.front());
      here.waiters.pop_front();
    }
  }
  for (auto& [done, turn] : woken)
    done(std::move(turn));
  if (next) take_turn(shelf, next->stale, std::move(next->done));
}

void Buyer::tick(Time now) {
  std::vector<std::pair<std::string, Hash256>> unknown;
  {
    const std::lock_guard lock(mutex_);
    if (now < ask_at_) return;
    ask_at_ = later(now, kAskSeconds);
    for (auto& [name, shelf] : shelves_) {
      if (!shelf.unknown || shelf.busy) continue;
      shelf.busy = true;
      unknown.emplace_back(name, *shelf.unknown);
    }
  }
  for (const auto& [name, payment] : unknown) {
    resolve(name, payment, [this, name](const Turn& given) {
      if (given.kind == Turn::Kind::buy) end_turn(name, End::nothing);
    });
  }
}

// What was bought is on disk, and found again.
void Buyer::forget_some() {
  if (shelves_.size() < kShelvesMax) return;
  const Time now = clock_.now();
  std::erase_if(shelves_, [now](const auto& one) {
    const Shelf& shelf = one.second;
    return !shelf.busy && !shelf.unknown && shelf.shut_until <= now;
  });
}

}  // namespace satgate::flow
