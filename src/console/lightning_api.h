// The Lightning node that is paid and pays, and what was sold and bought with it.
#pragma once

#include "console/record_api.h"
#include "flow/gateway.h"

namespace satgate::console {

class LightningApi {
 public:
  explicit LightningApi(flow::Gateway& gateway) : gateway_(gateway) {}

  Reply status();
  // `paid`: only those; `limit`: how many, the newest first.
  Reply invoices(const Query& query);
  // What was bought of upstreams. `limit`: how many, the newest first.
  Reply purchases(const Query& query);
  // The development wallet: as if `invoice` had been paid. The preimage.
  Reply settle(const Json& body);

 private:
  flow::Gateway& gateway_;
};

}  // namespace satgate::console
