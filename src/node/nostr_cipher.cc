#include "node/nostr_cipher.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "base/text.h"
#include "node/answer.h"

namespace satgate::node {
namespace {

constexpr size_t kTextBytesMax = 65'535;
constexpr size_t kNonceBytes = 32;
constexpr size_t kMacBytes = 32;
constexpr size_t kPayloadBytesMin = 1 + kNonceBytes + 2 + 32 + kMacBytes;
constexpr size_t kPayloadBytesMax = 1 + kNonceBytes + 2 + 65'536 + kMacBytes;
constexpr size_t kBlockBytes = 16;
constexpr std::string_view kIvMark = "?iv=";

using Iv = std::array<unsigned char, kBlockBytes>;

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

enum class Way : int { decrypt = 0, encrypt = 1 };

// Nothing: OpenSSL refuses, which for what is decrypted is a padding that is none.
std::optional<std::string> run_cipher(const EVP_CIPHER* kind, Way way, std::string_view key,
                                      const Iv& iv, std::string_view input) {
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
  std::string out(input.size() + kBlockBytes, '\0');
  auto* to = reinterpret_cast<unsigned char*>(out.data());
  int done = 0;
  int rest = 0;
  const bool is_good = context != nullptr &&
                       EVP_CipherInit_ex(context.get(), kind, nullptr, unsigned_bytes(key),
                                         iv.data(), static_cast<int>(way)) == 1 &&
                       EVP_CipherUpdate(context.get(), to, &done, unsigned_bytes(input),
                                        static_cast<int>(input.size())) == 1 &&
                       EVP_CipherFinal_ex(context.get(), to + done, &rest) == 1;
  if (!is_good) return std::nullopt;
  out.resize(static_cast<size_t>(done) + static_cast<size_t>(rest));
  return out;
}

// NIP-44: 32 bytes for ChaCha20, 12 for its nonce, 32 for the HMAC (HKDF-expand, RFC 5869).
struct MessageKeys {
  std::string bytes;
  std::string_view cipher_key() const { return std::string_view(bytes).substr(0, 32); }
  std::string_view mac_key() const { return std::string_view(bytes).substr(44, 32); }
  Iv iv() const {
    Iv iv{};  // the block counter, 4 bytes, is zero
    std::ranges::copy(std::string_view(bytes).substr(32, 12), iv.begin() + 4);
    return iv;
  }
};

MessageKeys message_keys(const Hash256& conversation_key, std::string_view nonce) {
  MessageKeys keys;
  std::string last;
  for (char i = 1; i <= 3; ++i) {
    const std::string info = last + std::string(nonce) + i;
    last = as_bytes_view(hmac_sha256(as_bytes_view(conversation_key), info));
    keys.bytes += last;
  }
  return keys;
}

std::unexpected<Error> not_for_us() {
  return fail("a message can not be decrypted: it is cut, or not for this key");
}

Result<std::string> decrypt_44(const Hash256& conversation_key, std::string_view payload) {
  const auto bytes = base64_decode(payload);
  if (!bytes || bytes->size() < kPayloadBytesMin || bytes->size() > kPayloadBytesMax ||
      bytes->front() != 2) {
    return not_for_us();
  }
  const std::string_view signed_part =
      std::string_view(*bytes).substr(1, bytes->size() - 1 - kMacBytes);
  const std::string_view mac = std::string_view(*bytes).substr(bytes->size() - kMacBytes);
  const MessageKeys keys = message_keys(conversation_key, signed_part.substr(0, kNonceBytes));
  const Hash256 expected = hmac_sha256(keys.mac_key(), signed_part);
  if (!equal_constant_time(as_bytes_view(expected), mac)) return not_for_us();
  const auto padded = run_cipher(EVP_chacha20(), Way::decrypt, keys.cipher_key(), keys.iv(),
                                 signed_part.substr(kNonceBytes));
  if (!padded || padded->size() < 2) return not_for_us();
  const size_t size = static_cast<size_t>(static_cast<uint8_t>((*padded)[0])) << 8 |
                      static_cast<uint8_t>((*padded)[1]);
  if (size == 0 || padded->size() != 2 + nip44_padded_size(size)) return not_for_us();
  return padded->substr(2, size);
}

Result<std::string> encrypt_04(const Hash256& shared, std::string_view text) {
  Iv iv{};
  fill_random(iv.data(), iv.size());
  const auto sealed = run_cipher(EVP_aes_256_cbc(), Way::encrypt, as_bytes_view(shared), iv, text);
  if (!sealed) return fail("a message can not be encrypted");
  return base64_encode(*sealed) + std::string(kIvMark) +
         base64_encode({reinterpret_cast<const char*>(iv.data()), iv.size()});
}

Result<std::string> decrypt_04(const Hash256& shared, std::string_view payload) {
  const size_t mark = payload.find(kIvMark);
  if (mark == std::string_view::npos) return not_for_us();
  const auto sealed = base64_decode(payload.substr(0, mark));
  const auto iv_bytes = base64_decode(payload.substr(mark + kIvMark.size()));
  Iv iv{};
  const bool is_whole = sealed && iv_bytes && iv_bytes->size() == iv.size() && !sealed->empty() &&
                        sealed->size() % kBlockBytes == 0;
  if (!is_whole) return not_for_us();
  std::ranges::copy(*iv_bytes, iv.begin());
  auto text = run_cipher(EVP_aes_256_cbc(), Way::decrypt, as_bytes_view(shared), iv, *sealed);
  if (!text) return not_for_us();
  return *std::move(text);
}

}  // namespace

Hash256 nip44_conversation_key(const Hash256& shared) {
  return hmac_sha256("nip44-v2", as_bytes_view(shared));  // HKDF-extract
}

// Sizes tell less when they come in steps: of 32 bytes, then of an eighth of the next power of two.
size_t nip44_padded_size(size_t size) {
  if (size <= 32) return 32;
  const size_t power = std::bit_ceil(size);
  const size_t step = power <= 256 ? 32 : power / 8;
  return (size + step - 1) / step * step;
}

Result<std::string> nip44_encrypt(const Hash256& conversation_key, const Hash256& nonce,
                                  std::string_view text) {
  if (text.empty() || text.size() > kTextBytesMax) {
    return fail("a message has 1 to 65535 bytes");
  }
  std::string padded = {static_cast<char>(text.size() >> 8), static_cast<char>(text.size())};
  padded += text;
  padded.resize(2 + nip44_padded_size(text.size()));
  const MessageKeys keys = message_keys(conversation_key, as_bytes_view(nonce));
  const auto sealed =
      run_cipher(EVP_chacha20(), Way::encrypt, keys.cipher_key(), keys.iv(), padded);
  if (!sealed) return fail("a message can not be encrypted");
  const std::string signed_part = std::string(as_bytes_view(nonce)) + *sealed;
  const Hash256 mac = hmac_sha256(keys.mac_key(), signed_part);
  return base64_encode('\x02' + signed_part + std::string(as_bytes_view(mac)));
}

NostrCipher::NostrCipher(NostrScheme scheme, const Hash256& shared)
    : scheme_(scheme),
      key_(scheme == NostrScheme::nip44 ? nip44_conversation_key(shared) : shared) {}

Result<std::string> NostrCipher::encrypt(std::string_view text) const {
  if (scheme_ == NostrScheme::nip04) return encrypt_04(key_, text);
  Hash256 nonce{};
  fill_random(nonce.data(), nonce.size());
  return nip44_encrypt(key_, nonce, text);
}

Result<std::string> NostrCipher::decrypt(std::string_view payload) const {
  return scheme_ == NostrScheme::nip04 ? decrypt_04(key_, payload) : decrypt_44(key_, payload);
}

}  // namespace satgate::node
