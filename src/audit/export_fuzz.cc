// Exports come from anywhere. No bytes may crash the verifier, and none but a signed record pass.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "audit/verify.h"
#include "base/assert.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace satgate::audit;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static const PublicKey key = SigningKey::generate().public_key();
  ExportVerifier whole({key});
  whole.feed(bytes);
  const Verdict at_once = whole.finish();
  ExportVerifier split({key});
  split.feed(bytes.substr(0, size / 2));
  split.feed(bytes.substr(size / 2));
  const Verdict in_two = split.finish();
  RELEASE_ASSERT(!at_once.ok && at_once.problem == in_two.problem);
  RELEASE_ASSERT(at_once.bad_seq == in_two.bad_seq && at_once.bad_line == in_two.bad_line);
  return 0;
}
