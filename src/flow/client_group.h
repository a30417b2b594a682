// Clients without a credential, as far as they can be told apart: by their address, an IPv6 one by
// the network that one customer has (/64, RFC 6177).
#pragma once

#include <string>
#include <string_view>

#include "base/ids.h"

namespace satgate::flow {

std::string client_group(std::string_view address);

// Where what such a client does is counted. There are only so many: strangers come from anywhere
// and leave nothing but this behind, so several may share one.
AccountId client_account(std::string_view address);

}  // namespace satgate::flow
