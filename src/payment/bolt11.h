// BOLT 11 invoices: reading what a node or a seller gives, and writing those of the development
// wallet. Source: github.com/lightning/bolts, 11-payment-encoding.md, whose examples are
// tests/vectors/bolt11. Amounts are whole millisatoshis ("msat").
//
//   TRY_ASSIGN(const Bolt11 invoice, read_bolt11(text));
//   if (invoice.network != Network::mainnet || invoice.amount_msat != 10'000) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "base/result.h"
#include "base/time.h"

namespace satgate::payment {

// The human readable part: lnbc, lntb, lntbs, lnbcrt.
enum class Network : uint8_t { mainnet, testnet, signet, regtest };

inline constexpr int64_t kInvoiceMsatMax = 2'100'000'000'000'000'000;  // all bitcoin there can be

std::string_view to_string(Network network);  // "mainnet"
std::optional<Network> parse_network(std::string_view text);

struct Bolt11 {
  Network network = Network::mainnet;
  std::optional<int64_t> amount_msat;  // 1 to kInvoiceMsatMax; nothing: the payer chooses
  Time created;                        // whole seconds
  int64_t expires_seconds = 3600;
  Hash256 payment_hash{};
  std::optional<Hash256> payment_secret;  // always there in what was read
  std::string description;                // valid UTF-8; empty where there is only a hash of it
  std::optional<Hash256> description_hash;
  int64_t min_final_cltv = 18;
  std::string payee;  // public key, 66 hex digits: recovered, or `n` proven

  Time expires() const;  // at the end of Time, where it would be beyond
};

// Everything that is not exactly BOLT 11 is an error that says what: checksum, mixed case, length,
// network, amount (leading zeros, `p` not in tens, overflow), a payment hash, payment secret or
// description that is missing, there twice, or of a wrong length (both a description and its hash,
// too), a field that runs out of the text, numbers with zeros in front, unknown even feature bits,
// a signature that does not hold. Unknown fields, routes and fallback addresses are skipped. An
// invoice that has expired is read: time is the caller's. The text is bounded by
// limits::invoice_bytes_max.
Result<Bolt11> read_bolt11(std::string_view text);

// The invoice, signed by a node's secret key (32 bytes): the same bytes each time (RFC 6979).
// `payee` is not read; `payment_secret` is needed; parts of a second are cut off. Errors: an amount
// or a text that can not be written, a time before 1970, a key that is none.
Result<std::string> write_bolt11(const Bolt11& invoice, const Hash256& node_key);

// Millisatoshis in satoshis, for people: "10", "20.001".
std::string format_sats(int64_t msat);

}  // namespace satgate::payment
