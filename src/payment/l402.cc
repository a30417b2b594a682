#include "payment/l402.h"

#include <algorithm>

#include "base/append.h"
#include "base/text.h"
#include "payment/auth_challenges.h"

namespace satgate::payment {
namespace {

using Kind = L402Credential::Kind;

constexpr size_t kMacaroonTextMax = (limits::token_bytes_max + 2) / 3 * 4;
constexpr size_t kPreimageDigits = 64;

bool is_l402(std::string_view scheme) {
  return equals_ignore_case(scheme, "L402") || equals_ignore_case(scheme, "LSAT");
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Whether these are letters of base64, of one alphabet or the other, and at most two `=` behind.
bool is_macaroon_text(std::string_view text) {
  if (text.empty() || text.size() > kMacaroonTextMax) return false;
  for (size_t i = 0; i < 2 && text.ends_with('='); ++i)
    text.remove_suffix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || c == '+' || c == '/' || c == '-' || c == '_';
  });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool read_preimage(std::string_view text, Hash256& out) {
  if (text.size() != kPreimageDigits) return false;
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

// `M[,M...]:preimage`
bool read_content(std::string_view content, L402Credential& out) {
  const size_t colon = content.find(':');
  if (colon == content.npos || !read_preimage(trim(content.substr(colon + 1)), out.preimage))
    return false;
  std::string_view rest = content.substr(0, colon);
  while (true) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view macaroon = trim(rest.substr(0, comma));
    if (out.macaroons.full() || !is_macaroon_text(macaroon)) return false;
    out.macaroons.push_back(macaroon);
    if (comma == rest.size()) return true;
    rest.remove_prefix(comma + 1);
  }
}

bool is_same(const L402Credential& a, const L402Credential& b) {
  return a.preimage == b.preimage && std::ranges::equal(a.macaroons.view(), b.macaroons.view());
}

L402Credential bad(Kind kind) {
  L402Credential out;
  out.kind = kind;
  return out;
}

std::optional<L402Challenge> take(const AuthChallenge& challenge) {
  const auto invoice = challenge.find("invoice");
  const auto macaroon = challenge.find("macaroon");
  const auto token = challenge.find("token");
  if (!invoice || (!macaroon && !token)) return std::nullopt;
  if (macaroon && token && *macaroon != *token) return std::nullopt;
  if (challenge.find("version").value_or("0") != "0") return std::nullopt;
  const std::string_view text = macaroon ? *macaroon : *token;
  if (!is_macaroon_text(text) || invoice->empty() || invoice->size() > limits::invoice_bytes_max ||
      !std::ranges::all_of(*invoice, is_letter_or_digit))
    return std::nullopt;
  return L402Challenge{.scheme = equals_ignore_case(challenge.scheme, "LSAT") ? "LSAT" : "L402",
                       .macaroon = std::string(text),
                       .invoice = std::string(*invoice)};
}

}  // namespace

std::string write_challenge(std::string_view macaroon_base64, std::string_view bolt11) {
  std::string out;
  append_all(out, "L402 macaroon=\"", macaroon_base64, "\", invoice=\"", bolt11,
             "\", version=\"0\", token=\"", macaroon_base64, "\"");
  return out;
}

L402Credential read_l402(std::span<const std::string_view> authorization,
                         std::span<const std::string_view> macaroon_fields) {
  L402Credential out;
  bool ambiguous = false;
  for (const std::string_view field : authorization) {
    const std::string_view value = trim(field);
    const size_t blank = std::min(value.find_first_of(" \t"), value.size());
    if (!is_l402(value.substr(0, blank))) continue;
    L402Credential found = bad(Kind::paid);
    if (!read_content(value.substr(blank), found)) return bad(Kind::malformed);
    ambiguous = ambiguous || (out.kind == Kind::paid && !is_same(found, out));
    out = found;
  }
  for (const std::string_view field : macaroon_fields) {
    const std::string_view text = trim(field);
    if (text.empty() || text.size() > 2 * limits::token_bytes_max) return bad(Kind::malformed);
    L402Credential found = bad(Kind::macaroon);
    found.macaroons.push_back(text);
    ambiguous =
        ambiguous || (out.kind != Kind::none && !is_same(found, out)) || out.kind == Kind::paid;
    out = found;
  }
  return ambiguous ? bad(Kind::ambiguous) : out;
}

Result<L402Challenge> read_challenge(std::span<const std::string_view> www_authenticate) {
  std::optional<L402Challenge> lsat;
  bool seen = false;
  for (const std::string_view value :
       www_authenticate.first(std::min(www_authenticate.size(), limits::header_count_max))) {
    for (const AuthChallenge& challenge : read_auth_challenges(value)) {
      if (!is_l402(challenge.scheme)) continue;
      seen = true;
      std::optional<L402Challenge> found = take(challenge);
      if (!found) continue;
      if (found->scheme == "L402") return std::move(*found);
      if (!lsat) lsat = std::move(found);
    }
  }
  if (lsat) return std::move(*lsat);
  return fail(seen
                  ? "L402: the challenge is not whole, contradicts itself, or is of another version"
                  : "L402: the answer has no such challenge");
}

}  // namespace satgate::payment
