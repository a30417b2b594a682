#include "payment/webhook.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace satgate::payment {
namespace {

const Hash256 kHash = sha256("an invoice");
const std::string kDigits = to_hex(as_bytes_view(kHash));

std::string signature_of(std::string_view body) {
  return to_hex(as_bytes_view(hmac_sha256("secret", body)));
}

TEST(Webhook, PhoenixdSigns) {
  const std::string body =
      R"({"type":"payment_received","amountSat":10,"paymentHash":")" + kDigits + R"("})";
  EXPECT_EQ(read_phoenixd_webhook(body, signature_of(body), "secret"), kHash);
  for (const std::string& forged : {std::string(), signature_of(body + " "), body})
    EXPECT_EQ(read_phoenixd_webhook(body, forged, "secret").error(), WebhookError::forged);
  for (const std::string& other :
       {std::string("{"), std::string("[]"), R"({"type":"payment_received"})" + std::string(),
        R"({"paymentHash":")" + kDigits + R"("})"})
    EXPECT_EQ(read_phoenixd_webhook(other, signature_of(other), "secret").error(),
              WebhookError::unreadable);
}

TEST(Webhook, LnbitsSendsJsonInJson) {
  EXPECT_EQ(read_lnbits_webhook(R"({"payment_hash":")" + kDigits + R"("})"), kHash);
  EXPECT_EQ(read_lnbits_webhook(R"("{\"payment_hash\":\")" + kDigits + R"(\"}")"), kHash);
  for (const char* other :
       {"", "\"", "\"{\"", "1", "{}", R"({"payment_hash":"ab"})", R"({"payment_hash":1})"})
    EXPECT_EQ(read_lnbits_webhook(other).error(), WebhookError::unreadable) << other;
}

}  // namespace
}  // namespace satgate::payment
