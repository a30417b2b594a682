#include "flow/key_names.h"

#include <fmt/format.h>

namespace satgate::flow {

KeyNames KeyNames::random() {
  Hash256 secret;
  fill_random(secret.data(), secret.size());
  return KeyNames(secret);
}

std::string KeyNames::of(std::string_view key) const {
  const Hash256 hash = hmac_sha256(as_bytes_view(secret_), key);
  return fmt::format("key-{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3]);
}

}  // namespace satgate::flow
