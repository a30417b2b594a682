#include "base/ids.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/text.h"

namespace satgate {

std::string id_to_hex(const std::array<uint8_t, 16>& bytes) {
  return std::string(std::string_view(IdText(bytes)));
}

IdText::IdText(const std::array<uint8_t, 16>& bytes) {
  for (size_t i = 0; i < bytes.size(); ++i)
    std::memcpy(digits_.data() + 2 * i, kHexPairs[bytes[i]].data(), 2);
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

std::array<uint8_t, 16> ordered_id_bytes(Time now) {
  constexpr size_t kTimeBytes = 6;
  // A pool, because a system call an id would cost more than the rest of making one.
  thread_local std::array<uint8_t, 640> pool;
  thread_local size_t used = pool.size();
  std::array<uint8_t, 16> bytes;
  constexpr size_t random_bytes = bytes.size() - kTimeBytes;
  if (used + random_bytes > pool.size()) {
    fill_random(pool.data(), pool.size());
    used = 0;
  }
  const auto milliseconds = static_cast<uint64_t>(now.unix_ns / 1'000'000);
  for (size_t i = 0; i < kTimeBytes; ++i) {
    bytes[i] = static_cast<uint8_t>(milliseconds >> (8 * (kTimeBytes - 1 - i)));
  }
  std::copy_n(pool.begin() + static_cast<ptrdiff_t>(used), random_bytes,
              bytes.begin() + kTimeBytes);
  used += random_bytes;
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
