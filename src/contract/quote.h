// Quote: the worst-case cost of a call with the rule that priced it. Only room tariff/ makes one.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/money.h"
#include "contract/call.h"

namespace satgate {

namespace tariff {
class Tariff;
class Terms;
class ToolPrice;
struct PricedModel;
}  // namespace tariff

// Prices of a model in nano-credits per million tokens, at the dearest tier that can apply.
struct TokenRates {
  int64_t input = 0;
  int64_t cached_input = 0;
  int64_t cache_write = 0;
  int64_t output = 0;
  int64_t cache_write_1h = 0;

  constexpr bool operator==(const TokenRates&) const = default;
};

class Quote {
 public:
  // A provable upper bound on what the call can cost. The reservation holds exactly this.
  Money worst() const { return worst_; }
  // The part that does not depend on the answer: worst() of the same call with an empty one.
  Money fixed() const { return fixed_; }
  // The part that is there to buy of the upstream with: only what was bought is charged.
  Money purchase_max() const { return purchase_max_; }
  std::string_view rule() const {
    return rule_;
  }  // "tools.search_*", "models.gpt-4o"; config-owned
  bool is_per_token() const { return per_token_; }
  const TokenRates& rates() const { return rates_; }
  uint64_t input_tokens_bound() const { return input_tokens_bound_; }
  uint64_t output_tokens_bound() const { return output_tokens_bound_; }  // over all choices
  // MCP: the bytes of the answer that worst() pays for; nothing: its size costs nothing.
  std::optional<uint64_t> result_bytes_bound() const { return result_bytes_bound_; }
  // Whether it depends on what the call is made under: worst() is then the most that any call
  // costs, until Tariff::quote_under() has said.
  bool has_terms() const { return terms_ != nullptr; }

 private:
  friend class tariff::Tariff;
  Quote() = default;
  Money worst_, fixed_, purchase_max_;
  std::string_view rule_;
  bool per_token_ = false;
  TokenRates rates_;
  uint64_t input_tokens_bound_ = 0;
  uint64_t output_tokens_bound_ = 0;
  std::optional<uint64_t> result_bytes_bound_;
  std::optional<ServiceTier> tier_;
  const tariff::Terms* terms_ = nullptr;           // the tariff's
  const tariff::ToolPrice* tool_price_ = nullptr;  // the tariff's
  const tariff::PricedModel* model_ = nullptr;     // the tariff's; settles at the tier really used
};

}  // namespace satgate
