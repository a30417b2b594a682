// A wallet by Nostr Wallet Connect (NIP-47): requests and answers are encrypted events that a relay
// hands on. https://github.com/nostr-protocol/nips/blob/master/47.md
//
// An answer is believed when the wallet's key has signed it and it names the request. NIP-44 is
// spoken if the wallet's info event offers it, else NIP-04.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "node/answer.h"
#include "node/back_end.h"
#include "node/nostr_cipher.h"
#include "node/nwc_uri.h"
#include "node/relay_link.h"

namespace satgate::node {

class Nwc final : public BackEnd {
 public:
  // `clock` lives longer.
  static Result<std::unique_ptr<BackEnd>> make(Waits& waits, const Clock& clock,
                                               const NwcConnection& connection,
                                               RelayOptions options);

  std::string_view provider() const override { return "nwc"; }
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
    std::string code;  // of the wallet's own error; empty: it did not answer
  };
  template <class T>
  using Called = std::expected<T, Failure>;

  // What the wallet says of itself in its info event.
  struct Offers {
    NostrScheme scheme = NostrScheme::nip04;
    bool tells_of_payments = false;
  };

  Nwc(const Clock& clock, const NwcConnection& connection, const NostrKey& key,
      const Hash256& shared, std::unique_ptr<RelayLink> link);
  net::Task<Result<Offers>> offers();
  std::optional<Offers> read_offers(const NostrEvent& event) const;
  net::Task<Called<Json>> call(std::string method, Json params, net::Milliseconds timeout);
  Called<Json> read_result(const std::string& method, const Json& answer);
  NostrEvent request_event(const NostrCipher& cipher, std::string content,
                           net::Milliseconds timeout) const;
  bool is_from_wallet(const NostrEvent& event, int64_t kind) const;
  net::Task<Called<std::optional<Json>>> transaction(Hash256 payment_hash);

  const Clock& clock_;
  const Hash256 wallet_;
  const NostrKey key_;
  const Hash256 shared_;
  const std::unique_ptr<RelayLink> link_;
  std::optional<Offers> offers_;  // once they were read
};

}  // namespace satgate::node
