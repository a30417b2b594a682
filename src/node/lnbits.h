// A wallet of LNbits. Paying needs its admin key, all else the invoice key. Whole satoshis.
// https://docs.lnbits.org, "/docs" of a server.
#pragma once

#include <memory>

#include "node/answer.h"
#include "node/back_end.h"

namespace satgate::node {

class Lnbits final : public BackEnd {
 public:
  // `webhook_url`: told of each payment; may be empty.
  Lnbits(std::unique_ptr<RestClient> client, std::string webhook_url)
      : client_(std::move(client)), webhook_url_(std::move(webhook_url)) {}

  std::string_view provider() const override { return "lnbits"; }
  int64_t unit_msat() const override { return 1'000; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  net::Task<Rested<RestAnswer>> get(std::string path);
  // Nothing: the wallet has no such payment.
  net::Task<Result<std::optional<Json>>> payment(Hash256 hash);
  net::Task<Result<int64_t>> fee_reserve(std::string bolt11);

  std::unique_ptr<RestClient> client_;
  const std::string webhook_url_;
};

}  // namespace satgate::node
