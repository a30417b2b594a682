// Identifiers. Sixteen random or derived bytes, printed as 32 lowercase hex digits.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace satgate {

// Tag keeps a token id from being passed where an account id is meant.
template <class Tag>
struct Id128 {
  std::array<uint8_t, 16> bytes{};

  constexpr auto operator<=>(const Id128&) const = default;
  constexpr bool is_zero() const { return *this == Id128{}; }
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), 16}; }
};

struct AccountTag;
struct TokenTag;
struct RequestTag;
using AccountId = Id128<AccountTag>;  // a balance: token, lineage point, budget, tool, rate
using TokenId = Id128<TokenTag>;      // a minted root token
using RequestId = Id128<RequestTag>;  // one call, as in X-Request-Id

std::string id_to_hex(const std::array<uint8_t, 16>& bytes);
// The same without an allocation.
class IdText {
 public:
  explicit IdText(const std::array<uint8_t, 16>& bytes);
  operator std::string_view() const { return {digits_.data(), digits_.size()}; }

 private:
  std::array<char, 32> digits_;
};
std::optional<std::array<uint8_t, 16>> id_from_hex(std::string_view text);
std::array<uint8_t, 16> random_id_bytes();

template <class Tag>
std::string to_string(const Id128<Tag>& id) {
  return id_to_hex(id.bytes);
}

template <class Tag>
IdText id_text(const Id128<Tag>& id) {
  return IdText(id.bytes);
}

template <class Id>
std::optional<Id> parse_id(std::string_view text) {
  const auto bytes = id_from_hex(text);
  if (!bytes) return std::nullopt;
  return Id{*bytes};
}

template <class Id>
Id random_id() {
  return Id{random_id_bytes()};
}

// Sixteen bytes that sort by time: 48 bits of milliseconds, then random ones (as RFC 9562, version
// 7, without its version bits). For ids that are stored by the million: random ones would scatter
// the writes of an index. Not a secret.
std::array<uint8_t, 16> ordered_id_bytes(Time now);

template <class Id>
Id ordered_id(Time now) {
  return Id{ordered_id_bytes(now)};
}

// The account of a name: the first 16 bytes of SHA-256 over kind, a zero byte and name. Names are
// for people and may be secret-adjacent; the id is safe to print and to store.
AccountId account_id(std::string_view kind, std::string_view name);

}  // namespace satgate

template <class Tag>
struct std::hash<satgate::Id128<Tag>> {
  size_t operator()(const satgate::Id128<Tag>& id) const noexcept {
    size_t value = 0;  // ids are uniform already
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
