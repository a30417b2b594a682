// The wallet's side of NIP-47 by a script, over a relay of one connection at a time.
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <optional>

#include "node/node_test_support.h"
#include "node/nostr.h"
#include "node/nostr_cipher.h"

namespace satgate::node::testing {
namespace {

using payment::InvoiceState;
using State = payment::PayStatus::State;

const Hash256 kPreimage = filled(1);
const Hash256 kHash = sha256(as_bytes_view(kPreimage));

class Relay {
 public:
  // Of a request: the members of the answer beside "result_type", or nothing: it is silent.
  using Script = std::function<std::optional<Json>(const std::string& method, const Json& params)>;

  explicit Relay(Script script, std::string notifications = "")
      : script_(std::move(script)), notifications_(std::move(notifications)) {
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Relay() {
    stopping_ = true;
    thread_.join();
  }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  NodeConfig config() const {
    NodeConfig config = config_for("nwc", "");
    config.credential = "nostr+walletconnect://" + hex(wallet_.public_key()) +
                        "?relay=ws://127.0.0.1:" + std::to_string(listener_.port()) +
                        "&secret=" + hex(filled(5));
    return config;
  }

 private:
  bool is_ready(int fd) const { return is_readable(fd, stopping_); }
  void accept_all() {
    while (is_ready(listener_.fd())) {
      const int fd = ::accept(listener_.fd(), nullptr, nullptr);
      serve(fd);
      ::close(fd);
    }
  }
  bool fill(int fd, std::string& held) const {
    char bytes[4096];
    const ssize_t n = is_ready(fd) ? ::recv(fd, bytes, sizeof bytes, 0) : 0;
    if (n > 0) held.append(bytes, static_cast<size_t>(n));
    return n > 0;
  }
  void serve(int fd) {
    std::string held;
    while (held.find("\r\n\r\n") == std::string::npos)
      if (!fill(fd, held)) return;
    const size_t at = held.find("sec-websocket-key: ") + 19;
    const std::string text =
        held.substr(at, held.find('\r', at) - at) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, 20> digest{};
    EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr);
    put(fd, "HTTP/1.1 101 X\r\nSec-WebSocket-Accept: " +
                base64_encode({reinterpret_cast<const char*>(digest.data()), digest.size()}) +
                "\r\n\r\n");
    held.erase(0, held.find("\r\n\r\n") + 4);
    for (;;) {
      const auto message = take(held);
      if (message && !hear(fd, Json::parse(*message))) return;
      if (!message && !fill(fd, held)) return;
    }
  }
  // A whole text of a masked frame.
  static std::optional<std::string> take(std::string& held) {
    if (held.size() < 2) return std::nullopt;
    size_t size = static_cast<uint8_t>(held[1]) & 0x7f;
    size_t head = 2;
    if (size == 126) {
      if (held.size() < 4) return std::nullopt;
      size =
          static_cast<size_t>(static_cast<uint8_t>(held[2])) << 8 | static_cast<uint8_t>(held[3]);
      head = 4;
    }
    if (held.size() < head + 4 + size) return std::nullopt;
    std::string text;
    for (size_t i = 0; i < size; ++i)
      text += static_cast<char>(held[head + 4 + i] ^ held[head + i % 4]);
    held.erase(0, head + 4 + size);
    return text;
  }
  static void put(int fd, const std::string& bytes) {
    ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  static void say(int fd, const Json& json) {
    const std::string text = write_json(json);
    const std::string size = {'\x7e', static_cast<char>(text.size() >> 8),
                              static_cast<char>(text.size())};
    put(fd, text.size() < 126 ? std::string("\x81") + static_cast<char>(text.size()) + text
                              : "\x81" + size + text);
  }
  Json event(int64_t kind, std::vector<std::vector<std::string>> tags, std::string content) const {
    NostrEvent made;
    made.kind = kind;
    made.created = kNow;
    made.tags = std::move(tags);
    made.content = std::move(content);
    wallet_.sign(made);
    return write_event(made);
  }
  std::string seal(const Json& json) const { return cipher_.encrypt(write_json(json)).value(); }
  // False: the connection ends.
  bool hear(int fd, const Json& message) {
    if (message[0] == "REQ") {
      const std::string name = message[1];
      const int64_t kind = message[2]["kinds"][0];
      if (kind == 23'195) waiting_ = name;
      if (kind == 13'194) {
        const std::vector<std::vector<std::string>> tags = {{"encryption", "nip44_v2 nip04"},
                                                            {"notifications", notifications_}};
        say(fd, Json::array({"EVENT", name, event(13'194, tags, "pay_invoice")}));
      }
      say(fd, Json::array({"EOSE", name}));
      if (kind == 23'197) {
        const Json notice = {{"notification_type", "payment_received"},
                             {"notification", {{"payment_hash", hex(kHash)}}}};
        say(fd, Json::array({"EVENT", name, event(23'197, {}, seal(notice))}));
      }
    } else if (message[0] == "EVENT") {
      const NostrEvent asked = read_event(message[1]).value();
      const Json request = Json::parse(cipher_.decrypt(asked.content).value());
      const std::string method = request["method"];
      auto answer = script_(method, request["params"]);
      if (!answer) return false;
      (*answer)["result_type"] = method;
      say(fd,
          Json::array({"EVENT", waiting_, event(23'195, {{"e", hex(asked.id)}}, seal(*answer))}));
    }
    return true;
  }

  const Script script_;
  const std::string notifications_;
  const NostrKey wallet_ = NostrKey::of(filled(6)).value();
  const NostrCipher cipher_{
      NostrScheme::nip44,
      wallet_.shared_with(NostrKey::of(filled(5)).value().public_key()).value()};
  std::string waiting_;
  Listener listener_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

struct Bench {
  explicit Bench(Relay::Script script, std::string notifications = "")
      : relay(std::move(script), std::move(notifications)),
        node(make_node(relay.config(), clock).value()) {}
  // Of answers by method; others are errors NOT_FOUND, and "cut" ends the connection.
  explicit Bench(const std::map<std::string, Json>& answers)
      : Bench([answers](const std::string& method, const Json&) -> std::optional<Json> {
          const auto found = answers.find(method);
          if (found == answers.end()) return Json{{"error", {{"code", "NOT_FOUND"}}}};
          if (found->second == "cut") return std::nullopt;
          return found->second;
        }) {}
  ManualClock clock{Time::seconds(kNow)};
  Relay relay;
  std::unique_ptr<payment::LightningNode> node;
};

Json result(Json members) {
  return {{"error", nullptr}, {"result", std::move(members)}};
}
Json problem(const char* code) {
  return {{"error", {{"code", code}, {"message", "why"}}}, {"result", nullptr}};
}
Json transaction(const char* type, const char* state) {
  return result({{"type", type},
                 {"state", state},
                 {"payment_hash", hex(kHash)},
                 {"amount", 10'000},
                 {"preimage", hex(kPreimage)},
                 {"fees_paid", 7}});
}

TEST(Nwc, MakesInvoicesAndLooksThemUp) {
  const std::string bolt11 = invoice_text(kHash, 10'000);
  std::string state = "pending";
  Json asked;
  Bench bench([&](const std::string& method, const Json& params) -> std::optional<Json> {
    asked = params;
    if (method == "get_info") return result({{"alias", "mine"}});
    if (method == "lookup_invoice") return transaction("incoming", state.c_str());
    return result({{"invoice", bolt11}, {"payment_hash", hex(kHash)}});
  });
  const auto made = create(*bench.node, 10'000);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->bolt11, bolt11);
  EXPECT_EQ(asked.dump(), R"({"amount":10000,"description":"1 call","expiry":600})");
  EXPECT_EQ(lookup(*bench.node, kHash).value().state, InvoiceState::open);
  EXPECT_EQ(asked.dump(), R"({"payment_hash":")" + hex(kHash) + "\"}");
  for (const auto& [said, expected] :
       std::map<std::string, InvoiceState>{{"accepted", InvoiceState::accepted},
                                           {"expired", InvoiceState::expired},
                                           {"failed", InvoiceState::expired},
                                           {"settled", InvoiceState::settled}}) {
    state = said;
    EXPECT_EQ(lookup(*bench.node, kHash).value().state, expected) << said;
  }
  EXPECT_EQ(lookup(*bench.node, kHash).value().received_msat, 10'000);
  EXPECT_FALSE(lookup(*bench.node, filled(4))) << "an answer about another invoice";
  EXPECT_EQ(wait_for<std::string>([&](auto done) { bench.node->ping(done); }).value(), "mine");
}

TEST(Nwc, BelievesOldWalletsThatNameNoState) {
  Json members = transaction("incoming", "")["result"];
  members.erase("state");
  members["settled_at"] = nullptr;
  EXPECT_EQ(lookup(*Bench({{"lookup_invoice", result(members)}}).node, kHash).value().state,
            InvoiceState::open);
  members["settled_at"] = kNow;
  EXPECT_EQ(lookup(*Bench({{"lookup_invoice", result(members)}}).node, kHash).value().state,
            InvoiceState::settled);
}

TEST(Nwc, LooksUpNothingThatItWasNotAskedFor) {
  EXPECT_EQ(lookup(*Bench(std::map<std::string, Json>{}).node, kHash).value().state,
            InvoiceState::unknown);
  for (const Json& answer : {transaction("outgoing", "settled"), result(nullptr), Json::object(),
                             problem("INTERNAL"), problem("UNAUTHORIZED")})
    EXPECT_FALSE(lookup(*Bench({{"lookup_invoice", answer}}).node, kHash)) << answer;
}

TEST(Nwc, PaysAndProvesIt) {
  const Json paid = result({{"preimage", hex(kPreimage)}, {"fees_paid", 7}});
  Bench bench({{"pay_invoice", paid}});
  const auto status = pay(*bench.node, invoice_text(kHash, 10'000));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->state, State::succeeded) << status->reason;
  EXPECT_EQ(status->fee_msat, 7);
  EXPECT_EQ(pay(*bench.node, invoice_text(filled(5), 10'000)).value().state, State::pending)
      << "the proof of another payment";
  EXPECT_EQ(pay(*bench.node, invoice_text(kHash, 10'000), 9'999).value().state, State::failed)
      << "the wallet may take more than allowed";
}

TEST(Nwc, PaymentsThatFail) {
  const std::string bolt11 = invoice_text(kHash, 10'000);
  const auto paid = [&](const Json& answer, const Json& found) {
    return pay(*Bench({{"pay_invoice", answer}, {"lookup_invoice", found}}).node, bolt11)
        .value()
        .state;
  };
  const Json none = problem("NOT_FOUND");
  EXPECT_EQ(paid(problem("PAYMENT_FAILED"), none), State::failed);
  EXPECT_EQ(paid(problem("PAYMENT_FAILED"), transaction("outgoing", "failed")), State::failed);
  // What it says of the payment itself counts for more.
  EXPECT_EQ(paid(problem("PAYMENT_FAILED"), transaction("outgoing", "pending")), State::pending);
  EXPECT_EQ(paid(problem("PAYMENT_FAILED"), transaction("outgoing", "settled")), State::succeeded);
  EXPECT_EQ(paid(problem("QUOTA_EXCEEDED"), problem("INTERNAL")), State::pending);
  EXPECT_EQ(paid(problem("INTERNAL"), none), State::pending);
  EXPECT_EQ(paid(result(Json::object()), none), State::pending);
  EXPECT_EQ(paid("cut", none), State::pending);
}

TEST(Nwc, FindsPayments) {
  const auto found = [](const Json& answer) {
    return find(*Bench({{"lookup_invoice", answer}}).node, kHash).value().state;
  };
  EXPECT_EQ(found(transaction("outgoing", "settled")), State::succeeded);
  EXPECT_EQ(found(transaction("outgoing", "failed")), State::failed);
  EXPECT_EQ(found(transaction("outgoing", "pending")), State::pending);
  EXPECT_FALSE(find(*Bench({{"lookup_invoice", transaction("incoming", "settled")}}).node, kHash));
  Bench none(std::map<std::string, Json>{});
  none.clock.advance_seconds(130);
  EXPECT_EQ(find(*none.node, kHash).value().state, State::failed);
}

TEST(Nwc, TellsOfPaymentsThatCame) {
  std::promise<Hash256> told;
  std::atomic<bool> is_first = true;
  Bench bench([](const std::string&, const Json&) { return std::optional<Json>(); },
              "payment_received payment_sent");
  bench.node->watch([&](const Hash256& hash) {
    if (is_first.exchange(false)) told.set_value(hash);
  });
  EXPECT_EQ(told.get_future().get(), kHash);
}

TEST(Nwc, EndsWhileTheRelayIsAway) {
  const ManualClock clock(Time::seconds(kNow));
  NodeConfig config = config_for("nwc", "");
  config.credential = "nostr+walletconnect://" + hex(NostrKey::of(filled(6)).value().public_key()) +
                      "?relay=ws://127.0.0.1:1&secret=" + hex(filled(5));
  auto node = make_node(config, clock).value();
  const auto made = create(*node, 10'000);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message.find(hex(filled(5))), std::string::npos);
  node->watch([](const Hash256&) {});
  std::atomic<int> answers = 0;
  node->ping([&](Result<std::string> said) { answers += said ? 100 : 1; });
  node.reset();
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace satgate::node::testing
