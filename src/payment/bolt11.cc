#include "payment/bolt11.h"

#include <fmt/format.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>

#include "base/append.h"
#include "base/text.h"
#include "base/utf8.h"
#include "payment/bech32.h"

namespace satgate::payment {
namespace {

constexpr size_t kTimeWords = 7;
constexpr size_t kHashWords = 52;
constexpr size_t kKeyWords = 53;
constexpr size_t kSignatureWords = 104;
constexpr size_t kDescriptionBytesMax = 639;  // 1023 words
constexpr size_t kNumberWordsMax = 12;        // 60 bits

// The letters of the fields, as numbers (BOLT 11, "Tagged Fields").
enum class Tag : uint8_t {
  p = 1,
  features = 5,
  x = 6,
  d = 13,
  s = 16,
  n = 19,
  h = 23,
  c = 24,
  m = 27,
};

struct Prefix {
  Network network;
  std::string_view letters;
  std::string_view name;
};
constexpr std::array<Prefix, 4> kNetworks = {{
    {Network::mainnet, "lnbc", "mainnet"},
    {Network::testnet, "lntb", "testnet"},
    {Network::signet, "lntbs", "signet"},
    {Network::regtest, "lnbcrt", "regtest"},
}};

// The largest first: a writer takes the first that divides. `p` is a tenth of a msat.
struct Multiplier {
  char letter;  // none: whole bitcoin
  int64_t msat;
};
constexpr std::array<Multiplier, 4> kMultipliers = {{
    {'\0', 100'000'000'000},
    {'m', 100'000'000},
    {'u', 100'000},
    {'n', 100},
}};

Result<int64_t> read_amount(std::string_view text) {
  int64_t msat = kMultipliers.front().msat;
  const char last = text.back();
  const bool has_letter = last < '0' || last > '9';
  if (has_letter) text.remove_suffix(1);
  if (last == 'p') {
    if (!text.ends_with('0')) return fail("invoice: the amount is not in whole millisatoshis");
    text.remove_suffix(1);
    msat = 1;
  } else if (has_letter) {
    const auto* found = std::ranges::find(kMultipliers, last, &Multiplier::letter);
    if (found == kMultipliers.end()) return fail("invoice: the amount's multiplier is not known");
    msat = found->msat;
  }
  const std::optional<uint64_t> number = parse_uint(text);
  if (!number || text.front() == '0')
    return fail("invoice: the amount is not a number without zeros in front");
  if (*number > static_cast<uint64_t>(kInvoiceMsatMax / msat))
    return fail("invoice: the amount is more than all bitcoin there can be");
  return static_cast<int64_t>(*number) * msat;
}

Result<void> read_prefix(std::string_view prefix, Bolt11& out) {
  const size_t digits = std::min(prefix.find_first_of("0123456789"), prefix.size());
  const auto* found = std::ranges::find(kNetworks, prefix.substr(0, digits), &Prefix::letters);
  if (found == kNetworks.end()) return fail("invoice: not of a network that is known");
  out.network = found->network;
  if (digits == prefix.size()) return {};
  TRY_ASSIGN(out.amount_msat, read_amount(prefix.substr(digits)));
  return {};
}

// Big endian. At most 60 bits.
int64_t read_number(std::span<const uint8_t> words) {
  int64_t value = 0;
  for (const uint8_t word : words)
    value = value << 5 | word;
  return value;
}

// Without a zero in front, as the specification wants `x`, `c` and `9`.
Result<int64_t> read_short_number(std::span<const uint8_t> words) {
  if (!words.empty() && words.front() == 0) return fail("invoice: a number begins with zeros");
  if (words.size() > kNumberWordsMax) return fail("invoice: a number is too large");
  return read_number(words);
}

Result<Hash256> read_hash(std::span<const uint8_t> words) {
  std::string bytes;
  if (words.size() != kHashWords || !words_to_bytes(words, bytes))
    return fail("invoice: a hash is not of 256 bits");
  Hash256 out{};
  std::memcpy(out.data(), bytes.data(), out.size());
  return out;
}

// Even bits must be understood. Those that BOLT 9 defines for invoices: onions with fields,
// payment secrets, payments in parts, blinded paths, attributed failures, metadata.
Result<void> check_features(std::span<const uint8_t> words) {
  constexpr std::array<size_t, 6> known = {8, 14, 16, 24, 36, 48};
  if (words.empty() || words.front() == 0) return fail("invoice: features begin with zeros");
  for (size_t i = 0; i < words.size(); ++i) {
    for (size_t bit = 0; bit < 5; ++bit) {
      const size_t number = (words.size() - 1 - i) * 5 + bit;
      if ((words[i] >> bit & 1) == 0 || number % 2 != 0) continue;
      if (std::ranges::find(known, number) == known.end())
        return fail(fmt::format("invoice: feature {} is needed and not known", number));
    }
  }
  return {};
}

// What the fields say, and which have been.
struct Fields {
  Bolt11& invoice;
  std::string key;  // of `n`, 33 bytes
  uint32_t seen = 0;

  bool has(Tag tag) const { return (seen >> static_cast<uint8_t>(tag) & 1) != 0; }

  Result<void> take(Tag tag, std::span<const uint8_t> words) {
    if (has(tag) && is_single(tag)) return fail("invoice: a field is there twice");
    seen |= 1U << static_cast<uint8_t>(tag);
    switch (tag) {
      case Tag::p:
        return put(read_hash(words), invoice.payment_hash);
      case Tag::s:
        return put(read_hash(words), invoice.payment_secret);
      case Tag::h:
        return put(read_hash(words), invoice.description_hash);
      case Tag::d:
        if (!words_to_bytes(words, invoice.description) || !is_utf8(invoice.description))
          return fail("invoice: the description is not UTF-8");
        return {};
      case Tag::n:
        if (words.size() != kKeyWords || !words_to_bytes(words, key))
          return fail("invoice: the payee's key is not of 33 bytes");
        return {};
      case Tag::x:
        return put(read_short_number(words), invoice.expires_seconds);
      case Tag::c:
        return put(read_short_number(words), invoice.min_final_cltv);
      case Tag::features:
        return check_features(words);
      default:  // of no use here, or unknown
        return {};
    }
  }

 private:
  static bool is_single(Tag tag) {
    constexpr std::array<Tag, 9> tags = {Tag::p, Tag::features, Tag::x, Tag::d, Tag::s,
                                         Tag::n, Tag::h,        Tag::c, Tag::m};
    return std::ranges::find(tags, tag) != tags.end();
  }
  template <class T>
  static Result<void> put(const Result<T>& read, auto& target) {
    TRY(read);
    target = *read;
    return {};
  }
};

Result<void> read_fields(std::span<const uint8_t> words, Fields& out) {
  while (!words.empty()) {
    if (words.size() < 3) return fail("invoice: a field has no length");
    const auto tag = static_cast<Tag>(words[0]);
    const size_t length = static_cast<size_t>(words[1]) << 5 | words[2];
    words = words.subspan(3);
    if (length > words.size()) return fail("invoice: a field is longer than the invoice");
    TRY(out.take(tag, words.first(length)));
    words = words.subspan(length);
  }
  if (!out.has(Tag::p)) return fail("invoice: it has no payment hash");
  if (!out.has(Tag::s)) return fail("invoice: it has no payment secret");
  if (out.has(Tag::d) == out.has(Tag::h))
    return fail("invoice: it must have a description or the hash of one");
  return {};
}

// What is signed: the prefix and the words as bytes, filled up with zeros.
Hash256 signed_hash(std::string_view prefix, std::span<const uint8_t> words) {
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const uint8_t word : words) {
    bits = (bits << 5 | word) & 0xfff;
    count += 5;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  if (count > 0) bytes += static_cast<char>(bits << (8 - count) & 0xff);
  return Sha256().update(prefix).update(bytes).finish();
}

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string key_hex(const secp256k1_pubkey& key) {
  std::array<unsigned char, 33> bytes{};
  size_t size = bytes.size();
  secp256k1_ec_pubkey_serialize(secp256k1_context_static, bytes.data(), &size, &key,
                                SECP256K1_EC_COMPRESSED);
  return to_hex({reinterpret_cast<const char*>(bytes.data()), size});
}

// The payee that signed: by the key of field n, if there is one, else by recovery, which takes
// either half of S as the specification wants it.
Result<std::string> read_payee(std::string_view signature, const Hash256& hash,
                               std::string_view key_bytes) {
  const secp256k1_context* context = secp256k1_context_static;
  const int recovery = static_cast<uint8_t>(signature[64]);
  secp256k1_ecdsa_recoverable_signature recoverable;
  if (recovery > 3 || secp256k1_ecdsa_recoverable_signature_parse_compact(
                          context, &recoverable, unsigned_bytes(signature), recovery) == 0)
    return fail("invoice: the signature is none");
  secp256k1_pubkey key;
  if (key_bytes.empty()) {
    if (secp256k1_ecdsa_recover(context, &key, &recoverable, hash.data()) == 0)
      return fail("invoice: the signature does not hold");
    return key_hex(key);
  }
  if (secp256k1_ec_pubkey_parse(context, &key, unsigned_bytes(key_bytes), key_bytes.size()) == 0)
    return fail("invoice: the payee's key is none");
  secp256k1_ecdsa_signature plain;
  secp256k1_ecdsa_recoverable_signature_convert(context, &plain, &recoverable);
  if (secp256k1_ecdsa_verify(context, &plain, hash.data(), &key) == 0)
    return fail("invoice: the signature does not hold");
  return key_hex(key);
}

void append_number(Words& out, Tag tag, int64_t value) {
  Words words;
  for (; value > 0; value >>= 5)
    words.insert(words.begin(), static_cast<uint8_t>(value & 31));
  out.insert(out.end(), {static_cast<uint8_t>(tag), 0, static_cast<uint8_t>(words.size())});
  out.insert(out.end(), words.begin(), words.end());
}

void append_field(Words& out, Tag tag, std::string_view bytes) {
  Words words;
  append_words(words, bytes);
  out.insert(out.end(), {static_cast<uint8_t>(tag), static_cast<uint8_t>(words.size() >> 5),
                         static_cast<uint8_t>(words.size() & 31)});
  out.insert(out.end(), words.begin(), words.end());
}

Result<std::string> write_prefix(const Bolt11& invoice) {
  const auto* found = std::ranges::find(kNetworks, invoice.network, &Prefix::network);
  if (found == kNetworks.end()) return fail("invoice: there is no such network");
  if (!invoice.amount_msat) return std::string(found->letters);
  const int64_t msat = *invoice.amount_msat;
  if (msat <= 0 || msat > kInvoiceMsatMax) return fail("invoice: there is no such amount");
  for (const Multiplier& multiplier : kMultipliers) {
    if (msat % multiplier.msat != 0) continue;
    std::string out = fmt::format("{}{}", found->letters, msat / multiplier.msat);
    if (multiplier.letter != '\0') out += multiplier.letter;
    return out;
  }
  return fmt::format("{}{}0p", found->letters, msat);
}

Result<Words> write_fields(const Bolt11& invoice) {
  constexpr int64_t number_end = int64_t{1} << 60;
  if (!invoice.payment_secret) return fail("invoice: a payment secret is needed");
  if (invoice.created.unix_ns < 0) return fail("invoice: the time is before 1970");
  if (invoice.description.size() > kDescriptionBytesMax || !is_utf8(invoice.description))
    return fail("invoice: the description is longer than 639 bytes, or not UTF-8");
  if (invoice.description_hash && !invoice.description.empty())
    return fail("invoice: a description, or the hash of one, not both");
  if (invoice.expires_seconds < 0 || invoice.expires_seconds >= number_end ||
      invoice.min_final_cltv < 0 || invoice.min_final_cltv >= number_end)
    return fail("invoice: the expiry or the final delta can not be written");

  Words words;
  const int64_t seconds = invoice.created.unix_seconds();
  for (size_t i = 0; i < kTimeWords; ++i)
    words.push_back(static_cast<uint8_t>(seconds >> (5 * (kTimeWords - 1 - i)) & 31));
  append_field(words, Tag::s, as_bytes_view(*invoice.payment_secret));
  append_field(words, Tag::p, as_bytes_view(invoice.payment_hash));
  if (invoice.description_hash)
    append_field(words, Tag::h, as_bytes_view(*invoice.description_hash));
  else
    append_field(words, Tag::d, invoice.description);
  const Bolt11 defaults;
  if (invoice.expires_seconds != defaults.expires_seconds)
    append_number(words, Tag::x, invoice.expires_seconds);
  if (invoice.min_final_cltv != defaults.min_final_cltv)
    append_number(words, Tag::c, invoice.min_final_cltv);
  append_number(words, Tag::features, 1 << 14 | 1 << 8);  // payment secrets, onions with fields
  return words;
}

// Signing needs tables of its own; they are made once.
const secp256k1_context* signing_context() {
  struct Destroy {
    void operator()(secp256k1_context* context) const { secp256k1_context_destroy(context); }
  };
  static const std::unique_ptr<secp256k1_context, Destroy> context(
      secp256k1_context_create(SECP256K1_CONTEXT_NONE));
  return context.get();
}

}  // namespace

std::string_view to_string(Network network) {
  return std::ranges::find(kNetworks, network, &Prefix::network)->name;
}

std::optional<Network> parse_network(std::string_view text) {
  const auto* found = std::ranges::find(kNetworks, text, &Prefix::name);
  if (found == kNetworks.end()) return std::nullopt;
  return found->network;
}

Time Bolt11::expires() const {
  int64_t ns = 0;
  if (__builtin_mul_overflow(expires_seconds, kNanoPerSecond, &ns) ||
      __builtin_add_overflow(ns, created.unix_ns, &ns))
    return Time{INT64_MAX};
  return Time{ns};
}

Result<Bolt11> read_bolt11(std::string_view text) {
  TRY_ASSIGN(const Bech32 bech32, read_bech32(text));
  const std::span<const uint8_t> words = bech32.words;
  if (words.size() < kTimeWords + kSignatureWords) return fail("invoice: the text is too short");
  Bolt11 out;
  TRY(read_prefix(bech32.prefix, out));
  const int64_t seconds = read_number(words.first(kTimeWords));
  if (seconds > INT64_MAX / kNanoPerSecond) return fail("invoice: it is of a time after 2262");
  out.created = Time::seconds(seconds);

  const std::span<const uint8_t> data = words.first(words.size() - kSignatureWords);
  Fields fields{.invoice = out, .key = {}};
  TRY(read_fields(data.subspan(kTimeWords), fields));
  std::string signature;
  words_to_bytes(words.last(kSignatureWords), signature);  // 520 bits are 65 bytes
  TRY_ASSIGN(out.payee, read_payee(signature, signed_hash(bech32.prefix, data), fields.key));
  return out;
}

Result<std::string> write_bolt11(const Bolt11& invoice, const Hash256& node_key) {
  TRY_ASSIGN(const std::string prefix, write_prefix(invoice));
  TRY_ASSIGN(Words words, write_fields(invoice));
  const Hash256 hash = signed_hash(prefix, words);
  secp256k1_ecdsa_recoverable_signature signature;
  if (secp256k1_ecdsa_sign_recoverable(signing_context(), &signature, hash.data(), node_key.data(),
                                       nullptr, nullptr) == 0)
    return fail("invoice: the node's key is none");
  std::array<unsigned char, 65> bytes{};
  int recovery = 0;
  secp256k1_ecdsa_recoverable_signature_serialize_compact(signing_context(), bytes.data(),
                                                          &recovery, &signature);
  bytes.back() = static_cast<unsigned char>(recovery);
  append_words(words, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  return write_bech32(prefix, words);
}

std::string format_sats(int64_t msat) {
  constexpr int64_t msat_per_sat = 1000;
  const std::string whole = fmt::format("{}", msat / msat_per_sat);
  return msat % msat_per_sat == 0 ? whole : fmt::format("{}.{:03}", whole, msat % msat_per_sat);
}

}  // namespace satgate::payment
