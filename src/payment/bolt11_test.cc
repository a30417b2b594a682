#include "payment/bolt11.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

#include "base/limits.h"
#include "base/text.h"
#include "payment/bech32.h"

namespace satgate::payment {
namespace {

using testing::HasSubstr;

Hash256 hash_of(std::string_view hex) {
  Hash256 out{};
  from_hex(hex).value().copy(reinterpret_cast<char*>(out.data()), out.size());
  return out;
}

const nlohmann::json& examples() {
  static const nlohmann::json json = nlohmann::json::parse(
      std::ifstream(std::string(SATGATE_SOURCE_DIR) + "/tests/vectors/bolt11/examples.json"));
  return json;
}

Hash256 node_key() {
  return hash_of(examples()["key"].get<std::string>());
}

Bolt11 coffee() {
  Bolt11 invoice;
  invoice.network = Network::regtest;
  invoice.amount_msat = 10'000;
  invoice.created = Time::seconds(1'760'000'000);
  invoice.payment_hash = sha256("hash");
  invoice.payment_secret = sha256("secret");
  invoice.description = "1 call";
  return invoice;
}

void expect_equal(const Bolt11& a, const Bolt11& b) {
  EXPECT_EQ(a.network, b.network);
  EXPECT_EQ(a.amount_msat, b.amount_msat);
  EXPECT_EQ(a.created, b.created);
  EXPECT_EQ(a.expires_seconds, b.expires_seconds);
  EXPECT_EQ(a.payment_hash, b.payment_hash);
  EXPECT_EQ(a.payment_secret, b.payment_secret);
  EXPECT_EQ(a.description, b.description);
  EXPECT_EQ(a.description_hash, b.description_hash);
  EXPECT_EQ(a.min_final_cltv, b.min_final_cltv);
}

std::string error_of(std::string_view text) {
  const auto read = read_bolt11(text);
  return read ? "nothing" : read.error().message;
}

TEST(Bolt11Examples, ReadsWhatTheSpecificationShows) {
  size_t written = 0;
  for (const auto& example : examples()["valid"]) {
    SCOPED_TRACE(example["name"]);
    const auto text = example["invoice"].get<std::string>();
    const auto invoice = read_bolt11(text);
    ASSERT_TRUE(invoice) << invoice.error().message;
    EXPECT_EQ(to_string(invoice->network), example["network"].get<std::string>());
    std::optional<int64_t> amount;
    if (!example["amount_msat"].is_null()) amount = example["amount_msat"].get<int64_t>();
    EXPECT_EQ(invoice->amount_msat, amount);
    EXPECT_EQ(invoice->created.unix_seconds(), example["created"].get<int64_t>());
    EXPECT_EQ(invoice->expires_seconds, example["expires_seconds"].get<int64_t>());
    EXPECT_EQ(invoice->min_final_cltv, example["min_final_cltv"].get<int64_t>());
    EXPECT_EQ(invoice->payment_hash, hash_of(example["payment_hash"].get<std::string>()));
    EXPECT_EQ(invoice->payment_secret, hash_of(examples()["payment_secret"].get<std::string>()));
    EXPECT_EQ(invoice->description, example.value("description", ""));
    EXPECT_EQ(invoice->description_hash.has_value(), example.contains("description_hash"));
    if (invoice->description_hash) {
      EXPECT_EQ(*invoice->description_hash,
                hash_of(example["description_hash"].get<std::string>()));
    }
    // The one with the high S kept its recovery id: that is another key.
    EXPECT_EQ(invoice->payee, example.value("payee", examples()["payee"].get<std::string>()));
    if (!example.value("written", false)) continue;
    ++written;
    EXPECT_EQ(write_bolt11(*invoice, node_key()).value(), text);
  }
  EXPECT_EQ(examples()["valid"].size(), 15U);
  EXPECT_EQ(written, 4U);
}

TEST(Bolt11Examples, RefusesWhatTheSpecificationRefuses) {
  const std::vector<std::string> reasons = {
      "feature 100", "checksum",   "no separator",        "mixed",          "signature",
      "too short",   "multiplier", "whole millisatoshis", "payment secret",
      "twice",  // and a high S, too
      "twice",
  };
  ASSERT_EQ(examples()["invalid"].size(), reasons.size());
  for (size_t i = 0; i < reasons.size(); ++i) {
    SCOPED_TRACE(examples()["invalid"][i]["name"]);
    EXPECT_THAT(error_of(examples()["invalid"][i]["invoice"].get<std::string>()),
                HasSubstr(reasons[i]));
  }
}

TEST(Bolt11, RoundTripsOnEveryNetworkFromOneMillisatoshiToAllBitcoin) {
  std::vector<std::optional<int64_t>> amounts = {std::nullopt, 1, 9, 10, 99, 100, 101};
  for (int64_t power = 1'000; power < kInvoiceMsatMax / 10; power *= 10) {
    for (const int64_t amount : {power - 1, power, power + 1})
      amounts.emplace_back(amount);
  }
  amounts.insert(amounts.end(), {kInvoiceMsatMax - 1, kInvoiceMsatMax});
  for (const Network network :
       {Network::mainnet, Network::testnet, Network::signet, Network::regtest}) {
    EXPECT_EQ(parse_network(to_string(network)), network);
    for (const auto& amount : amounts) {
      Bolt11 invoice = coffee();
      invoice.network = network;
      invoice.amount_msat = amount;
      const auto text = write_bolt11(invoice, node_key());
      ASSERT_TRUE(text) << text.error().message;
      const auto read = read_bolt11(*text);
      ASSERT_TRUE(read) << *text << ": " << read.error().message;
      expect_equal(*read, invoice);
      EXPECT_EQ(read->payee, examples()["payee"].get<std::string>());
    }
  }
  EXPECT_FALSE(parse_network("Mainnet"));
  EXPECT_FALSE(parse_network(""));
}

TEST(Bolt11, WritesTheShortestAmount) {
  const std::vector<std::pair<int64_t, std::string>> cases = {
      {1, "lnbcrt10p1"},
      {10, "lnbcrt100p1"},
      {100, "lnbcrt1n1"},
      {1'000, "lnbcrt10n1"},
      {100'000, "lnbcrt1u1"},
      {250'000'000, "lnbcrt2500u1"},
      {100'000'000, "lnbcrt1m1"},
      {100'000'000'000, "lnbcrt11"},
      {kInvoiceMsatMax, "lnbcrt210000001"},
  };
  for (const auto& [amount, prefix] : cases) {
    Bolt11 invoice = coffee();
    invoice.amount_msat = amount;
    EXPECT_TRUE(write_bolt11(invoice, node_key()).value().starts_with(prefix)) << prefix;
  }
}

TEST(Bolt11, RoundTripsEveryField) {
  for (const size_t size : {0U, 1U, 2U, 3U, 4U, 5U, 638U, 639U}) {
    Bolt11 invoice = coffee();
    invoice.description = std::string(size, 'x');
    expect_equal(read_bolt11(write_bolt11(invoice, node_key()).value()).value(), invoice);
  }
  for (const int64_t number : {0LL, 1LL, 31LL, 32LL, 18LL, 3600LL, (1LL << 60) - 1}) {
    Bolt11 invoice = coffee();
    invoice.expires_seconds = number;
    invoice.min_final_cltv = number;
    expect_equal(read_bolt11(write_bolt11(invoice, node_key()).value()).value(), invoice);
  }
  Bolt11 hashed = coffee();
  hashed.description.clear();
  hashed.description_hash = sha256("much text");
  expect_equal(read_bolt11(write_bolt11(hashed, node_key()).value()).value(), hashed);
  Bolt11 late = coffee();
  late.created = Time{INT64_MAX};
  EXPECT_EQ(read_bolt11(write_bolt11(late, node_key()).value())->created.unix_seconds(),
            INT64_MAX / kNanoPerSecond);
}

TEST(Bolt11, ExpiresWithoutOverflow) {
  Bolt11 invoice = coffee();
  EXPECT_EQ(invoice.expires(), later(invoice.created, 3600));
  invoice.expires_seconds = INT64_MAX;
  EXPECT_EQ(invoice.expires(), Time{INT64_MAX});
  invoice.expires_seconds = INT64_MAX / kNanoPerSecond;
  EXPECT_EQ(invoice.expires(), Time{INT64_MAX});
}

TEST(Bolt11, WritesNothingThatIsNone) {
  const auto refuses = [](auto change, const char* reason) {
    Bolt11 invoice = coffee();
    change(invoice);
    const auto text = write_bolt11(invoice, node_key());
    ASSERT_FALSE(text) << reason;
    EXPECT_THAT(text.error().message, HasSubstr(reason));
  };
  refuses([](Bolt11& i) { i.amount_msat = 0; }, "amount");
  refuses([](Bolt11& i) { i.amount_msat = -1; }, "amount");
  refuses([](Bolt11& i) { i.amount_msat = kInvoiceMsatMax + 1; }, "amount");
  refuses([](Bolt11& i) { i.payment_secret.reset(); }, "payment secret");
  refuses([](Bolt11& i) { i.created = Time{-1}; }, "1970");
  refuses([](Bolt11& i) { i.description = std::string(640, 'x'); }, "639");
  refuses([](Bolt11& i) { i.description = "\xff"; }, "UTF-8");
  refuses([](Bolt11& i) { i.description_hash = Hash256{}; }, "not both");
  refuses([](Bolt11& i) { i.expires_seconds = -1; }, "expiry");
  refuses([](Bolt11& i) { i.min_final_cltv = 1LL << 60; }, "delta");
  EXPECT_FALSE(write_bolt11(coffee(), Hash256{}));
  Hash256 too_large{};
  too_large.fill(0xff);
  EXPECT_FALSE(write_bolt11(coffee(), too_large));
}

// The words of an invoice that may be changed before a checksum is put behind them again: what is
// refused then is not refused for the checksum.
struct Parts {
  std::string prefix = "lnbcrt100n";
  Words before, secret, hash, text, features, signature;

  Parts() {
    const Words words = read_bech32(write_bolt11(coffee(), node_key()).value())->words;
    auto take = [&, at = words.begin()](Words& out, ptrdiff_t count) mutable {
      out.assign(at, at + count);
      at += count;
    };
    take(before, 7);
    take(secret, 55);
    take(hash, 55);
    take(text, 3 + 10);
    take(features, 3 + 3);
    take(signature, 104);
  }
  std::string join(const std::vector<Words>& fields) const {
    Words words = before;
    for (const Words& field : fields)
      words.insert(words.end(), field.begin(), field.end());
    words.insert(words.end(), signature.begin(), signature.end());
    return write_bech32(prefix, words);
  }
  std::string whole() const { return join({secret, hash, text, features}); }
};

TEST(Bolt11, RefusesAmountsAndNetworksThatAreNone) {
  Parts parts;
  ASSERT_EQ(error_of(parts.whole()), "nothing");
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"", "nothing is before"},
      {"ln", "network"},
      {"bc", "network"},
      {"lnbt", "network"},
      {"lnbcrtx", "network"},
      {"lnxbc100n", "network"},
      {"lnbc0", "zeros in front"},
      {"lnbc0n", "zeros in front"},
      {"lnbc01n", "zeros in front"},
      {"lnbc1x", "multiplier"},
      {"lnbc1nn", "not a number"},
      {"lnbc-1n", "network"},
      {"lnbc1.5m", "not a number"},
      {"lnbc1p", "whole milli"},
      {"lnbc11p", "whole milli"},
      {"lnbc0p", "not a number"},
      {"lnbc00p", "zeros"},
      {"lnbc21000001", "more than all"},
      {"lnbc21000000001m", "more than all"},
      {"lnbc21000000000000000010p", "more than all"},
      {"lnbc99999999999999999999999999", "not a number"},
      {"lnbc18446744073709551616n", "not a number"},
      {"lnbc1m ", "printable"},
  };
  for (const auto& [prefix, reason] : cases) {
    parts.prefix = prefix;
    EXPECT_THAT(error_of(parts.whole()), HasSubstr(reason)) << prefix;
  }
}

TEST(Bolt11, RefusesFieldsThatAreNotAsTheyMustBe) {
  const Parts parts;
  const auto& [prefix, before, secret, hash, text, features, signature] = parts;
  const auto cut = [](Words words, size_t size) {  // a shorter field, and its length says so
    words.resize(3 + size);
    words[1] = static_cast<uint8_t>(size >> 5);
    words[2] = static_cast<uint8_t>(size & 31);
    return words;
  };
  Words long_hash = cut(hash, 53), padded = hash, description_hash = hash, foreign = text;
  padded.back() |= 1;
  description_hash[0] = 23;
  foreign[3] = 31;  // 0xf8 and more: not UTF-8
  const std::vector<std::pair<std::vector<Words>, const char*>> cases = {
      {{}, "no payment hash"},
      {{secret, text}, "no payment hash"},
      {{hash, text}, "no payment secret"},
      {{secret, hash}, "description"},
      {{secret, hash, hash, text}, "twice"},
      {{secret, secret, hash, text}, "twice"},
      {{secret, hash, text, text}, "twice"},
      {{secret, hash, text, features, features}, "twice"},
      {{secret, hash, text, {6, 0, 1, 1}, {6, 0, 1, 1}}, "twice"},
      {{secret, hash, text, {24, 0, 1, 1}, {24, 0, 1, 1}}, "twice"},
      {{secret, hash, text, {27, 0, 0}, {27, 0, 0}}, "twice"},
      {{secret, hash, text, description_hash}, "description"},
      {{secret, cut(hash, 51), text}, "256 bits"},
      {{secret, long_hash, text}, "256 bits"},
      {{secret, cut(hash, 0), text}, "256 bits"},
      {{secret, padded, text}, "256 bits"},
      {{cut(secret, 51), hash, text}, "256 bits"},
      {{secret, hash, text, {19, 1, 20}}, "longer than the invoice"},
      {{secret, hash, text, cut({19}, 52)}, "33 bytes"},
      {{secret, hash, text, cut({19}, 54)}, "33 bytes"},
      {{secret, hash, text, cut({19}, 53)}, "key is none"},
      {{secret, hash, foreign}, "UTF-8"},
      {{secret, hash, cut(text, 9)}, "UTF-8"},  // a word that begins a letter and nothing behind
      {{secret, hash, text, {6, 0, 1, 0}}, "zeros"},
      {{secret, hash, text, {24, 0, 2, 0, 1}}, "zeros"},
      {{secret, hash, text, {5, 0, 1, 0}}, "zeros"},
      {{secret, hash, text, {5, 0, 0}}, "zeros"},
      {{secret, hash, text, {5, 0, 1, 1}}, "feature 0"},
      {{secret, hash, text, {5, 0, 1, 4}}, "feature 2"},
      {{secret, hash, text, {6, 0, 13, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}, "too large"},
      {{secret, hash, text, {2}}, "no length"},
      {{secret, hash, text, {2, 0}}, "no length"},
      {{secret, hash, text, {2, 0, 1}}, "longer than the invoice"},
      {{secret, hash, text, {2, 31, 31}}, "longer than the invoice"},
  };
  for (size_t i = 0; i < cases.size(); ++i)
    EXPECT_THAT(error_of(parts.join(cases[i].first)), HasSubstr(cases[i].second)) << i;
  // What is not known is skipped, wherever it is and however often.
  for (const std::vector<Words>& fields : std::vector<std::vector<Words>>{
           {{2, 0, 1, 9}, secret, {2, 0, 0}, hash, {3, 0, 1, 0}, {3, 0, 1, 0}, text, {9, 0, 1, 19}},
           {secret, hash, text, {5, 0, 1, 10}},
           {secret, hash, text, {27, 0, 0}}}) {
    EXPECT_EQ(error_of(parts.join(fields)), "nothing");
  }
}

TEST(Bolt11, RefusesSignaturesThatAreNone) {
  Parts parts;
  parts.signature.back() = 4;  // as a recovery id
  EXPECT_THAT(error_of(parts.whole()), HasSubstr("signature"));
  parts.signature.assign(104, 0);
  EXPECT_THAT(error_of(parts.whole()), HasSubstr("signature"));
  parts.signature.assign(104, 31);
  EXPECT_THAT(error_of(parts.whole()), HasSubstr("signature"));
  parts.before.assign(7, 31);
  EXPECT_THAT(error_of(parts.whole()), HasSubstr("2262"));
}

// Signs prefix and words as they are, with field n or without, with either S.
std::string sign(std::string_view prefix, Words words, bool high_s) {
  std::string bytes(prefix);
  Words padded = words;
  padded.resize((words.size() + 7) / 8 * 8, 0);
  std::string packed;
  EXPECT_TRUE(words_to_bytes(padded, packed));
  bytes += packed.substr(0, (words.size() * 5 + 7) / 8);
  secp256k1_context* context = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
  secp256k1_ecdsa_recoverable_signature signature;
  EXPECT_EQ(secp256k1_ecdsa_sign_recoverable(context, &signature, sha256(bytes).data(),
                                             node_key().data(), nullptr, nullptr),
            1);
  std::array<unsigned char, 65> compact{};
  int recovery = 0;
  secp256k1_ecdsa_recoverable_signature_serialize_compact(context, compact.data(), &recovery,
                                                          &signature);
  secp256k1_context_destroy(context);
  if (high_s) {
    const Hash256 order =
        hash_of("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");
    int borrow = 0;
    for (size_t i = 32; i-- > 0;) {
      const int difference = order[i] - compact[32 + i] - borrow;
      borrow = difference < 0 ? 1 : 0;
      compact[32 + i] = static_cast<unsigned char>(difference);
    }
    recovery ^= 1;
  }
  compact[64] = static_cast<unsigned char>(recovery);
  append_words(words, {reinterpret_cast<const char*>(compact.data()), compact.size()});
  return write_bech32(prefix, words);
}

TEST(Bolt11, TheNamedPayeeMustHaveSignedWithALowS) {
  const Parts parts;
  const auto join = [&](const std::vector<Words>& fields) {
    Words words = parts.before;
    for (const Words& field : fields)
      words.insert(words.end(), field.begin(), field.end());
    return words;
  };
  const auto named = [](std::string_view payee) {
    Words field = {19, 1, 21};
    append_words(field, from_hex(payee).value());
    return field;
  };
  const auto payee = examples()["payee"].get<std::string>();
  const std::string other = "02d0139ce7427d6dfffd26a326c18be754ef1e64672b42694ba5b23ef6e6e7803d";
  const std::vector<Words> fields = {parts.secret, parts.hash, parts.text};
  for (const bool high_s : {false, true}) {
    const auto recovered = read_bolt11(sign(parts.prefix, join(fields), high_s));
    ASSERT_TRUE(recovered) << recovered.error().message;
    EXPECT_EQ(recovered->payee, payee);
  }
  std::vector<Words> ours = fields, theirs = fields;
  ours.push_back(named(payee));
  theirs.push_back(named(other));
  const auto proven = read_bolt11(sign(parts.prefix, join(ours), false));
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->payee, payee);
  EXPECT_THAT(error_of(sign(parts.prefix, join(ours), true)), HasSubstr("does not hold"));
  EXPECT_THAT(error_of(sign(parts.prefix, join(theirs), false)), HasSubstr("does not hold"));
  EXPECT_THAT(error_of(parts.join(ours)), HasSubstr("does not hold"));
}

TEST(Bolt11, AnotherTextHasAnotherPayee) {
  Parts parts;
  parts.hash[3] ^= 1;
  const auto invoice = read_bolt11(parts.whole());
  if (invoice) {
    EXPECT_NE(invoice->payee, examples()["payee"].get<std::string>());
  }
}

TEST(Bech32, EveryChangedLetterBreaksTheChecksum) {
  const std::string good = write_bolt11(coffee(), node_key()).value();
  ASSERT_TRUE(read_bolt11(good));
  for (size_t i = 0; i < good.size(); ++i) {
    for (const char letter : std::string_view("qp1lQ \x7f\x80")) {
      std::string bad = good;
      if (bad[i] == letter) continue;
      bad[i] = letter;
      EXPECT_FALSE(read_bolt11(bad)) << i;
    }
    EXPECT_FALSE(read_bolt11(good.substr(0, i)));
    EXPECT_FALSE(read_bolt11(good.substr(0, i) + good.substr(i + 1)));
  }
  EXPECT_FALSE(read_bolt11(good + "q"));
  EXPECT_FALSE(read_bolt11(" " + good));
  EXPECT_FALSE(read_bolt11("lightning:" + good));
  EXPECT_FALSE(read_bolt11(""));
  std::string capital = good;
  for (char& c : capital)
    c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  EXPECT_EQ(read_bolt11(capital)->payee, read_bolt11(good)->payee);
}

// BIP 173, "Test vectors", and what of them is none; A1LQFN3A is bech32m (BIP 350).
TEST(Bech32, TheVectorsOfBip173) {
  for (const char* valid :
       {"A12UEL5L", "a12uel5l", "?1ezyfcl", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"}) {
    const auto read = read_bech32(valid);
    ASSERT_TRUE(read) << valid;
    EXPECT_EQ(write_bech32(read->prefix, read->words), lowercase(valid));
  }
  for (const char* invalid :
       {" 1nwldj5", "\1771axkwrx", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3",
        "A1G7SGD8", "10a06t8", "1qzzfhee", "A1LQFN3A", "a1lqfn3a"}) {
    EXPECT_FALSE(read_bech32(invalid)) << invalid;
  }
}

TEST(Bech32, IsBounded) {
  const Words words(limits::invoice_bytes_max - 8, 0);
  const std::string longest = write_bech32("a", words);
  ASSERT_EQ(longest.size(), limits::invoice_bytes_max);
  EXPECT_TRUE(read_bech32(longest));
  EXPECT_FALSE(read_bech32(write_bech32("ab", words)));
}

TEST(Bech32, WordsAndBytes) {
  std::mt19937_64 random(7);
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes(size, '\0'), back;
    for (char& c : bytes)
      c = static_cast<char>(random());
    Words words;
    append_words(words, bytes);
    EXPECT_EQ(words.size(), (size * 8 + 4) / 5);
    EXPECT_TRUE(words_to_bytes(words, back));
    EXPECT_EQ(back, bytes);
  }
  std::string out;
  EXPECT_FALSE(words_to_bytes(Words{0}, out));
  EXPECT_FALSE(words_to_bytes(Words{0, 1}, out));
  EXPECT_FALSE(words_to_bytes(Words{0, 0, 0}, out));
}

}  // namespace
}  // namespace satgate::payment
