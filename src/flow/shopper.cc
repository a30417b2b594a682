#include "flow/shopper.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "base/text.h"
#include "contract/spend_limits.h"

namespace satgate::flow {
namespace {

// Each time somebody else has bought, and others were faster to use it.
constexpr size_t kRoundsMax = 256;

constexpr std::string_view kCode = "upstream_payment_failed";
constexpr const char* kTaken =
    "the upstream took a payment and refuses what it bought; it is paid nothing more for a minute";

// Whose calls may use it, for what. Parts are told apart by what is in none of them.
std::string shelf_of(const PayTerms& terms, const Route& route, const Call& call,
                     const PurchaseRight& right) {
  const std::string whose = terms.shared ? "everybody" : right.scope;
  const std::string what = terms.reuse == PayTerms::Reuse::route
                               ? "*"
                               : fmt::format("{} {}", call.method, call.endpoint);
  return fmt::format("{}\n{}\n{}\n{}", whose, call.upstream, route.name, what);
}

Result<payment::SellerChallenge> challenge_of(const wire::ResponseHead& head) {
  std::vector<std::string_view> values;
  for (const wire::Field& field : head.fields) {
    if (equals_ignore_case(field.name, "www-authenticate")) values.push_back(field.value);
  }
  return payment::read_seller_challenge(values);
}

}  // namespace

Shopper::Shopper(Worker& worker, const Settings& settings, const Route& route, const Call& call,
                 const PurchaseRight& right)
    : worker_(worker),
      buyer_(*worker.gateway.buyer),
      settings_(settings),
      route_(route),
      right_(right),
      shelf_(shelf_of(*route.pay, route, call, right)),
      ticket_(buyer_.at_hand(shelf_)) {}

Shopper::~Shopper() {
  if (has_turn_) buyer_.end_turn(shelf_, Buyer::End::good, *ticket_);
}

std::string_view Shopper::authorization() const {
  return ticket_ ? std::string_view(ticket_->authorization) : std::string_view();
}

// Some sellers say 401 to what they do not take any more.
bool Shopper::is_refusal(const wire::ResponseHead& head) const {
  return head.status == 402 || (head.status == 401 && ticket_);
}

Shopper::Verdict Shopper::fail(const NoSale& why) {
  failed_ = true;
  fault_.source = why.is_ours ? Fault::Source::gateway : Fault::Source::upstream;
  fault_.sent_upstream = true;
  fault_.http_status = why.is_ours ? 503 : 502;
  fault_.code = kCode;
  fault_.message = fmt::format("The upstream asks to be paid for this call: {}.", why.reason);
  return Verdict::fail;
}

net::Task<Shopper::Verdict> Shopper::judge(const wire::ResponseHead& head) {
  if (has_turn_) co_return end_purchase(head);
  if (!is_refusal(head)) co_return Verdict::hand_on;
  if (++rounds_ > kRoundsMax) co_return fail({"others use up what was bought", true});
  const bool has_shown = ticket_.has_value();
  if (has_shown) stale_ = ticket_->payment_hash;
  ticket_.reset();
  auto challenge = challenge_of(head);
  // Some sellers say how to pay only to who shows nothing.
  if (!challenge) co_return has_shown ? Verdict::ask_again : Verdict::hand_on;
  co_return co_await begin(std::move(*challenge));
}

// The first answer to what this call has bought.
Shopper::Verdict Shopper::end_purchase(const wire::ResponseHead& head) {
  has_turn_ = false;
  if (is_refusal(head)) {
    const NoSale why{kTaken};
    buyer_.end_turn(shelf_, Buyer::End::worthless, *ticket_, why);
    return fail(why);
  }
  const bool once = payment::is_good_once(scheme_);
  buyer_.end_turn(shelf_, once ? Buyer::End::once : Buyer::End::good, *ticket_);
  return Verdict::hand_on;
}

net::Task<Shopper::Verdict> Shopper::begin(payment::SellerChallenge challenge) {
  auto ask = [this](net::Completion<Buyer::Turn> done) {
    buyer_.begin(shelf_, stale_, [done](Buyer::Turn turn) { done(std::move(turn)); });
  };
  Buyer::Turn turn = co_await net::await_callback<Buyer::Turn>(std::move(ask));
  if (turn.kind == Buyer::Turn::Kind::refused) co_return fail(turn.why);
  if (turn.kind == Buyer::Turn::Kind::buy) co_return co_await buy(std::move(challenge));
  ticket_ = std::move(turn.ticket);
  co_return Verdict::ask_again;
}

net::Task<Shopper::Verdict> Shopper::buy(payment::SellerChallenge challenge) {
  scheme_ = challenge.scheme;
  Buyer::Order wanted = order(std::move(challenge));
  auto ask = [this, &wanted](net::Completion<Buyer::Bought> done) {
    buyer_.buy(std::move(wanted), [done](Buyer::Bought bought) { done(std::move(bought)); });
  };
  Buyer::Bought bought = co_await net::await_callback<Buyer::Bought>(std::move(ask));
  co_return take(std::move(bought));
}

Shopper::Verdict Shopper::take(Buyer::Bought bought) {
  using State = Buyer::Bought::State;
  note_ = std::move(bought.note);
  switch (bought.state) {
    case State::yes:
      has_turn_ = true;
      bought_ = bought.cost;
      ticket_ = std::move(bought.ticket);
      return Verdict::ask_again;
    case State::known:
      // Many calls may be shown one invoice. Of the next ones this one is told another.
      buyer_.end_turn(shelf_, Buyer::End::nothing);
      if (std::exchange(asked_anew_, true)) return fail(bought.why);
      return Verdict::ask_again;
    case State::unknown:
      bought_ = right_.max;
      break;
    case State::no:
      break;
  }
  buyer_.end_turn(shelf_, Buyer::End::refused, {}, bought.why);
  return fail(bought.why);
}

Buyer::Order Shopper::order(payment::SellerChallenge challenge) const {
  const PayTerms& terms = *route_.pay;
  Buyer::Order wanted;
  wanted.shelf = shelf_;
  wanted.route = route_.name;
  wanted.upstream = settings_.upstreams[route_.upstream].name;
  wanted.buyer = right_.buyer;
  wanted.challenge = std::move(challenge);
  wanted.max = right_.max;
  wanted.fee_percent = terms.fee_percent;
  if (terms.daily) {
    const Time now = worker_.gateway.clock.now();
    const int64_t midnight = window_span(Window::day, now, settings_.timezone).begin;
    wanted.total = {Time::seconds(midnight), *terms.daily};
  }
  return wanted;
}

Fault Shopper::blame(Fault fault) {
  // An earlier request has left, whatever became of this one.
  if (rounds_ > 0) fault.sent_upstream = true;
  return fault;
}

void Shopper::tell(Outcome& outcome) const {
  outcome.bought = bought_;
  // It was not served, and has paid nothing.
  outcome.free = failed_ && bought_.is_zero();
  if (note_.empty()) return;
  outcome.note = outcome.fault ? fmt::format("{}; {}", outcome.fault->message, note_) : note_;
}

}  // namespace satgate::flow
