// The invoices that were made here: so that what a buyer may still pay is known after a crash, and
// what was paid can be told and compared with the node. In SQLite alone; every method blocks for
// it. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"
#include "store/shared_database.h"

namespace satgate::store {

struct InvoiceRecord {
  Hash256 payment_hash{};
  std::string node_id;  // what the node calls it; may be empty
  std::string bolt11;
  int64_t amount_msat = 0;
  std::string description;
  Time created;
  Time expires;
  std::optional<Time> paid;   // when it was found settled
  int64_t received_msat = 0;  // paid: what came

  bool operator==(const InvoiceRecord&) const = default;
};

// What has become of an invoice, for people.
enum class PaymentState : uint8_t {
  open,
  expired,    // and nobody has paid, as far as is known here
  paid,       // and opened no token yet
  used,       // opened its token
  underpaid,  // less came than was asked for: it opens nothing
  refunding,
  refunded,
};

std::string_view to_string(PaymentState state);  // "open"
std::optional<PaymentState> parse_payment_state(std::string_view text);

struct ListedInvoice {
  InvoiceRecord invoice;
  PaymentState state = PaymentState::open;
  int64_t refund_msat = 0;  // refunding, refunded: what goes back
  int64_t used_msat = 0;    // and what had been spent before
};

class InvoiceBook {
 public:
  explicit InvoiceBook(SharedDatabase& shared) : shared_(shared) {}

  // On disk on return, before anybody is shown it.
  Result<void> add(const InvoiceRecord& invoice);
  // Once: one that is paid already stays as it is, unless too little had come until then.
  Result<void> mark_paid(const Hash256& payment_hash, int64_t received_msat, Time now);
  Result<std::optional<InvoiceRecord>> find(const Hash256& payment_hash) const;
  // The newest first.
  struct Filter {
    bool paid_only = false;  // whatever became of it then; by when they were paid
    std::optional<PaymentState> state;
  };
  Result<std::vector<ListedInvoice>> list(size_t count, const Filter& filter, Time now) const;
  // Those made from then on, the newest first.
  Result<std::vector<InvoiceRecord>> made_since(Time since, size_t count) const;
  // Those that nobody has paid, and nobody can pay any more.
  Result<void> forget_expired(Time before);

 private:
  SharedDatabase& shared_;
};

}  // namespace satgate::store
