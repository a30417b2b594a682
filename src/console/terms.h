// Whether a token that is asked for again is the one that is there.
#pragma once

#include <string>
#include <vector>

#include "contract/records.h"

namespace satgate::console {

// In what the request differs, each by the name of its member: "daily_limit (it is 10, not 20)".
// What was changed since may be asked for as it was minted or as it is now. The order of labels and
// lists says nothing. A token that ends before it was asked to is the same: it does not do more.
std::vector<std::string> differences(const TokenRecord& known, const TokenRecord& asked);

}  // namespace satgate::console
