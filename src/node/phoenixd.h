// phoenixd (port 9740): forms in, JSON out, whole satoshis. https://phoenix.acinq.co/server/api
#pragma once

#include <memory>

#include "node/back_end.h"

namespace satgate::node {

class Phoenixd final : public BackEnd {
 public:
  // `webhook_url`: told of each payment; may be empty.
  Phoenixd(std::unique_ptr<RestClient> client, std::string webhook_url)
      : client_(std::move(client)), webhook_url_(std::move(webhook_url)) {}

  std::string_view provider() const override { return "phoenixd"; }
  int64_t unit_msat() const override { return 1'000; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  net::Task<Rested<RestAnswer>> get(std::string path);

  std::unique_ptr<RestClient> client_;
  const std::string webhook_url_;
};

}  // namespace satgate::node
