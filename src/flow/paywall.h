// The paywall sells calls over Lightning (L402): it makes the challenge of a 402, and opens the
// paid token of who has paid it.
//
// A challenge is an invoice and a macaroon that carries all that is sold, signed, so an offer that
// nobody pays leaves nothing behind but the invoice. What costs the node work is bounded: invoices
// are made ahead of need, one client is shown the same one again when it asks too often, and there
// is a bound on all that are open.
//
// A payment is believed when two things are true: the buyer knows the preimage, and the node says
// that the invoice is settled and what came is enough. Then the token gets a record, as others get
// theirs when they are minted, and spends from it by the same rules. One invoice opens one token,
// however often and by however many it is shown.
//
// Any thread. Callbacks come later, from the node's loop or from the caller.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "contract/refusal.h"
#include "contract/verified_token.h"
#include "flow/refunds.h"
#include "payment/lightning_node.h"
#include "store/bank.h"
#include "token/keyring.h"

namespace satgate::flow {

// charge: how what a route sells is sold.
struct ChargeSettings {
  uint32_t calls = 1;              // that one payment buys, where a call has a flat price
  Money credit;                    // that one payment buys at least, where it has not
  int64_t token_seconds = 3600;    // a paid token is good for, from its challenge on
  int64_t invoice_seconds = 600;   // an invoice can be paid for; less than the token's
  bool only_if_signaled = false;   // 402 only to clients that say that they can pay; others get 401
  std::string realm = "satgate";   // of the Payment scheme
  std::string network;             // of the node, as invoices name it
  bool charges_failures = true;    // a call whose upstream failed is charged to who has paid
  size_t pool = 8;                 // invoices kept ready for each thing that is asked for
  size_t open_of_one_client = 32;  // invoices; more asks are shown these again
  size_t open_max = 10'000;        // invoices of all clients
};

// What is sold by one payment.
struct Product {
  int64_t amount_sats = 0;
  Money credit;
  uint32_t calls = 0;                // as in Sale
  bool is_one = false;               // a single call, whose most the credit is
  std::string description;           // of the invoice, and for people
  std::vector<std::string> caveats;  // without `expires`
};

class Paywall {
 public:
  // `bank` and `clock` live longer. `node` is the paywall's own.
  Paywall(store::Bank& bank, const Clock& clock, std::unique_ptr<payment::LightningNode> node);
  ~Paywall();
  Paywall(const Paywall&) = delete;
  Paywall& operator=(const Paywall&) = delete;

  using Offered = std::function<void(Result<PaymentOffer>)>;
  // The challenge for a client at this address, signed with `key`.
  void offer(const ChargeSettings& settings, Product product, std::string_view client,
             std::shared_ptr<const token::Keyring> keyring, Offered done);

  enum class Redeemed : uint8_t { yes, not_paid, refunded, unavailable };
  // Opens the token of a chain that was verified, and whose preimage was shown. REQUIRES:
  // chain->sale.
  void redeem(std::shared_ptr<const TokenChain> chain, std::function<void(Redeemed)> done);

  // From now on payments are noted as the node tells of them, whether or not the buyer comes back.
  void watch();
  // Somebody says that this invoice was paid. Only a hint: the node is asked. What is unknown here,
  // or paid already, is passed over.
  void hear(const Hash256& payment_hash);

  payment::LightningNode& node() { return *node_; }
  Refunds& refunds() { return refunds_; }

  // Forgets what can not be paid any more. About once a second.
  void tick(Time now);

 private:
  struct Ready {
    payment::Invoice invoice;
    Time expires;
  };
  // What invoices are the same for: their amount and description.
  using Kind = std::pair<int64_t, std::string>;
  struct Shelf {
    std::deque<Ready> ready;
    size_t making = 0;
    Time asked;
  };
  struct Shown {
    Kind kind;
    Ready ready;
  };
  // An invoice that nobody has paid yet, as far as we know.
  struct Open {
    Time expires;
    std::string node_id;
    std::string client;  // who was shown it last; empty: nobody yet
  };

  std::optional<Ready> take(const ChargeSettings& settings, const Kind& kind,
                            const std::string& client, Time now, std::string& why);
  void show(const std::string& client, const Kind& kind, const Ready& ready);
  void show_locked(const std::string& client, const Kind& kind, const Ready& ready);
  Result<std::string> node_id_of(const Hash256& payment_hash);
  void close(const Hash256& payment_hash);
  std::optional<payment::InvoiceKey> unpaid(const Hash256& payment_hash);
  void note(const Hash256& payment_hash, const Result<payment::InvoiceStatus>& status);
  void restock(const ChargeSettings& settings, const Kind& kind);
  void make(const ChargeSettings& settings, const Kind& kind,
            std::function<void(Result<Ready>)> done);
  Result<Ready> keep(const payment::Invoice& invoice, const Kind& kind);
  Redeemed settle(const TokenChain& chain, const Result<payment::InvoiceStatus>& status);
  Redeemed not_enough(const TokenChain& chain, const payment::InvoiceStatus& status);
  bool record_payment(const TokenChain& chain, const std::string& name, Time now);

  store::Bank& bank_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::map<Kind, Shelf> shelves_;
  std::map<std::string, std::deque<Shown>, std::less<>> shown_;  // by client, the oldest first
  std::map<Hash256, Open> open_;
  size_t making_ = 0;
  std::set<Hash256> heard_;  // that the node is asked about because of a hint
  Refunds refunds_{bank_, clock_};
  // Last: it ends first, and with it every callback.
  std::unique_ptr<payment::LightningNode> node_;
};

// What the ids of challenges of the Payment scheme are made with.
std::string payment_secret(const token::Key& key);

// The name of the token that a payment opens: `paid-` and digits of its hash.
std::string paid_token_name(const Hash256& payment_hash);

}  // namespace satgate::flow
