// A daemon of Electrum 4.3 by JSON-RPC. Amounts are decimal bitcoins, whole satoshis.
// https://electrum.readthedocs.io/en/latest/jsonrpc.html
#pragma once

#include <memory>

#include "node/answer.h"
#include "node/back_end.h"

namespace satgate::node {

class Electrum final : public BackEnd {
 public:
  explicit Electrum(std::unique_ptr<RestClient> client) : client_(std::move(client)) {}

  std::string_view provider() const override { return "electrum"; }
  int64_t unit_msat() const override { return 1'000; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  struct Failure {
    std::string message;
    bool sent = false;
    bool by_node = false;  // it is Electrum's own error
  };
  net::Task<std::expected<Json, Failure>> call(std::string method, Json parameters,
                                               net::Milliseconds wait, bool repeatable);
  net::Task<Result<PayStatus>> find_settled(Hash256 payment_hash);
  net::Task<Result<bool>> has_open_htlcs();

  std::unique_ptr<RestClient> client_;
  int64_t calls_ = 0;
};

// "0.00001000": satoshis in bitcoins.
std::string btc_text(int64_t sat);

}  // namespace satgate::node
