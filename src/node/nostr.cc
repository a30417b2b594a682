#include "node/nostr.h"

#include <secp256k1.h>
#include <secp256k1_ecdh.h>
#include <secp256k1_extrakeys.h>
#include <secp256k1_schnorrsig.h>

#include <algorithm>
#include <memory>

#include "base/assert.h"
#include "base/text.h"

namespace satgate::node {
namespace {

constexpr size_t kTagsMax = 256;
constexpr size_t kTagPartsMax = 64;

std::string_view view(const std::array<uint8_t, 64>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Signing and multiplying need tables of their own; they are made once.
const secp256k1_context* signing_context() {
  struct Destroy {
    void operator()(secp256k1_context* context) const { secp256k1_context_destroy(context); }
  };
  static const std::unique_ptr<secp256k1_context, Destroy> context(
      secp256k1_context_create(SECP256K1_CONTEXT_NONE));
  return context.get();
}

Json tags_json(const NostrEvent& event) {
  Json tags = Json::array();
  for (const auto& tag : event.tags)
    tags.push_back(tag);
  return tags;
}

bool is_signed(const NostrEvent& event) {
  secp256k1_xonly_pubkey key;
  const secp256k1_context* context = secp256k1_context_static;
  if (secp256k1_xonly_pubkey_parse(context, &key, event.author.data()) == 0) return false;
  return secp256k1_schnorrsig_verify(context, event.signature.data(), event.id.data(),
                                     event.id.size(), &key) == 1;
}

Result<std::vector<std::vector<std::string>>> read_tags(const Json& json) {
  const Json* tags = member(json, "tags");
  if (tags == nullptr || !tags->is_array() || tags->size() > kTagsMax) {
    return fail("an event has no tags, or too many");
  }
  std::vector<std::vector<std::string>> out;
  for (const Json& tag : *tags) {
    if (!tag.is_array() || tag.empty() || tag.size() > kTagPartsMax ||
        !std::ranges::all_of(tag, [](const Json& part) { return part.is_string(); })) {
      return fail("a tag of an event is none");
    }
    out.push_back(tag.get<std::vector<std::string>>());
  }
  return out;
}

Result<std::array<uint8_t, 64>> read_signature(const Json& json) {
  TRY_ASSIGN(const std::string text, text_at(json, "sig"));
  const auto bytes = from_hex(text);
  std::array<uint8_t, 64> out{};
  if (!bytes || bytes->size() != out.size()) return fail("the signature of an event is none");
  std::ranges::transform(*bytes, out.begin(), [](char c) { return static_cast<uint8_t>(c); });
  return out;
}

int copy_x(unsigned char* out, const unsigned char* x, const unsigned char*, void*) {
  std::copy_n(x, 32, out);
  return 1;
}

}  // namespace

const std::string* tag_value(const NostrEvent& event, std::string_view name) {
  for (const auto& tag : event.tags) {
    if (tag.size() > 1 && tag[0] == name) return &tag[1];
  }
  return nullptr;
}

Hash256 event_id(const NostrEvent& event) {
  const Json parts = Json::array({0, to_hex(as_bytes_view(event.author)), event.created, event.kind,
                                  tags_json(event), event.content});
  return sha256(write_json(parts));
}

Result<NostrEvent> read_event(const Json& json) {
  NostrEvent event;
  TRY_ASSIGN(event.id, hex_hash_at(json, "id"));
  TRY_ASSIGN(event.author, hex_hash_at(json, "pubkey"));
  TRY_ASSIGN(event.created, whole_at(json, "created_at"));
  TRY_ASSIGN(event.kind, whole_at(json, "kind"));
  TRY_ASSIGN(event.tags, read_tags(json));
  TRY_ASSIGN(event.content, text_at(json, "content"));
  TRY_ASSIGN(event.signature, read_signature(json));
  if (event_id(event) != event.id) return fail("the id of an event is not its own");
  if (!is_signed(event)) return fail("the signature of an event does not hold");
  return event;
}

Json write_event(const NostrEvent& event) {
  return {{"id", to_hex(as_bytes_view(event.id))},
          {"pubkey", to_hex(as_bytes_view(event.author))},
          {"created_at", event.created},
          {"kind", event.kind},
          {"tags", tags_json(event)},
          {"content", event.content},
          {"sig", to_hex(view(event.signature))}};
}

Result<NostrKey> NostrKey::of(const Hash256& secret) {
  secp256k1_keypair pair;
  secp256k1_xonly_pubkey key;
  NostrKey out;
  out.secret_ = secret;
  const secp256k1_context* context = signing_context();
  if (secp256k1_keypair_create(context, &pair, secret.data()) == 0 ||
      secp256k1_keypair_xonly_pub(context, &key, nullptr, &pair) == 0 ||
      secp256k1_xonly_pubkey_serialize(context, out.public_key_.data(), &key) == 0) {
    return fail("the secret is no key");
  }
  return out;
}

void NostrKey::sign(NostrEvent& event) const {
  event.author = public_key_;
  event.id = event_id(event);
  secp256k1_keypair pair;
  Hash256 random{};
  fill_random(random.data(), random.size());
  const secp256k1_context* context = signing_context();
  const bool is_done = secp256k1_keypair_create(context, &pair, secret_.data()) == 1 &&
                       secp256k1_schnorrsig_sign32(context, event.signature.data(), event.id.data(),
                                                   &pair, random.data()) == 1;
  RELEASE_ASSERT(is_done);  // the key was tried when it was read
}

Result<Hash256> NostrKey::shared_with(const Hash256& public_key) const {
  std::array<unsigned char, 33> compressed{2};
  std::ranges::copy(public_key, compressed.begin() + 1);
  secp256k1_pubkey key;
  Hash256 out{};
  const secp256k1_context* context = signing_context();
  if (secp256k1_ec_pubkey_parse(context, &key, compressed.data(), compressed.size()) == 0 ||
      secp256k1_ecdh(context, out.data(), &key, secret_.data(), copy_x, nullptr) == 0) {
    return fail("the public key is none");
  }
  return out;
}

}  // namespace satgate::node
