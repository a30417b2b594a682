#include "flow/mcp/sessions.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/mcp/version.h"

namespace satgate::flow::mcp {
namespace {

using dialect::mcp::kLegacyVersions;

// Version, begin in seconds, chance; then the MAC.
constexpr size_t kBeginBytes = 8;
constexpr size_t kChanceBytes = 8;
constexpr size_t kHeadBytes = 1 + kBeginBytes + kChanceBytes;
constexpr size_t kMacBytes = 16;
constexpr size_t kIdTextMax = 64;

}  // namespace

Sessions::Sessions(std::string_view key) : key_(hmac_sha256(key, "mcp session")) {}

std::string Sessions::seal(std::string_view head, std::string_view principal) const {
  std::string message(head);
  message += principal;  // the head has a fixed length
  const Hash256 mac = hmac_sha256(as_bytes_view(key_), message);
  return std::string(head) + std::string(as_bytes_view(mac).substr(0, kMacBytes));
}

std::string Sessions::open(std::string_view principal, std::string_view version, Time now) const {
  const auto known = std::find(kLegacyVersions.begin(), kLegacyVersions.end(), version);
  std::string head(1, static_cast<char>(known - kLegacyVersions.begin()));
  const auto begin = static_cast<uint64_t>(now.unix_seconds());
  for (size_t i = 0; i < kBeginBytes; ++i)
    head += static_cast<char>(begin >> (8 * i) & 0xff);
  std::string chance(kChanceBytes, '\0');
  fill_random(chance.data(), chance.size());
  return base64url_encode(seal(head + chance, principal));
}

std::optional<std::string_view> Sessions::check(std::string_view id, std::string_view principal,
                                                Time now) const {
  if (id.size() > kIdTextMax) return std::nullopt;
  const auto bytes = base64_decode(id);
  if (!bytes || bytes->size() != kHeadBytes + kMacBytes) return std::nullopt;
  const std::string_view head = std::string_view(*bytes).substr(0, kHeadBytes);
  if (!equal_constant_time(*bytes, seal(head, principal))) return std::nullopt;
  const auto version = static_cast<uint8_t>(head[0]);
  if (version >= kLegacyVersions.size()) return std::nullopt;
  uint64_t begin = 0;
  for (size_t i = 0; i < kBeginBytes; ++i) {
    begin |= static_cast<uint64_t>(static_cast<uint8_t>(head[1 + i])) << (8 * i);
  }
  if (now.unix_seconds() - static_cast<int64_t>(begin) > kSecondsMax) return std::nullopt;
  const std::lock_guard lock(mutex_);
  // By its bytes: base64 has more than one spelling for them.
  if (ended_.contains(*bytes)) return std::nullopt;
  return kLegacyVersions[version];
}

bool Sessions::end(std::string_view id, std::string_view principal, Time now) {
  if (!check(id, principal, now)) return false;
  auto bytes = base64_decode(id);
  const std::lock_guard lock(mutex_);
  if (!ended_.insert(*bytes).second) return false;
  ended_order_.push_back(std::move(*bytes));
  if (ended_order_.size() > kEndedMax) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
  return true;
}

}  // namespace satgate::flow::mcp
