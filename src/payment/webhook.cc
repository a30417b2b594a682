#include "payment/webhook.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "base/text.h"

namespace satgate::payment {
namespace {

using Json = nlohmann::json;
using Told = std::expected<Hash256, WebhookError>;

std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return {};
  return found->get<std::string>();
}

Told hash_at(const Json& json, const char* name) {
  const auto bytes = from_hex(text_at(json, name));
  Hash256 hash{};
  if (!bytes || bytes->size() != hash.size()) return std::unexpected(WebhookError::unreadable);
  std::ranges::transform(*bytes, hash.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return hash;
}

}  // namespace

Told read_phoenixd_webhook(std::string_view body, std::string_view signature,
                           std::string_view secret) {
  const Hash256 mac = hmac_sha256(secret, body);
  if (!equal_constant_time(lowercase(signature), to_hex(as_bytes_view(mac)))) {
    return std::unexpected(WebhookError::forged);
  }
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || text_at(json, "type") != "payment_received") {
    return std::unexpected(WebhookError::unreadable);
  }
  return hash_at(json, "paymentHash");
}

Told read_lnbits_webhook(std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (json.is_string()) json = Json::parse(json.get<std::string>(), nullptr, false);
  if (!json.is_object()) return std::unexpected(WebhookError::unreadable);
  return hash_at(json, "payment_hash");
}

}  // namespace satgate::payment
