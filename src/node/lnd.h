// LND over its REST proxy (port 8080): lnrpc and routerrpc in the JSON of gRPC-gateway, where int64
// is text and bytes are base64. https://lightning.engineering/api-docs/api/lnd/
#pragma once

#include <memory>

#include "node/back_end.h"

namespace satgate::node {

class Lnd final : public BackEnd {
 public:
  explicit Lnd(std::unique_ptr<RestClient> client) : client_(std::move(client)) {}

  std::string_view provider() const override { return "lnd"; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  std::unique_ptr<RestClient> client_;
  int64_t settle_index_ = 0;  // of the last settled invoice we were told of
};

}  // namespace satgate::node
