// The Lightning node that is paid and pays, and what was sold and bought with it.
#pragma once

#include "console/record_api.h"
#include "flow/gateway.h"
#include "net/task.h"
#include "store/invoice_book.h"

namespace satgate::console {

class LightningApi {
 public:
  explicit LightningApi(flow::Gateway& gateway) : gateway_(gateway) {}

  Reply status();
  // `paid`: only those; `state`: only these; `limit`: how many, the newest first.
  Reply invoices(const Query& query);
  // What was bought of upstreams. `limit`: how many, the newest first.
  Reply purchases(const Query& query);
  // `payment`, a hash or the name of a paid token: what is left of it goes to `invoice`.
  net::Task<Reply> refund(const Json& body);
  // The invoices made since `since`, at most `limit`, and pending refunds: compared with the node.
  net::Task<Reply> reconcile(const Json& body);
  // The development wallet: as if `invoice` had been paid. The preimage.
  Reply settle(const Json& body);

 private:
  std::expected<flow::RefundOrder, ApiError> read_refund(const Json& body) const;
  std::expected<Hash256, ApiError> payment_of(const std::string& which) const;
  Json shown(const store::ListedInvoice& one, Time now) const;

  flow::Gateway& gateway_;
};

}  // namespace satgate::console
