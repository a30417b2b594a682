// LightningNode: what the gateway asks of a Lightning node, whichever it is. Amounts are whole
// millisatoshis ("msat", BOLT 2). Room node/ has the back ends: LND, Core Lightning, phoenixd, ...
//
//   node.create({.amount_msat = 10'000, .description = "1 call", .expires_seconds = 600},
//               [](Result<Invoice> made) { ... });
//
// Any thread may call. Each callback is called exactly once, later, on the node's own loop, and
// must not block there. An error says that the node could not be asked or gave no answer that can
// be trusted: nothing is known then, so nothing is given away (Law 4), and of a payment nobody
// knows whether it was made. Its sentence holds no secret.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::payment {

struct InvoiceRequest {
  int64_t amount_msat = 0;
  std::string description;  // UTF-8, at most 639 bytes (BOLT 11, field d)
  int64_t expires_seconds = 3600;
};

// As made, and checked: its text was decoded, its signature is good, it is of the configured
// network, has this hash and asks for exactly the amount that was wanted.
struct Invoice {
  Hash256 payment_hash{};
  std::string bolt11;
  std::string node_id;  // what the node calls it, where that is not the hash; may be empty
  int64_t amount_msat = 0;
  Time expires;
};

struct InvoiceKey {
  Hash256 payment_hash{};
  std::string node_id;  // of the Invoice
};

enum class InvoiceState : uint8_t {
  open,
  accepted,  // held by the node, not yet its own: not paid
  settled,
  expired,  // or cancelled: it can not be paid any more
  unknown,  // the node has no such invoice
};

struct InvoiceStatus {
  InvoiceState state = InvoiceState::unknown;
  int64_t received_msat = 0;  // settled: what came, which may be more or less than was asked for
};

struct PayRequest {
  std::string bolt11;
  int64_t fee_max_msat = 0;
  int64_t timeout_seconds = 60;
};

struct PayStatus {
  enum class State : uint8_t {
    succeeded,
    failed,   // for good: nothing has left, and nothing will
    pending,  // or not known: it may still succeed. Never pay another invoice for the same debt
  };
  State state = State::pending;
  Hash256 preimage{};    // succeeded
  int64_t fee_msat = 0;  // succeeded
  std::string reason;    // failed, pending: a sentence
};

template <class T>
using Answered = std::function<void(Result<T>)>;

class LightningNode {
 public:
  virtual ~LightningNode() = default;

  virtual std::string_view provider() const = 0;  // "lnd"
  // An invoice is for a whole multiple of this, 1 or 1000; create() refuses others.
  virtual int64_t unit_msat() const = 0;

  // An invoice that was not asked for by any other call.
  virtual void create(InvoiceRequest request, Answered<Invoice> done) = 0;
  virtual void lookup(InvoiceKey key, Answered<InvoiceStatus> done) = 0;
  // Pays once. The answer `pending` is asked about again with find().
  virtual void pay(PayRequest request, Answered<PayStatus> done) = 0;
  // What became of the payment with this hash. `failed`: it was never begun, or has failed.
  virtual void find(const Hash256& payment_hash, Answered<PayStatus> done) = 0;
  // From now on calls `hint` with the hash of an invoice that has probably been paid: only a hint,
  // ask lookup(). A node that can not say so by itself is asked every now and then, or never calls.
  virtual void watch(std::function<void(const Hash256&)> hint) = 0;
  // Whether the node can be reached with these credentials; for `status` and `doctor`.
  virtual void ping(Answered<std::string> done) = 0;  // its alias or version, for people
};

}  // namespace satgate::payment
