// Hostile invoices: no crash, what is read is within its bounds, and what our writer makes of it is
// read as the same.
#include <string_view>

#include "base/assert.h"
#include "base/utf8.h"
#include "payment/bech32.h"
#include "payment/bolt11.h"

using namespace satgate;
using namespace satgate::payment;

namespace {

void check(std::string_view text) {
  const auto invoice = read_bolt11(text);
  if (!invoice) {
    RELEASE_ASSERT(!invoice.error().message.empty());
    return;
  }
  RELEASE_ASSERT(!invoice->amount_msat ||
                 (*invoice->amount_msat > 0 && *invoice->amount_msat <= kInvoiceMsatMax));
  RELEASE_ASSERT(invoice->payee.size() == 66 && is_utf8(invoice->description));
  RELEASE_ASSERT(invoice->expires() >= invoice->created);
  const auto written = write_bolt11(*invoice, sha256("a key"));
  RELEASE_ASSERT(written.has_value());
  const auto again = read_bolt11(*written);
  RELEASE_ASSERT(again.has_value());
  RELEASE_ASSERT(again->amount_msat == invoice->amount_msat);
  RELEASE_ASSERT(again->created == invoice->created && again->expires() == invoice->expires());
  RELEASE_ASSERT(again->payment_hash == invoice->payment_hash);
  RELEASE_ASSERT(again->description == invoice->description);
  RELEASE_ASSERT(again->description_hash == invoice->description_hash);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  // The same with a checksum that holds: a prefix up to the first zero, then words.
  const size_t end = input.find('\0');
  if (end == input.npos) return 0;
  Words words;
  for (const char c : input.substr(end + 1))
    words.push_back(static_cast<uint8_t>(c) & 31);
  for (const char c : input.substr(0, end)) {
    if (c < '!' || c > '~' || (c >= 'A' && c <= 'Z')) return 0;
  }
  check(write_bech32(input.substr(0, end), words));
  return 0;
}
