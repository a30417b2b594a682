// The invoices that were made here: so that what a buyer may still pay is known after a crash, and
// what was paid can be told and compared with the node. In SQLite alone; every method blocks for
// it. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
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

class InvoiceBook {
 public:
  explicit InvoiceBook(SharedDatabase& shared) : shared_(shared) {}

  // On disk on return, before anybody is shown it.
  Result<void> add(const InvoiceRecord& invoice);
  // Once: one that is paid already stays as it is.
  Result<void> mark_paid(const Hash256& payment_hash, int64_t received_msat, Time now);
  Result<std::optional<InvoiceRecord>> find(const Hash256& payment_hash) const;
  // The newest first.
  Result<std::vector<InvoiceRecord>> list(size_t count, bool paid_only) const;
  // Those that nobody has paid, and nobody can pay any more.
  Result<void> forget_expired(Time before);

 private:
  SharedDatabase& shared_;
};

}  // namespace satgate::store
