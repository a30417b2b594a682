// What the gateway bought of upstreams for its agents: written down before it is paid, so that a
// crash pays nothing twice and loses nothing that was paid. In SQLite alone; every method blocks
// for it. Thread-safe. What stands here opens doors: tickets and preimages are for nobody's eyes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/money.h"
#include "base/result.h"
#include "base/time.h"
#include "store/shared_database.h"

namespace satgate::store {

struct PurchaseRecord {
  enum class State : uint8_t {
    pending,  // it was to be paid; nobody knows yet what became of that
    succeeded,
    failed,  // for good
  };

  Hash256 payment_hash{};
  std::string shelf;  // where it is kept: who may use it, and for what
  std::string route;
  std::string upstream;
  std::string buyer;   // the token, by name
  std::string scheme;  // how the credential is sent: "L402", "LSAT" or "Payment"
  std::string ticket;  // what the preimage belongs to
  int64_t amount_msat = 0;
  Money held;  // the most that it may cost, with the routing fee
  Time created;
  State state = State::pending;
  bool spent = false;  // the upstream takes it no more
  // succeeded
  int64_t fee_msat = 0;
  Money cost;
  Hash256 preimage{};
  std::optional<Time> ended;  // not pending any more, since
  std::string reason;         // failed: a sentence

  bool operator==(const PurchaseRecord&) const = default;
};

class PurchaseBook {
 public:
  explicit PurchaseBook(SharedDatabase& shared) : shared_(shared) {}

  enum class Begun : uint8_t {
    yes,
    known,       // its invoice is being paid already, or was
    over_total,  // nothing was written
  };
  // At most this in purchases of a route since then, those that are pending at what they hold.
  struct Total {
    Time since;
    Money most;
  };
  // On disk on return, before anything is paid. What failed before may be begun again.
  Result<Begun> begin(const PurchaseRecord& purchase, const std::optional<Total>& total);

  struct Paid {
    Hash256 preimage{};
    int64_t fee_msat = 0;
    Money cost;
  };
  // Once: what has ended stays as it is.
  Result<void> succeed(const Hash256& payment_hash, const Paid& paid, Time now);
  Result<void> fail(const Hash256& payment_hash, std::string_view reason, Time now);
  Result<void> mark_spent(const Hash256& payment_hash);

  Result<std::optional<PurchaseRecord>> find(const Hash256& payment_hash) const;
  // The newest that was paid and is not spent.
  Result<std::optional<PurchaseRecord>> find_usable(std::string_view shelf) const;
  Result<std::vector<PurchaseRecord>> pending() const;
  // The newest first.
  Result<std::vector<PurchaseRecord>> list(size_t count) const;

 private:
  SharedDatabase& shared_;
};

}  // namespace satgate::store
