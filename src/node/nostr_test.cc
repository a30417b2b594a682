// Vectors are what npm nostr-tools 2.25 makes of the keys 1 and 2, and of NIP-44's own file.
#include "node/nostr.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "node/node_test_support.h"
#include "node/nostr_cipher.h"
#include "node/nwc_uri.h"
#include "node/relay_message.h"

namespace satgate::node::testing {
namespace {

constexpr std::string_view kEvent =
    R"({"kind":23195,"created_at":1790000000,"tags":[["p","ab"],["e","cd","x"]],)"
    R"("content":"a \"quote\"\n\\ \t ü \u0001 /",)"
    R"("pubkey":"79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",)"
    R"("id":"bc216a0b8c492a1140405738644e8c3e6c43756f258d173ed07e5acd1477ec11",)"
    R"("sig":"27b26ac8548ae7746e05a0588d3384023f00e1af1f330389d727a39a534b9e7d)"
    R"(fba5230ae18f390870b9695e2ff6381925ae87d17f9731066aabd2aecaa8d46d"})";

Hash256 small(uint8_t number) {
  Hash256 key{};
  key.back() = number;
  return key;
}

Hash256 shared_key() {
  const NostrKey one = NostrKey::of(small(1)).value();
  const NostrKey two = NostrKey::of(small(2)).value();
  const Hash256 shared = one.shared_with(two.public_key()).value();
  EXPECT_EQ(shared, two.shared_with(one.public_key()).value());
  return shared;
}

TEST(Nostr, ReadsWhatOthersHaveSigned) {
  const auto event = read_event(Json::parse(kEvent));
  ASSERT_TRUE(event) << event.error().message;
  EXPECT_EQ(event->kind, 23'195);
  ASSERT_NE(tag_value(*event, "e"), nullptr);
  EXPECT_EQ(*tag_value(*event, "e"), "cd");
  EXPECT_EQ(tag_value(*event, "x"), nullptr);
}

TEST(Nostr, ReadsNothingThatWasChanged) {
  const Json good = Json::parse(kEvent);
  for (const auto& [name, value] : std::map<std::string, Json>{
           {"content", "another"},
           {"kind", 23'194},
           {"created_at", 1},
           {"tags", Json::array()},
           {"pubkey", "c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"},
           {"id", std::string(64, '0')},
           {"sig", std::string(128, '0')},
           {"sig", "00"},
           {"tags", "none"},
           {"tags", Json::array({Json::array()})},
           {"created_at", -1},
       }) {
    Json bad = good;
    bad[name] = value;
    EXPECT_FALSE(read_event(bad)) << name;
    bad.erase(name);
    EXPECT_FALSE(read_event(bad)) << name;
  }
  // A changed event with an id of its own still lacks the author's signature.
  NostrEvent changed = read_event(good).value();
  changed.content = "another";
  changed.id = event_id(changed);
  EXPECT_FALSE(read_event(write_event(changed)));
}

TEST(Nostr, SignsWhatIsReadAgain) {
  NostrEvent event;
  event.created = 1'790'000'000;
  event.kind = 1;
  event.tags = {{"p", "x"}};
  event.content = "\"\n\xc3\xbc";
  NostrKey::of(small(3)).value().sign(event);
  const auto again = read_event(Json::parse(write_json(write_event(event))));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->id, event.id);
  EXPECT_FALSE(NostrKey::of(Hash256{}));
  EXPECT_FALSE(NostrKey::of(filled(0xff)));
}

TEST(Nostr, Nip44AsOthersDo) {
  const Hash256 key = nip44_conversation_key(shared_key());
  EXPECT_EQ(hex(key), "c41c775356fd92eadc63ff5a0dc1da211b268cbea22316767095b2871ea1412d");
  EXPECT_EQ(nip44_encrypt(key, small(1), "a").value(),
            "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABee0G5VSK0/9YypIObAtDKfYEAj"
            "D35uVkHyB0F4DwrcNaCXlCWZKaArsGrY6M9wnuTMxWfp1RTN9Xga8no+kF5Vsb");
  EXPECT_EQ(nip44_encrypt(key, small(1), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80").value(),
            "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABeeWkWbYIfw/HUhIObAtDKfYEAj"
            "D35uVkHyB0F4DwrcNaCfdNSczQrfNYWXXMK8Yp987tCeWISOuzFnHquOC3EJVr");
  const std::string longest = nip44_encrypt(key, small(1), std::string(65'535, 'x')).value();
  EXPECT_EQ(hex(sha256(longest)),
            "60736d74b0fd0c7cb5fb1119dccdb511cb05ce18a7fcc52314c626f602a1561b");
  EXPECT_FALSE(nip44_encrypt(key, small(1), ""));
  EXPECT_FALSE(nip44_encrypt(key, small(1), std::string(65'536, 'x')));
}

TEST(Nostr, Nip44Pads) {
  for (const auto& [size, padded] : std::map<size_t, size_t>{{1, 32},
                                                             {32, 32},
                                                             {33, 64},
                                                             {64, 64},
                                                             {65, 96},
                                                             {256, 256},
                                                             {257, 320},
                                                             {320, 320},
                                                             {321, 384},
                                                             {1000, 1024},
                                                             {1024, 1024},
                                                             {65'535, 65'536}})
    EXPECT_EQ(nip44_padded_size(size), padded) << size;
}

TEST(Nostr, Nip04AsOthersDo) {
  const NostrCipher cipher(NostrScheme::nip04, shared_key());
  EXPECT_EQ(cipher.decrypt("YaKlyWHtjFedUdY08gco4Q==?iv=zjJRJ2gTP2qX+QRdiVcTgg==").value(),
            "hello \xc3\xbc");
  for (const char* bad : {"", "?iv=", "YaKlyWHtjFedUdY08gco4Q==",
                          "YaKl?iv=zjJRJ2gTP2qX+QRdiVcTgg==", "YaKlyWHtjFedUdY08gco4Q==?iv=zjJR"})
    EXPECT_FALSE(cipher.decrypt(bad)) << bad;
}

TEST(Nostr, CiphersGoRoundAndRefuseWhatWasChanged) {
  for (const NostrScheme scheme : {NostrScheme::nip04, NostrScheme::nip44}) {
    const NostrCipher cipher(scheme, shared_key());
    const NostrCipher other(scheme, filled(4));
    for (const size_t size : std::vector<size_t>{1, 15, 16, 17, 32, 33, 4000}) {
      const std::string text(size, 'a');
      const std::string sealed = cipher.encrypt(text).value();
      EXPECT_EQ(cipher.decrypt(sealed).value(), text);
      EXPECT_NE(other.decrypt(sealed).value_or(""), text);
    }
  }
  const NostrCipher cipher(NostrScheme::nip44, shared_key());
  const std::string bytes = base64_decode(cipher.encrypt("some text").value()).value();
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(cipher.decrypt(base64_encode(changed))) << i;
    EXPECT_FALSE(cipher.decrypt(base64_encode(bytes.substr(0, i)))) << i;
  }
}

TEST(Nostr, ReadsConnectionStrings) {
  const std::string key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";
  const std::string secret = hex(small(2));
  const auto read = read_nwc_uri("nostr+walletconnect://" + key +
                                 "?relay=wss%3A%2F%2Frelay.example%2Fv1&relay=ws://127.0.0.1:7000"
                                 "&secret=" +
                                 secret + "&lud16=me@example.com");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(hex(read->wallet), key);
  EXPECT_EQ(read->secret, small(2));
  ASSERT_EQ(read->relays.size(), 2U);
  EXPECT_TRUE(read->relays[0].tls);
  EXPECT_EQ(read->relays[0].host, "relay.example");
  EXPECT_EQ(read->relays[0].base_path, "/v1");
  EXPECT_FALSE(read->relays[1].tls);
  EXPECT_EQ(read->relays[1].port, 7'000);
  const std::string front = "nostr+walletconnect:" + key;
  EXPECT_TRUE(read_nwc_uri(front + "?secret=" + secret + "&relay=wss://r"));
  for (const std::string& bad :
       {std::string(), std::string("https://") + key, std::string("nostr+walletconnect://"), front,
        front + "?secret=" + secret, front + "?relay=wss://r",
        front + "?relay=https://r&secret=" + secret, front + "?relay=wss://&secret=" + secret,
        front + "?relay=wss://r&secret=" + secret.substr(2),
        front + "?relay=wss://r&secret=" + std::string(64, '0'),
        front + "?relay=wss://r&secret=" + secret + "&secret=" + secret,
        front + "?relay=wss://r&secret=" + secret + "&x=%z",
        "nostr+walletconnect://" + std::string(64, 'f') + "?relay=wss://r&secret=" + secret}) {
    const auto refused_text = read_nwc_uri(bad);
    ASSERT_FALSE(refused_text) << bad;
    EXPECT_EQ(refused_text.error().message.find(secret), std::string::npos);
  }
}

TEST(Nostr, ReadsWhatRelaysSay) {
  using Kind = RelayMessage::Kind;
  const auto kind_of = [](const std::string& text) {
    const auto read = read_relay_message(text);
    return read ? read->kind : Kind::other;
  };
  EXPECT_EQ(kind_of(R"(["EVENT","1",)" + std::string(kEvent) + "]"), Kind::event);
  EXPECT_EQ(kind_of(R"(["OK","ab",true,""])"), Kind::taken);
  EXPECT_EQ(kind_of(R"(["OK","ab",false,"blocked"])"), Kind::refused);
  EXPECT_EQ(kind_of(R"(["EOSE","1"])"), Kind::all_sent);
  EXPECT_EQ(kind_of(R"(["CLOSED","1","no"])"), Kind::closed);
  EXPECT_EQ(kind_of(R"(["NOTICE","hello"])"), Kind::other);
  for (const std::string& bad : {std::string(), std::string("[]"), std::string("{}"),
                                 std::string("[1]"), std::string(R"(["EVENT","1"])"),
                                 std::string(R"(["EVENT","1",{}])"), std::string(100'000, '[')})
    EXPECT_FALSE(read_relay_message(bad));
}

}  // namespace
}  // namespace satgate::node::testing
