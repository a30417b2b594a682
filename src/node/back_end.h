// What one kind of node has to be able to say, as coroutines on the loop of its Waits. Nothing that
// it returns is believed: CheckedNode checks it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"
#include "net/task.h"
#include "node/rest_client.h"
#include "payment/lightning_node.h"

namespace satgate::node {

using payment::InvoiceKey;
using payment::InvoiceRequest;
using payment::InvoiceState;
using payment::InvoiceStatus;
using payment::PayRequest;
using payment::PayStatus;

struct MadeInvoice {
  std::string bolt11;
  Hash256 payment_hash{};  // as the node said
  std::string node_id;
};

struct Payment {
  PayRequest request;
  Hash256 payment_hash{};
  int64_t amount_msat = 0;
};

using Hint = std::function<void(const Hash256&)>;

class BackEnd {
 public:
  virtual ~BackEnd() = default;

  virtual std::string_view provider() const = 0;
  virtual int64_t unit_msat() const { return 1; }
  virtual net::Task<Result<MadeInvoice>> create(InvoiceRequest request) = 0;
  virtual net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) = 0;
  // An error: nothing was sent to the node. `failed`: the node, or we, refused it; whether nothing
  // is under way is asked of find() then.
  virtual net::Task<Result<PayStatus>> pay(Payment payment) = 0;
  // Nothing: the node knows of no such payment.
  virtual net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) = 0;
  // Tells of invoices that were paid from now on. Returns when it can not go on, at once if the
  // node has no such thing; it is called again after a pause, and open invoices are looked up in
  // between.
  virtual net::Task<> listen(const Hint& hint) = 0;
  virtual net::Task<Result<std::string>> ping() = 0;
};

inline PayStatus pay_status(PayStatus::State state, std::string reason) {
  PayStatus status;
  status.state = state;
  status.reason = std::move(reason);
  return status;
}
inline PayStatus refused(std::string reason) {
  return pay_status(PayStatus::State::failed, std::move(reason));
}
inline PayStatus not_known(std::string reason) {
  return pay_status(PayStatus::State::pending, std::move(reason));
}
inline PayStatus succeeded(const Hash256& preimage, int64_t fee_msat) {
  PayStatus status;
  status.state = PayStatus::State::succeeded;
  status.preimage = preimage;
  status.fee_msat = fee_msat;
  return status;
}

// A request to pay that got no answer.
inline Result<PayStatus> pay_unanswered(const RestFailure& failure) {
  if (!failure.sent) return fail(failure.message);
  return not_known(failure.message);
}

// How long the node may take for what should not take it longer than `timeout_seconds`.
inline net::Milliseconds pay_wait(int64_t timeout_seconds) {
  return net::Milliseconds((timeout_seconds + 15) * 1'000);
}

}  // namespace satgate::node
