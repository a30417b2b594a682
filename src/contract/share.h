// What a partner gets of the calls that bring money: a marketplace's split.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/money.h"

namespace satgate {

struct Share {
  std::string partner;
  uint32_t millionths = 0;  // 200'000: 20%

  bool operator==(const Share&) const = default;
};

// All of one entry of the config; together at most a whole. The rest is the owner's.
using Shares = std::vector<Share>;

inline constexpr uint32_t kWholeShare = 1'000'000;
inline constexpr size_t kSharesMax = 8;         // of one entry
inline constexpr size_t kPartnerBytesMax = 48;  // of a partner's name

// In whole nano-credits, rounded down: so that all shares together are never more than the cost.
Money share_of(Money cost, const Share& share);

// Letters, digits and `.`, `_`, `@`, `-`: nothing that JSON would escape.
bool is_partner_name(const std::string& name);

}  // namespace satgate
