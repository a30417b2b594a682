#include "contract/share.h"

#include <algorithm>
#include <string_view>

namespace satgate {

Money share_of(Money cost, const Share& share) {
  const __int128 part = static_cast<__int128>(cost.nano()) * share.millionths / kWholeShare;
  return Money::nano(static_cast<int64_t>(part));
}

bool is_partner_name(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-";
  return !name.empty() && name.size() <= kPartnerBytesMax &&
         std::ranges::all_of(name, [&](char c) { return kAllowed.contains(c); });
}

}  // namespace satgate
