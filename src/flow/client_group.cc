#include "flow/client_group.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <array>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate::flow {
namespace {

constexpr size_t kNetworkBytes = 8;
constexpr size_t kBucketBytes = 2;
constexpr std::string_view kMapped{"\0\0\0\0\0\0\0\0\0\0\xff\xff", 12};  // an IPv4 address in IPv6

}  // namespace

std::string client_group(std::string_view address) {
  const std::string text(address.substr(0, address.find('%')));
  std::array<char, 16> bytes{};
  if (inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return text;
  const std::string_view whole(bytes.data(), bytes.size());
  if (whole.starts_with(kMapped)) return to_hex(whole.substr(kMapped.size()));
  return fmt::format("{}/64", to_hex(whole.substr(0, kNetworkBytes)));
}

AccountId client_account(std::string_view address) {
  const Hash256 digest = sha256(client_group(address));
  return account_id("client", as_bytes_view(digest).substr(0, kBucketBytes));
}

}  // namespace satgate::flow
