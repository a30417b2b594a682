// Every back end against a node of scripted answers: what it sends, byte for byte, and what it
// makes of answers that are true, false, cut or nonsense.
#include <gtest/gtest.h>

#include "node/node_test_support.h"

namespace satgate::node::testing {
namespace {

using payment::InvoiceState;
using State = payment::PayStatus::State;

const Hash256 kPreimage = filled(1);
const Hash256 kHash = sha256(as_bytes_view(kPreimage));

struct Words {
  std::string provider;
  std::string request;  // the first of create()
  std::string made;     // %1: the invoice, %2: its hash in hex, %3: in base64
  std::string settled;  // of lookup()
  std::string unknown;
  int unknown_status;
  std::string paid;  // of pay(), and of find() that follows
  std::string found;
};

std::string fill(std::string text, const std::string& bolt11, const Hash256& hash) {
  const auto put = [&text](std::string_view mark, const std::string& value) {
    for (size_t at = 0; (at = text.find(mark, at)) != std::string::npos; at += value.size())
      text.replace(at, mark.size(), value);
  };
  put("%1", bolt11);
  put("%2", hex(hash));
  put("%3", base64(hash));
  put("%4", hex(kPreimage));
  return text;
}

const std::vector<Words>& all_words() {
  static const std::vector<Words> words = {
      {"lnd",
       "POST /v1/invoices HTTP/1.1\r\n|grpc-metadata-macaroon: abcdef0123\r\n|\r\n\r\n"
       R"({"value_msat":"10000","memo":"1 call","expiry":"600"})",
       R"({"r_hash":"%3","payment_request":"%1","add_index":"1"})",
       R"({"r_hash":"%3","state":"SETTLED","amt_paid_msat":"10001"})",
       R"({"code":5,"message":"there is none","details":[]})", 404,
       R"({"result":{"payment_hash":"%2","status":"SUCCEEDED",)"
       R"("payment_preimage":"%4","fee_msat":"7"}})"
       "\n",
       R"({"result":{"payment_hash":"%2","status":"SUCCEEDED",)"
       R"("payment_preimage":"%4","fee_msat":"7"}})"
       "\n"},
      {"cln",
       "POST /v1/invoice HTTP/1.1\r\n|rune: abcdef0123\r\n|\r\n\r\n"
       R"({"amount_msat":10000,"label":"satgate-)",
       R"({"bolt11":"%1","payment_hash":"%2","created_index":1})",
       R"({"invoices":[{"payment_hash":"%2","status":"paid","amount_received_msat":10001}]})",
       R"({"invoices":[]})", 200,
       R"({"payment_preimage":"%4","amount_msat":10000,"amount_sent_msat":10007})",
       R"({"pays":[{"payment_hash":"%2","status":"failed"},{"payment_hash":"%2",)"
       R"("status":"complete","preimage":"%4","amount_msat":10000,)"
       R"("amount_sent_msat":10007}]})"},
      {"phoenixd",
       "POST /createinvoice HTTP/1.1\r\n|authorization: Basic OmFiY2RlZjAxMjM=\r\n|\r\n\r\n"
       "amountSat=10&description=1+call&expirySeconds=600",
       R"({"amountSat":10,"paymentHash":"%2","serialized":"%1"})",
       R"({"paymentHash":"%2","isPaid":true,"receivedSat":9,"fees":1000})", "Not found", 404,
       R"({"paymentPreimage":"%4","routingFeeSat":1,"paymentHash":"%2"})",
       R"({"paymentHash":"%2","isPaid":true,"preimage":"%4","fees":1000})"},
      {"lnbits",
       "POST /api/v1/payments HTTP/1.1\r\n|x-api-key: abcdef0123\r\n|\r\n\r\n"
       R"({"out":false,"amount":10,"unit":"sat","memo":"1 call","expiry":600})",
       R"({"payment_hash":"%2","bolt11":"%1"})",
       R"({"paid":true,"preimage":"%4","details":{"payment_hash":"%2",)"
       R"("amount":10000,"status":"success"}})",
       R"({"detail":"Payment does not exist."})", 404,
       R"({"fee_reserve":2000,"payment_hash":"%2"})",
       R"({"paid":true,"preimage":"%4","details":{"payment_hash":"%2","amount":-10000,"fee":-7}})"},
      {"electrum",
       "POST / HTTP/1.1\r\n|authorization: Basic dXNlcjphYmNkZWYwMTIz\r\n|\r\n\r\n"
       R"({"jsonrpc":"2.0","id":1,"method":"add_request",)"
       R"("params":{"amount":"0.00000010","memo":"1 call","expiration":600,)"
       R"("force":true}})",
       R"({"id":1,"result":{"rhash":"%2","lightning_invoice":"%1","request_id":"%2"}})",
       R"({"id":1,"result":{"rhash":"%2","status":3,"amount_msat":10000}})",
       R"({"id":1,"error":{"code":1,"message":"Request not found"}})", 200,
       R"({"id":1,"result":{"success":true,"preimage":"%4","payment_hash":"%2"}})",
       R"({"id":1,"result":{"status":3,"invoice_id":"%2"}})"},
  };
  return words;
}

struct Bench {
  explicit Bench(const Words& words, ScriptedServer::Script script)
      : server(std::move(script)),
        node(make_node(config_for(words.provider, server.url()), clock).value()) {}
  ManualClock clock{Time::seconds(kNow)};
  ScriptedServer server;
  std::unique_ptr<payment::LightningNode> node;
};

ScriptedServer::Script always(std::string answer) {
  return [answer](const std::string&) { return answer; };
}

class EveryBackEnd : public ::testing::TestWithParam<size_t> {
 protected:
  const Words& words() const { return all_words()[GetParam()]; }
};

TEST_P(EveryBackEnd, MakesAnInvoice) {
  const std::string bolt11 = invoice_text(kHash, 10'000);
  Bench bench(words(),
              always(http(201 - (words().provider == "lnd" || words().provider == "phoenixd" ||
                                 words().provider == "electrum"),
                          fill(words().made, bolt11, kHash))));
  const auto made = create(*bench.node, 10'000);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->bolt11, bolt11);
  EXPECT_EQ(made->payment_hash, kHash);
  EXPECT_EQ(made->expires, Time::seconds(kNow + 600));
  const std::string request = bench.server.requests().at(0);
  for (size_t from = 0, end = 0; from <= words().request.size(); from = end + 1) {
    end = std::min(words().request.find('|', from), words().request.size());
    EXPECT_NE(request.find(words().request.substr(from, end - from)), std::string::npos) << request;
  }
  // The same invoice again would let two buyers share one payment.
  EXPECT_FALSE(create(*bench.node, 10'000));
}

TEST_P(EveryBackEnd, RefusesInvoicesThatLie) {
  const Hash256 other = filled(3);
  std::string unsigned_text = invoice_text(kHash, 10'000);
  unsigned_text[unsigned_text.size() - 30] =
      unsigned_text[unsigned_text.size() - 30] == 'q' ? 'p' : 'q';
  const std::vector<std::string> lies = {
      fill(words().made, invoice_text(kHash, 11'000), kHash),
      fill(words().made, invoice_text(other, 10'000), kHash),
      fill(words().made, invoice_text(kHash, 10'000, payment::Network::mainnet), kHash),
      fill(words().made, invoice_text(kHash, 10'000, payment::Network::regtest, 60), kHash),
      fill(words().made, unsigned_text, kHash),
      fill(words().made, "", kHash),
      "{}",
      "[1]",
      "nonsense",
      "",
      std::string(2'000, '['),
  };
  for (const std::string& lie : lies) {
    Bench bench(words(), always(http(200, lie)));
    EXPECT_FALSE(create(*bench.node, 10'000)) << lie;
  }
}

TEST_P(EveryBackEnd, FailsClosedWhenTheNodeDoes) {
  const std::string huge(17 * 1024 * 1024, ' ');
  for (const std::string& answer :
       {http(500, "abcdef0123"), http(401, "{}"), http(302, ""), std::string("cut"),
        std::string("cutHTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
        std::string("nonsense\r\n\r\n"), http(200, huge)}) {
    Bench bench(words(), always(answer));
    const auto made = create(*bench.node, 10'000);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message.find("abcdef0123"), std::string::npos) << made.error().message;
    EXPECT_FALSE(lookup(*bench.node, kHash));
    EXPECT_FALSE(find(*bench.node, kHash));
  }
}

TEST_P(EveryBackEnd, LooksUpInvoices) {
  Bench bench(words(), always(http(200, fill(words().settled, "", kHash))));
  const auto settled = lookup(*bench.node, kHash);
  ASSERT_TRUE(settled) << settled.error().message;
  EXPECT_EQ(settled->state, InvoiceState::settled);
  EXPECT_GE(settled->received_msat, 10'000);
  // An answer about another invoice is none.
  EXPECT_FALSE(lookup(*bench.node, filled(4)));

  Bench none(words(), always(http(words().unknown_status, words().unknown)));
  const auto unknown = lookup(*none.node, kHash);
  ASSERT_TRUE(unknown) << unknown.error().message;
  EXPECT_EQ(unknown->state, InvoiceState::unknown);
}

TEST_P(EveryBackEnd, PaysAndProvesIt) {
  const std::string bolt11 = invoice_text(kHash, 10'000);
  const std::string paid = fill(words().paid, bolt11, kHash);
  const std::string found = fill(words().found, bolt11, kHash);
  const auto script = [&](const std::string& request) {
    const bool is_history = request.find("lightning_history") != std::string::npos;
    if (is_history) return http(200, R"({"id":1,"result":[]})");
    const bool is_read = request.starts_with("GET /api/v1/payments/") &&
                         request.find("fee-reserve") == std::string::npos;
    return http(200, is_read ? found : paid);
  };
  Bench bench(words(), script);
  const auto status = pay(*bench.node, bolt11);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->state, State::succeeded) << status->reason;
  EXPECT_EQ(status->preimage, kPreimage);
  // A proof of another payment is none.
  const auto false_proof = pay(*bench.node, invoice_text(filled(5), 10'000));
  ASSERT_TRUE(false_proof);
  EXPECT_EQ(false_proof->state, State::pending);
}

TEST_P(EveryBackEnd, PayThatIsCutIsPending) {
  Bench bench(words(), [](const std::string& request) {
    if (request.find("fee-reserve") != std::string::npos) return http(200, R"({"fee_reserve":0})");
    return std::string("cut");
  });
  const auto status = pay(*bench.node, invoice_text(kHash, 10'000));
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(status->state, State::pending);
}

TEST_P(EveryBackEnd, NeverBegunIsFailedOnlyAfterAWhile) {
  Bench bench(words(),
              always(http(words().unknown_status,
                          words().provider == "cln" ? R"({"pays":[]})" : words().unknown)));
  const auto early = find(*bench.node, kHash);
  ASSERT_TRUE(early) << early.error().message;
  EXPECT_EQ(early->state, State::pending);
  bench.clock.advance_seconds(130);
  const auto late = find(*bench.node, kHash);
  ASSERT_TRUE(late);
  EXPECT_EQ(late->state, State::failed);
}

TEST_P(EveryBackEnd, DoesNotPayWhatItCanNot) {
  Bench bench(words(), always(http(500, "")));
  for (const std::string& text :
       {std::string("lnbcrt1"), invoice_text(kHash, 10'000, payment::Network::mainnet)}) {
    const auto status = pay(*bench.node, text);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->state, State::failed);
  }
  EXPECT_TRUE(bench.server.requests().empty());
}

TEST_P(EveryBackEnd, EndsWhileTheNodeIsSilent) {
  Bench bench(words(), always(""));
  std::atomic<int> answers = 0;
  bench.node->ping([&](Result<std::string> said) { answers += said ? 100 : 1; });
  bench.node->watch([](const Hash256&) {});
  while (bench.server.requests().empty())
    std::this_thread::yield();
  bench.node.reset();
  EXPECT_EQ(answers, 1);
}

INSTANTIATE_TEST_SUITE_P(All, EveryBackEnd, ::testing::Range<size_t>(0, 5),
                         [](const auto& which) { return all_words()[which.param].provider; });

TEST(BackEnds, LndTellsOfSettledInvoices) {
  const std::string line = R"({"result":{"r_hash":")" + base64(kHash) +
                           R"(","state":"SETTLED","amt_paid_msat":"1","settle_index":"42"}})"
                           "\n";
  std::promise<Hash256> told;
  std::atomic<int> times = 0;
  Bench bench(all_words()[0], always(http(200, line)));
  bench.node->watch([&](const Hash256& hash) {
    if (times++ == 0) told.set_value(hash);
  });
  EXPECT_EQ(told.get_future().get(), kHash);
  while (times < 2)
    std::this_thread::yield();
  const auto requests = bench.server.requests();
  EXPECT_TRUE(requests[0].starts_with("GET /v1/invoices/subscribe?settle_index=0 "));
  EXPECT_TRUE(requests[1].starts_with("GET /v1/invoices/subscribe?settle_index=42 "));
}

TEST(BackEnds, ConfigErrorsNameTheKey) {
  const ManualClock clock(Time::seconds(kNow));
  const auto why = [&](NodeConfig config) {
    const auto made = make_node(config, clock);
    return made ? std::string() : made.error().message;
  };
  NodeConfig config = config_for("lnd", "http://127.0.0.1:1");
  EXPECT_EQ(why(config), "");
  config.credential = "xyz";
  EXPECT_TRUE(why(config).starts_with("lightning.credential: ")) << why(config);
  EXPECT_EQ(why(config).find("xyz"), std::string::npos);
  config = config_for("cln", "ftp://x");
  EXPECT_TRUE(why(config).starts_with("lightning.url: ")) << why(config);
  config = config_for("cln", "https://127.0.0.1:1");
  config.certificate_file = "/no/such/file";
  EXPECT_TRUE(why(config).starts_with("lightning.certificate: ")) << why(config);
  EXPECT_TRUE(why(config_for("other", "")).starts_with("lightning.provider: "));
  config = config_for("dev", "");
  config.network = payment::Network::mainnet;
  EXPECT_TRUE(why(config).starts_with("lightning.network: "));
}

}  // namespace
}  // namespace satgate::node::testing
