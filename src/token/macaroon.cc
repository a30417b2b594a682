#include "token/macaroon.h"

#include "base/limits.h"
#include "base/text.h"

namespace satgate::token {
namespace {

constexpr uint8_t kVersion = 2;
constexpr uint8_t kEndOfSection = 0;
constexpr uint8_t kLocation = 1;
constexpr uint8_t kIdentifier = 2;
constexpr uint8_t kVerificationId = 4;
constexpr uint8_t kSignature = 6;

constexpr std::string_view kPrefix = "sg_";

// Takes fields off the front of the bytes. Each step either succeeds or leaves an error.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }
  bool at(uint8_t type) const {
    return !rest_.empty() && static_cast<uint8_t>(rest_.front()) == type;
  }
  bool skip(uint8_t type) {
    if (!at(type)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // The data of a field of this type, which must come next.
  Result<std::string_view> field(uint8_t type, std::string_view what) {
    if (!skip(type)) return fail("macaroon: expected " + std::string(what));
    TRY_ASSIGN(const size_t size, length());
    if (size > rest_.size()) {
      return fail("macaroon: " + std::string(what) + " is longer than the bytes that follow");
    }
    const std::string_view data = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return data;
  }

 private:
  // Unsigned LEB128 in its shortest form. Four bytes reach far beyond limits::token_bytes_max.
  Result<size_t> length() {
    size_t value = 0;
    for (size_t i = 0; i < 4 && i < rest_.size(); ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      value |= static_cast<size_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) != 0) continue;
      if (byte == 0 && i > 0) return fail("macaroon: a length is not in its shortest form");
      rest_.remove_prefix(i + 1);
      return value;
    }
    return fail("macaroon: a length is cut off or too large");
  }

  std::string_view rest_;
};

Result<MacaroonCaveat> read_caveat(Reader& reader) {
  MacaroonCaveat caveat;
  if (reader.at(kLocation)) {
    TRY_ASSIGN(caveat.location, reader.field(kLocation, "a caveat's location"));
  }
  TRY_ASSIGN(caveat.id, reader.field(kIdentifier, "a caveat"));
  if (caveat.id.size() > limits::caveat_bytes_max) return fail("macaroon: a caveat is too long");
  if (reader.at(kVerificationId)) {
    TRY_ASSIGN(caveat.verification_id, reader.field(kVerificationId, "a verification id"));
  }
  if (caveat.location && !caveat.is_third_party()) {
    return fail("macaroon: a first-party caveat has a location");
  }
  if (!reader.skip(kEndOfSection)) return fail("macaroon: a caveat does not end");
  return caveat;
}

void put_field(std::string& out, uint8_t type, std::string_view data) {
  out += static_cast<char>(type);
  size_t size = data.size();
  while (size >= 0x80) {
    out += static_cast<char>((size & 0x7f) | 0x80);
    size >>= 7;
  }
  out += static_cast<char>(size);
  out += data;
}

}  // namespace

Result<Macaroon> read_macaroon(std::string_view bytes) {
  if (bytes.size() > limits::token_bytes_max) return fail("macaroon: too long");
  Reader reader(bytes);
  if (!reader.skip(kVersion)) return fail("macaroon: not version 2 (binary)");
  Macaroon macaroon;
  if (reader.at(kLocation)) {
    TRY_ASSIGN(macaroon.location, reader.field(kLocation, "the location"));
  }
  TRY_ASSIGN(macaroon.identifier, reader.field(kIdentifier, "the identifier"));
  if (!reader.skip(kEndOfSection)) return fail("macaroon: the header does not end");
  while (!reader.skip(kEndOfSection)) {
    if (macaroon.caveats.size() == limits::caveat_count_max) {
      return fail("macaroon: too many caveats");
    }
    TRY_ASSIGN(MacaroonCaveat caveat, read_caveat(reader));
    macaroon.caveats.push_back(caveat);
  }
  TRY_ASSIGN(const std::string_view signature, reader.field(kSignature, "the signature"));
  if (signature.size() != macaroon.signature.size()) {
    return fail("macaroon: the signature is not 32 bytes");
  }
  if (!reader.at_end()) return fail("macaroon: bytes follow the signature");
  signature.copy(reinterpret_cast<char*>(macaroon.signature.data()), signature.size());
  return macaroon;
}

Result<std::string> write_macaroon(const Macaroon& macaroon) {
  if (macaroon.caveats.size() > limits::caveat_count_max) {
    return fail("macaroon: too many caveats");
  }
  std::string out(1, static_cast<char>(kVersion));
  if (macaroon.location) put_field(out, kLocation, *macaroon.location);
  put_field(out, kIdentifier, macaroon.identifier);
  out += static_cast<char>(kEndOfSection);
  for (const MacaroonCaveat& caveat : macaroon.caveats) {
    if (caveat.id.size() > limits::caveat_bytes_max) return fail("macaroon: a caveat is too long");
    if (caveat.location) put_field(out, kLocation, *caveat.location);
    put_field(out, kIdentifier, caveat.id);
    if (caveat.verification_id) put_field(out, kVerificationId, *caveat.verification_id);
    out += static_cast<char>(kEndOfSection);
  }
  out += static_cast<char>(kEndOfSection);
  put_field(out, kSignature, as_bytes_view(macaroon.signature));
  if (out.size() > limits::token_bytes_max) return fail("macaroon: too long");
  return out;
}

std::string macaroon_to_text(std::string_view bytes) {
  return std::string(kPrefix) + base64url_encode(bytes);
}

Result<std::string> macaroon_from_text(std::string_view text) {
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  if (text.size() > limits::token_bytes_max * 2) return fail("token: too long");
  std::optional<std::string> bytes = text.starts_with("02") ? from_hex(text) : base64_decode(text);
  if (!bytes) return fail("token: neither base64 nor hex");
  if (bytes->empty()) return fail("token: empty");
  if (bytes->size() > limits::token_bytes_max) return fail("token: too long");
  return std::move(*bytes);
}

Hash256 derive_macaroon_key(std::string_view root_key) {
  return hmac_sha256("macaroons-key-generator", root_key);
}

Hash256 chain_start(const Hash256& derived_key, std::string_view identifier) {
  return hmac_sha256(as_bytes_view(derived_key), identifier);
}

Hash256 chain_next(const Hash256& signature, std::string_view caveat) {
  return hmac_sha256(as_bytes_view(signature), caveat);
}

}  // namespace satgate::token
