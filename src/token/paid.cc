#include "token/paid.h"

#include <cstring>

#include "base/text.h"
#include "token/caveat.h"
#include "token/macaroon.h"

namespace satgate::token {
namespace {

constexpr std::string_view kVersion("\0\0", 2);
constexpr size_t kKeyBytes = 6;
constexpr size_t kRandomBytes = 5;
constexpr size_t kBytes = 66;
constexpr size_t kCaveatsMax = 255;
constexpr std::string_view kLocation = "satgate";

void append_big_endian(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = bytes; i-- > 0;)
    out += static_cast<char>(value >> (8 * i));
}

// Takes fields off the front.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}
  std::string_view take(size_t bytes) {
    const std::string_view field = bytes_.substr(0, bytes);
    bytes_.remove_prefix(bytes);
    return field;
  }
  uint64_t integer(size_t bytes) {
    uint64_t value = 0;
    for (const char c : take(bytes))
      value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }

 private:
  std::string_view bytes_;
};

bool makes_sense(const Sale& sale) {
  const int64_t credit = sale.credit.nano();
  return sale.amount_msat > 0 && credit > 0 && sale.credit != Money::max() &&
         (sale.calls == 0 || credit % sale.calls == 0);
}

Result<std::string> identifier_of(const Key& key, const Sale& sale, size_t caveats) {
  const std::optional<std::string> key_id = from_hex(key.id);
  if (!key_id || key_id->size() != kKeyBytes) return fail("the key has no id of six bytes");
  std::string out(kVersion);
  out += as_bytes_view(sale.payment_hash);
  out += *key_id;
  append_big_endian(out, caveats, 1);
  append_big_endian(out, sale.calls, 4);
  append_big_endian(out, static_cast<uint64_t>(sale.amount_msat), 8);
  append_big_endian(out, static_cast<uint64_t>(sale.credit.nano()), 8);
  std::array<char, kRandomBytes> random{};
  fill_random(random.data(), random.size());
  out.append(random.data(), random.size());
  return out;
}

}  // namespace

TokenId paid_token_id(const Hash256& payment_hash) {
  return TokenId{account_id("satgate-paid", as_bytes_view(payment_hash)).bytes};
}

std::optional<PaidIdentity> parse_paid_identity(std::string_view identifier) {
  if (identifier.size() != kBytes || !identifier.starts_with(kVersion)) return std::nullopt;
  Fields fields(identifier.substr(kVersion.size()));
  PaidIdentity out;
  const std::string_view hash = fields.take(out.sale.payment_hash.size());
  std::memcpy(out.sale.payment_hash.data(), hash.data(), hash.size());
  out.key_id = to_hex(fields.take(kKeyBytes));
  out.caveats = fields.integer(1);
  out.sale.calls = static_cast<uint32_t>(fields.integer(4));
  out.sale.amount_msat = static_cast<int64_t>(fields.integer(8));
  out.sale.credit = Money::nano(static_cast<int64_t>(fields.integer(8)));
  if (!makes_sense(out.sale)) return std::nullopt;
  return out;
}

Result<std::string> mint_paid(const Key& key, const Sale& sale,
                              std::span<const std::string> caveats, const Currency& currency) {
  if (!makes_sense(sale)) return fail("a payment must buy something, in equal shares");
  if (caveats.size() > kCaveatsMax) return fail("a paid token has at most 255 caveats");
  TRY_ASSIGN(const std::string identifier, identifier_of(key, sale, caveats.size()));
  Macaroon macaroon;
  macaroon.location = kLocation;
  macaroon.identifier = identifier;
  macaroon.signature = chain_start(key.derived, identifier);
  for (const std::string& text : caveats) {
    TRY(parse_caveat(text, currency));
    macaroon.signature = chain_next(macaroon.signature, text);
    macaroon.caveats.push_back({text, std::nullopt, std::nullopt});
  }
  TRY_ASSIGN(const std::string bytes, write_macaroon(macaroon));
  return base64_encode(bytes);
}

bool opens(const Sale& sale, const Hash256& preimage) {
  return equal_constant_time(as_bytes_view(sha256(as_bytes_view(preimage))),
                             as_bytes_view(sale.payment_hash));
}

}  // namespace satgate::token
