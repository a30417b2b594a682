// What went back to buyers, or is on its way: so that a crash never pays twice. In SQLite alone;
// every method blocks for it. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"
#include "store/shared_database.h"

namespace satgate::store {

struct RefundRecord {
  enum class State : uint8_t {
    pending,  // it may have been paid: another must not be begun
    paid,
    failed,  // for good: nothing has left
  };
  int64_t id = 0;      // the book gives it
  Hash256 payment{};   // of the invoice that the buyer had paid
  Hash256 target{};    // of the buyer's own invoice
  std::string bolt11;  // that invoice
  int64_t amount_msat = 0;
  int64_t left_msat = 0;  // of the payment, when its token was closed
  State state = State::pending;
  int64_t fee_msat = 0;  // paid: what the node paid beside it
  std::string reason;    // failed, pending: a sentence
  Time created;
  std::optional<Time> ended;

  bool operator==(const RefundRecord&) const = default;
};

std::string_view to_string(RefundRecord::State state);  // "pending"

class RefundBook {
 public:
  explicit RefundBook(SharedDatabase& shared) : shared_(shared) {}

  // On disk on return, with its id. Fails where another one of this payment, or to this invoice,
  // has not failed.
  Result<int64_t> add(const RefundRecord& refund);
  // Of one that is pending; else nothing happens.
  Result<void> end(int64_t id, RefundRecord::State state, int64_t fee_msat, std::string_view reason,
                   Time now);
  // The newest of this payment: the one that counts.
  Result<std::optional<RefundRecord>> of_payment(const Hash256& payment) const;
  Result<std::vector<RefundRecord>> pending() const;

 private:
  SharedDatabase& shared_;
};

}  // namespace satgate::store
