// The challenges in the values of WWW-Authenticate fields, as other servers write them (RFC 9110,
// 11.6.1): several schemes in one value, or one in each. More is read than RFC 9110 has, because
// deployed servers write it: 'single quotes', unquoted values with any letters, parameters with
// only a space between them. What a quoted text holds is never taken for structure.
//
//   read_auth_challenges(R"(Bearer realm="a", L402 macaroon="M", invoice="I")")[1].find("invoice");
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace satgate::payment {

struct AuthChallenge {
  std::string scheme;  // as it was written
  // Names in small letters, values without quotes and escapes, in order.
  std::vector<std::pair<std::string, std::string>> params;

  // The first of that name: nobody behind can override it.
  std::optional<std::string_view> find(std::string_view name) const;
};

// At most kAuthChallengesMax, of at most kAuthParamsMax parameters each; what is beyond is left
// out, as is a quoted text without end. A value longer than limits::head_bytes_max is not read.
inline constexpr size_t kAuthChallengesMax = 16;
inline constexpr size_t kAuthParamsMax = 32;
std::vector<AuthChallenge> read_auth_challenges(std::string_view value);

}  // namespace satgate::payment
