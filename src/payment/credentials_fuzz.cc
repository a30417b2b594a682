// Hostile credentials and challenges of both schemes: no crash, and what is read stands in what was
// sent.
#include <array>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/text.h"
#include "payment/l402.h"
#include "payment/mpp.h"

using namespace satgate;
using namespace satgate::payment;

namespace {

void check_l402(std::string_view text) {
  const std::array values = {text};
  const L402Credential found = read_l402(values, {});
  if (found.kind == L402Credential::Kind::paid) {
    RELEASE_ASSERT(!found.macaroons.empty());
    for (const std::string_view macaroon : found.macaroons.view()) {
      RELEASE_ASSERT(!macaroon.empty() && macaroon.data() >= text.data());
      RELEASE_ASSERT(macaroon.data() + macaroon.size() <= text.data() + text.size());
    }
  }
  if (const auto challenge = read_challenge(values)) {
    RELEASE_ASSERT(!challenge->macaroon.empty() && !challenge->invoice.empty());
  }
}

// As it comes, and as the JSON that it would be.
void check_payment(std::string_view text) {
  const std::array<std::string, 1> secrets = {"a secret"};
  const auto as_is = read_payment_credential(text, secrets);
  const auto as_json = read_payment_credential(base64url_encode(text), secrets);
  RELEASE_ASSERT(!as_is && !as_json);  // nobody guesses an id
  RELEASE_ASSERT(!as_is.error().message.empty() && !as_json.error().message.empty());
  static_cast<void>(accepts_lightning_charge(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_l402(text);
  check_payment(text);
  return 0;
}
