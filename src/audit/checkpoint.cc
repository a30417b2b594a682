#include "audit/checkpoint.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <cstddef>

#include "base/assert.h"

namespace satgate::audit {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
using Bio = std::unique_ptr<BIO, Free>;

constexpr std::string_view kDomain = "satgate-checkpoint-v1";
using Message = std::array<unsigned char, kDomain.size() + 8 + 32 + 8>;

unsigned char* put_le64(unsigned char* at, uint64_t value) {
  for (int i = 0; i < 8; ++i)
    *at++ = static_cast<unsigned char>(value >> (8 * i) & 0xff);
  return at;
}

Message message_of(const ChainPoint& point, Time time) {
  Message message;
  unsigned char* at = std::ranges::copy(kDomain, message.data()).out;
  at = put_le64(at, point.seq);
  at = std::ranges::copy(point.hash, at).out;
  put_le64(at, static_cast<uint64_t>(time.unix_ns));
  return message;
}

std::array<uint8_t, 32> public_bytes(const EVP_PKEY* key) {
  std::array<uint8_t, 32> bytes;
  size_t size = bytes.size();
  RELEASE_ASSERT(EVP_PKEY_get_raw_public_key(key, bytes.data(), &size) == 1);
  RELEASE_ASSERT(size == bytes.size());
  return bytes;
}

Bio read_from(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(std::min<size_t>(text.size(), 65536))));
}

std::string written(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

// An unencrypted key needs no passphrase; without this OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

}  // namespace

struct SigningKey::Handle {
  Key key;
};

Result<PublicKey> PublicKey::from_pem(std::string_view pem) {
  const Bio bio = read_from(pem);
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return fail("not an Ed25519 public key in PEM form (-----BEGIN PUBLIC KEY-----)");
  }
  return PublicKey(public_bytes(key.get()));
}

std::string PublicKey::to_pem() const {
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
  const Bio bio(BIO_new(BIO_s_mem()));
  RELEASE_ASSERT(key && bio && PEM_write_bio_PUBKEY(bio.get(), key.get()) == 1);
  return written(bio.get());
}

KeyId PublicKey::id() const {
  const Hash256 hash = sha256({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
  KeyId id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  return id;
}

bool PublicKey::verify(const Checkpoint& checkpoint) const {
  if (checkpoint.key != id()) return false;
  const Key key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_.data(), bytes_.size()));
  const Context context(EVP_MD_CTX_new());
  if (!key || !context) return false;
  const Message message = message_of(checkpoint.point, checkpoint.time);
  const auto& signature = checkpoint.signature;
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  ERR_clear_error();
  return good;
}

SigningKey::SigningKey(std::shared_ptr<const Handle> handle)
    : handle_(std::move(handle)),
      public_key_(PublicKey::from_bytes(public_bytes(handle_->key.get()))) {}

SigningKey SigningKey::generate() {
  Key key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  RELEASE_ASSERT(key != nullptr);
  return SigningKey(std::make_shared<const Handle>(std::move(key)));
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  const Bio bio = read_from(pem);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  ERR_clear_error();
  if (!key || EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) {
    return fail("not an unencrypted Ed25519 private key in PEM form (-----BEGIN PRIVATE KEY-----)");
  }
  return SigningKey(std::make_shared<const Handle>(std::move(key)));
}

std::string SigningKey::to_pem() const {
  const Bio bio(BIO_new(BIO_s_secmem()));
  RELEASE_ASSERT(bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), handle_->key.get(), nullptr,
                                                      nullptr, 0, nullptr, nullptr) == 1);
  return written(bio.get());
}

Checkpoint SigningKey::sign(const ChainPoint& point, Time now) const {
  Checkpoint checkpoint{point, now, public_key_.id(), {}};
  const Message message = message_of(point, now);
  const Context context(EVP_MD_CTX_new());
  size_t size = checkpoint.signature.size();
  RELEASE_ASSERT(context != nullptr);
  RELEASE_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, handle_->key.get()) ==
                 1);
  RELEASE_ASSERT(EVP_DigestSign(context.get(), checkpoint.signature.data(), &size, message.data(),
                                message.size()) == 1);
  RELEASE_ASSERT(size == checkpoint.signature.size());
  return checkpoint;
}

}  // namespace satgate::audit
