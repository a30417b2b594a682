// The embedded wallet for development: real signed BOLT 11 invoices on regtest that nobody can pay.
// Instead of a payment, a person calls settle(), which alone hands out a preimage. It pays invoices
// of its own, in the same way, and no others. There is no mainnet in it.
//
// What an invoice is about is sealed into its preimage (HMAC-SHA256 under the node's key), so that
// an invoice, or its node_id, is known again after a restart. Files, both 0600:
//   DATA_DIR/dev-wallet.key      the node's secret key, 64 hex digits; made when missing
//   DATA_DIR/dev-wallet.settled  a line for each settled invoice: payment hash, msat
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "base/time.h"
#include "node/back_end.h"
#include "node/waits.h"

namespace satgate::node {

class DevWallet final : public BackEnd {
 public:
  static Result<std::unique_ptr<DevWallet>> open(Waits& waits, const std::filesystem::path& dir,
                                                 const Clock& clock);

  // As if it had been paid: the preimage. Again for one that is settled already. Any thread. By
  // hash for invoices made since the start; by its text (BOLT 11) for every one of this wallet.
  Result<Hash256> settle(const Hash256& payment_hash);
  Result<Hash256> settle(std::string_view bolt11);

  std::string_view provider() const override { return "dev"; }
  net::Task<Result<MadeInvoice>> create(InvoiceRequest request) override;
  net::Task<Result<InvoiceStatus>> lookup(InvoiceKey key) override;
  net::Task<Result<PayStatus>> pay(Payment payment) override;
  net::Task<Result<std::optional<PayStatus>>> find(Hash256 payment_hash) override;
  net::Task<> listen(const Hint& hint) override;
  net::Task<Result<std::string>> ping() override;

 private:
  struct Terms {
    Hash256 secret{};  // the payment secret of the invoice
    int64_t amount_msat = 0;
    int64_t expires = 0;  // Unix seconds
  };
  DevWallet(Waits& waits, std::filesystem::path settled_file, const Hash256& key,
            const Clock& clock)
      : waits_(waits), settled_file_(std::move(settled_file)), key_(key), clock_(clock) {}
  Hash256 preimage_of(const Terms& terms) const;
  Result<Hash256> settle_terms(const Terms& terms);
  std::optional<Terms> terms_of(const InvoiceKey& key);
  Result<void> read_settled();

  Waits& waits_;
  const std::filesystem::path settled_file_;
  const Hash256 key_;
  const Clock& clock_;
  std::mutex mutex_;  // guards what follows
  std::map<Hash256, Terms> made_;
  std::deque<Hash256> order_;  // of made_, the oldest first
  std::map<Hash256, int64_t> settled_;
  Hint hint_;
};

}  // namespace satgate::node
