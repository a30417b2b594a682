// Hostile bytes against the codec and the verifier: no crash, what is read is written back
// unchanged, and nothing verifies that was not minted.
#include <memory>
#include <string_view>

#include "base/assert.h"
#include "token/macaroon.h"
#include "token/mint.h"
#include "token/verifier.h"

using namespace satgate;
using namespace satgate::token;

namespace {

void check_bytes(std::string_view bytes) {
  const auto macaroon = read_macaroon(bytes);
  if (!macaroon) return;
  RELEASE_ASSERT(write_macaroon(*macaroon).value() == bytes);
  RELEASE_ASSERT(macaroon_from_text(macaroon_to_text(bytes)).value() == bytes);
  RELEASE_ASSERT(inspect(macaroon_to_text(bytes)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Verifier verifier(std::make_shared<const Keyring>(Hash256{}, Time{}));
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check_bytes(input);
  if (const auto bytes = macaroon_from_text(input)) check_bytes(*bytes);
  // The fuzzer does not know the key; a token that verifies would be a forgery. The seeds are
  // signed by other keys.
  RELEASE_ASSERT(!verifier.verify(input));
  RELEASE_ASSERT(!verifier.verify(macaroon_to_text(input)));
  return 0;
}
