#include "base/ids.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate {

std::string id_to_hex(const std::array<uint8_t, 16>& bytes) {
  return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::optional<std::array<uint8_t, 16>> id_from_hex(std::string_view text) {
  const auto raw = from_hex(text);
  if (!raw || raw->size() != 16) return std::nullopt;
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), raw->data(), bytes.size());
  return bytes;
}

std::array<uint8_t, 16> random_id_bytes() {
  std::array<uint8_t, 16> bytes;
  fill_random(bytes.data(), bytes.size());
  return bytes;
}

AccountId account_id(std::string_view kind, std::string_view name) {
  Sha256 hasher;
  hasher.update(kind).update(std::string_view("\0", 1)).update(name);
  const Hash256 hash = hasher.finish();
  AccountId id;
  std::copy_n(hash.begin(), id.bytes.size(), id.bytes.begin());
  return id;
}

}  // namespace satgate
