// Core Lightning through clnrest (port 3010): every command of its RPC is a POST.
// https://docs.corelightning.org/reference
#pragma once

#include <memory>

#include "node/answer.h"
#include "node/back_end.h"

namespace satgate::node {

class Cln final : public BackEnd {
 public:
  explicit Cln(std::unique_ptr<RestClient> client) : client_(std::move(client)) {}

  std::string_view provider() const override { return "cln"; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  struct Paid {  // by waitanyinvoice
    Hash256 hash{};
    int64_t index = 0;
  };
  net::Task<Rested<RestAnswer>> call(std::string command, Json parameters, net::Milliseconds wait,
                                     bool repeatable);
  net::Task<Result<Json>> ask(std::string command, Json parameters);
  // Nothing: none came within `seconds`.
  net::Task<Result<std::optional<Paid>>> wait_paid(int64_t after, int64_t seconds);
  net::Task<Result<int64_t>> newest_paid();

  std::unique_ptr<RestClient> client_;
  std::optional<int64_t> pay_index_;  // of the last paid invoice we know of
};

}  // namespace satgate::node
