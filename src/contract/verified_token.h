// VerifiedToken: the passport a token earns in room token/. Nothing else can make one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.h"
#include "base/ids.h"
#include "base/money.h"
#include "base/time.h"
#include "contract/spend_limits.h"

namespace satgate {

namespace token {
class Verifier;
}

// The caveat keys of CONTRACT.md. An unknown key never becomes a Caveat; it refuses the token.
enum class CaveatKey : uint8_t {
  expires,
  budget_max,
  budget_hourly,
  budget_daily,
  budget_monthly,
  call_max,
  endpoints,
  methods,
  tools,
  tools_deny,
  models,
  audience,
  upstream,
  rate_limit,
  max_depth,
  holder,
  label,
  preimage,  // of a paid token: proves the payment, narrows nothing
};

struct Caveat {
  CaveatKey key = CaveatKey::expires;
  std::string text;                  // as signed: "tools = a, b.*"; of a preimage its key alone
  std::string name;                  // label.NAME only
  std::vector<std::string> items;    // list-valued keys; holder, label and upstream have one item
  Money amount;                      // budget_*, call_max
  Time time;                         // expires
  uint32_t count = 0;                // rate_limit, max_depth
  Window window = Window::lifetime;  // budget_*, rate_limit
};

// An account that a caveat opens: `budget_*` limits money, `rate_limit` calls. Its id is derived
// from the signature after the caveat, so it belongs to that point of the lineage and to all below.
struct LineageAccount {
  AccountId account;
  bool is_rate = false;
  SpendLimits limits;
  std::string label;  // "budget_max 10 of research-agent"
};

// What was sold, as the identifier of a paid token says it (token/paid.h).
struct Sale {
  Hash256 payment_hash{};
  int64_t amount_msat = 0;  // of the invoice
  Money credit;             // what it buys
  uint32_t calls = 0;       // that the credit is for, each at an equal share; 0: what it pays for

  // What one call costs, whatever prices have become since; nothing: what it costs then.
  std::optional<Money> call_price() const {
    if (calls == 0) return std::nullopt;
    return Money::nano(credit.nano() / calls);
  }
  bool operator==(const Sale&) const = default;
};

// Everything that a chain of HMACs proves, parsed once. Immutable and shared by the verifier's
// cache.
struct TokenChain {
  TokenId token;
  std::string key_id;
  std::vector<Caveat> caveats;           // in signed order
  std::vector<LineageAccount> accounts;  // in signed order
  // Names of the points of the lineage, root first: points[0] after the identifier, points[i] after
  // caveat i-1. One-way images of the signatures: safe to store, to print and to revoke by.
  std::vector<AccountId> points;
  std::vector<std::string> holders;  // in signed order
  std::string leaf_label;            // the last holder, or empty
  // Of a paid token: what was sold, how many of the caveats are the seller's, and the preimage, if
  // a caveat brings it.
  std::optional<Sale> sale;
  size_t sold_caveats = 0;
  std::optional<Hash256> preimage;
  // The store has all points on record: set by flow/, which would ask at every call otherwise.
  mutable std::atomic<bool> is_noted = false;
};

class VerifiedToken {
 public:
  const TokenChain& chain() const { return *chain_; }
  const TokenId& token() const { return chain_->token; }
  std::shared_ptr<const TokenChain> shared_chain() const { return chain_; }

 private:
  friend class token::Verifier;
  explicit VerifiedToken(std::shared_ptr<const TokenChain> chain) : chain_(std::move(chain)) {}
  std::shared_ptr<const TokenChain> chain_;
};

}  // namespace satgate
