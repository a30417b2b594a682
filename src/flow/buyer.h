// The buyer pays what upstreams ask for (402 with a Lightning challenge), out of the node of this
// gateway and for calls that hold the money for it, and keeps what it bought for later calls.
//
// A shelf is where something bought is kept: whose calls may use it, and for what. Of a shelf one
// call at a time buys; others wait, and use what it has bought:
//
//   begin(shelf, stale, ...)  ->  use a ticket | it is your turn | refused
//   your turn: buy(order, ...); ask the upstream with the ticket; end_turn(shelf, how it went)
//
// A payment is in the book before it is made. What a crash or the node leaves unknown is asked
// about until it is known, and until then nothing else is bought for that shelf: the same debt is
// never paid twice.
//
// Any thread. Callbacks come later, from the node's loop, or from the caller.
#pragma once

#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/crypto.h"
#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "payment/bolt11.h"
#include "payment/exchange_rate.h"
#include "payment/lightning_node.h"
#include "payment/seller_challenge.h"
#include "store/invoice_book.h"
#include "store/purchase_book.h"

namespace satgate::flow {

// What was bought: the value of Authorization that shows it.
struct Ticket {
  Hash256 payment_hash{};
  std::string authorization;
};

// Nothing is bought. `is_ours`: it is not the upstream that is to blame.
struct NoSale {
  std::string reason;  // a sentence
  bool is_ours = false;
};

class Buyer {
 public:
  struct Wallet {
    payment::LightningNode& node;
    payment::Network network;
    std::optional<int64_t> nano_per_sat;          // where it is fixed
    const payment::ExchangeRate* rate = nullptr;  // else

    std::optional<int64_t> nano_per_sat_at(Time now) const {
      return rate ? rate->at(now) : nano_per_sat;
    }
  };
  // All live longer, but for the node, which may end first: then no callback comes any more.
  Buyer(store::PurchaseBook& book, const store::InvoiceBook& own_invoices, const Clock& clock,
        const Wallet& wallet);
  // What a run before this one has left unknown.
  Result<void> open();

  // What is on the shelf, for a call that was not asked to pay yet. Without I/O.
  std::optional<Ticket> at_hand(std::string_view shelf);

  struct Turn {
    enum class Kind : uint8_t { use, buy, refused };
    Kind kind = Kind::refused;
    Ticket ticket;  // use
    NoSale why;     // refused
  };
  // A call was asked to pay. `stale`: the ticket that it has shown, which is spent.
  void begin(const std::string& shelf, const std::optional<Hash256>& stale,
             std::function<void(Turn)> done);

  struct Order {
    std::string shelf, route, upstream;
    std::string buyer;  // the token, by name
    payment::SellerChallenge challenge;
    Money max;            // with the routing fee
    int fee_percent = 1;  // of the amount; a satoshi is always allowed
    std::optional<store::PurchaseBook::Total> total;
  };
  struct Bought {
    enum class State : uint8_t {
      yes,
      no,
      known,    // this very invoice is paid already: ask the upstream for another
      unknown,  // it may have been paid, for as much as `max`
    };
    State state = State::no;
    Ticket ticket;     // yes
    Money cost;        // yes
    std::string note;  // yes, unknown: for the record
    NoSale why;        // no, unknown
  };
  // REQUIRES: it is the caller's turn.
  void buy(Order order, std::function<void(Bought)> done);

  enum class End : uint8_t {
    good,       // the ticket works, as far as anybody knows: others may use it
    once,       // it worked, and is spent
    worthless,  // the upstream has taken the payment, and not its proof
    nothing,    // nothing was bought; whoever waits may try
    refused,    // nothing was bought, and whoever waits will fare no better
  };
  void end_turn(const std::string& shelf, End end, Ticket ticket = {}, NoSale why = {});

  // Asks about what is unknown. About once a second.
  void tick(Time now);

 private:
  struct Waiter {
    std::optional<Hash256> stale;
    std::function<void(Turn)> done;
  };
  struct Shelf {
    std::optional<Ticket> ticket;
    size_t uses = 0;   // of the ticket
    size_t worth = 0;  // how many calls the last one was good for; 0: not known
    bool busy = false;
    std::deque<Waiter> waiters;
    std::optional<Hash256> unknown;  // a payment
    std::optional<Hash256> spent;    // the last ticket that was
    Time shut_until;
    std::string shut_why;
  };
  using Taken = std::function<void(Turn)>;
  using Woken = std::deque<std::pair<Taken, Turn>>;

  struct Terms {
    Hash256 payment_hash{};
    int64_t amount_msat = 0;
    int64_t fee_max_msat = 0;
    int64_t nano_per_sat = 0;
    Money held;
  };
  std::expected<Terms, NoSale> judge(const Order& order, Time now) const;
  std::optional<Bought> write_down(const Order& order, const Terms& terms, Time now);
  void pay(Order order, Terms terms, std::function<void(Bought)> done);
  Bought settle(const Order& order, const Terms& terms, const Result<payment::PayStatus>& status);

  void take_turn(const std::string& shelf, const std::optional<Hash256>& stale, Taken done);
  void resolve(const std::string& shelf, const Hash256& payment, Taken done);
  Turn resolved(const std::string& shelf, const Hash256& payment,
                const Result<payment::PayStatus>& status);
  void give(const std::string& shelf, Turn turn, const Taken& done);
  bool note_stale(Shelf& shelf, const Hash256& stale);
  static void share(Shelf& shelf, Woken& woken);
  static void refuse_all(Shelf& shelf, const NoSale& why, Woken& woken);
  void forget_some();

  store::PurchaseBook& book_;
  const store::InvoiceBook& own_invoices_;
  const Clock& clock_;
  const Wallet wallet_;
  std::mutex mutex_;  // guards what follows
  std::map<std::string, Shelf, std::less<>> shelves_;
  Time ask_at_;
};

// Rounded up, at nano-credits a satoshi.
Money cost_of_msat(int64_t msat, int64_t nano_per_sat);

}  // namespace satgate::flow
