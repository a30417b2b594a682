#include "token/mint.h"

#include <fmt/format.h>

#include "token/caveat.h"
#include "token/macaroon.h"
#include "token/paid.h"

namespace satgate::token {
namespace {

constexpr std::string_view kIdentifierPrefix = "sg1.";
constexpr std::string_view kLocation = "satgate";
constexpr size_t kKeyIdBytesMax = 32;
constexpr size_t kTokenIdDigits = 32;

// Signs each caveat and appends it. The views in `caveats` must outlive `macaroon`.
Result<void> append(Macaroon& macaroon, std::span<const std::string> caveats,
                    const Currency& currency) {
  for (const std::string& text : caveats) {
    TRY(parse_caveat(text, currency));
    macaroon.signature = chain_next(macaroon.signature, text);
    macaroon.caveats.push_back({text, std::nullopt, std::nullopt});
  }
  return {};
}

Result<std::string> to_text(const Macaroon& macaroon) {
  TRY_ASSIGN(const std::string bytes, write_macaroon(macaroon));
  return macaroon_to_text(bytes);
}

std::string printable(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c >= ' ' && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<uint8_t>(c));
    }
  }
  return out;
}

Inspection::Line inspect_caveat(const MacaroonCaveat& caveat, const Currency& currency) {
  Inspection::Line line{printable(caveat.id), "", ""};
  if (caveat.is_third_party()) {
    line.problem = "third-party caveats are not supported";
    return line;
  }
  const auto parsed = parse_caveat(caveat.id, currency);
  if (!parsed) {
    line.problem = parsed.error().message;
    return line;
  }
  line.text = parsed->text;
  line.words = describe(*parsed);
  return line;
}

}  // namespace

std::optional<Identity> parse_identity(std::string_view identifier) {
  if (!identifier.starts_with(kIdentifierPrefix)) return std::nullopt;
  identifier.remove_prefix(kIdentifierPrefix.size());
  const size_t dot = identifier.find('.');
  if (dot == identifier.npos || dot == 0 || dot > kKeyIdBytesMax) return std::nullopt;
  const std::string_view digits = identifier.substr(dot + 1);
  // Only the spelling that mint() writes: one token, one identifier.
  if (digits.find_first_not_of("0123456789abcdef") != digits.npos) return std::nullopt;
  if (digits.size() != kTokenIdDigits) return std::nullopt;
  const auto token = parse_id<TokenId>(digits);
  if (!token) return std::nullopt;
  return Identity{identifier.substr(0, dot), *token};
}

Result<std::string> mint(const Keyring& keyring, const TokenId& id,
                         std::span<const std::string> caveats, const Currency& currency) {
  return mint(keyring.active(), id, caveats, currency);
}

Result<std::string> mint(const Key& key, const TokenId& id, std::span<const std::string> caveats,
                         const Currency& currency) {
  const std::string identifier = fmt::format("{}{}.{}", kIdentifierPrefix, key.id, to_string(id));
  Macaroon macaroon;
  macaroon.location = kLocation;
  macaroon.identifier = identifier;
  macaroon.signature = chain_start(key.derived, identifier);
  TRY(append(macaroon, caveats, currency));
  return to_text(macaroon);
}

Result<std::string> attenuate(std::string_view token, std::span<const std::string> caveats,
                              const Currency& currency) {
  TRY_ASSIGN(const std::string bytes, macaroon_from_text(token));
  TRY_ASSIGN(Macaroon macaroon, read_macaroon(bytes));
  TRY(append(macaroon, caveats, currency));
  return to_text(macaroon);
}

Result<Inspection> inspect(std::string_view token, const Currency& currency) {
  TRY_ASSIGN(const std::string bytes, macaroon_from_text(token));
  TRY_ASSIGN(const Macaroon macaroon, read_macaroon(bytes));
  Inspection out;
  out.identifier = printable(macaroon.identifier);
  out.location = printable(macaroon.location.value_or(""));
  if (const std::optional<Identity> identity = parse_identity(macaroon.identifier)) {
    out.key_id = identity->key_id;
    out.token = identity->token;
  } else if (const std::optional<PaidIdentity> paid = parse_paid_identity(macaroon.identifier)) {
    out.key_id = paid->key_id;
    out.token = paid_token_id(paid->sale.payment_hash);
    out.sale = paid->sale;
  }
  out.point = account_id("satgate-lineage", as_bytes_view(macaroon.signature));
  for (const MacaroonCaveat& caveat : macaroon.caveats) {
    out.caveats.push_back(inspect_caveat(caveat, currency));
  }
  return out;
}

}  // namespace satgate::token
