// What OAuth clients are told: where a token for this gateway comes from (RFC 9728), and why a
// request did not have a good one (RFC 6750).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "contract/refusal.h"
#include "flow/settings.h"
#include "wire/head.h"

namespace satgate::flow {

// The document at this path, or nothing. `tls`: the request came so.
std::optional<std::string> resource_metadata(const Settings& settings,
                                             const wire::RequestHead& request, bool tls);

// WWW-Authenticate of a refusal; empty where there is nothing to say. Metadata is pointed to only
// when it names an authorization server: clients begin a login on seeing it.
std::string challenge(const Settings& settings, const wire::RequestHead& request, bool tls,
                      Refusal refusal);

}  // namespace satgate::flow
