// What would cost money: paying twice for one debt, paying what is no bargain, many calls that buy
// what one purchase gives them all, and a payment that nobody remembers.
#include "flow/buyer.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "store/store_test_support.h"

namespace satgate::flow {
namespace {

using payment::PayStatus;
using store::PurchaseRecord;
using Kind = Buyer::Turn::Kind;
using State = Buyer::Bought::State;

constexpr int64_t kNanoPerSat = 600'000;
constexpr const char* kShelf = "agent";

Hash256 filled(uint8_t byte) {
  Hash256 out;
  out.fill(byte);
  return out;
}

// Answers at once, as it is told to.
class Node final : public payment::LightningNode {
 public:
  PayStatus answer;
  std::optional<PayStatus> found;
  bool is_away = false;
  std::vector<payment::PayRequest> paid;

  std::string_view provider() const override { return "test"; }
  int64_t unit_msat() const override { return 1; }
  void create(payment::InvoiceRequest, payment::Answered<payment::Invoice> done) override {
    done(fail("not here"));
  }
  void lookup(payment::InvoiceKey, payment::Answered<payment::InvoiceStatus> done) override {
    done(fail("not here"));
  }
  void pay(payment::PayRequest request, payment::Answered<PayStatus> done) override {
    paid.push_back(std::move(request));
    done(answer);
  }
  void find(const Hash256&, payment::Answered<PayStatus> done) override {
    if (found) return done(*found);
    done(fail("not known"));
  }
  void watch(std::function<void(const Hash256&)>) override {}
  void ping(payment::Answered<std::string> done) override {
    if (is_away) return done(fail("away"));
    done(std::string("here"));
  }
};

PayStatus succeeded(uint8_t n, int64_t fee_msat = 0) {
  PayStatus status;
  status.state = PayStatus::State::succeeded;
  status.preimage = filled(n);
  status.fee_msat = fee_msat;
  return status;
}

class BuyerTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }

  const payment::ExchangeRate* rate_ = nullptr;

  void reopen() {
    buyer_ = std::make_unique<Buyer>(
        book_, invoices_, clock_,
        Buyer::Wallet{node_, payment::Network::regtest, kNanoPerSat, rate_});
    ASSERT_TRUE(buyer_->open());
  }

  std::string invoice(uint8_t n, std::optional<int64_t> msat = 10'000) {
    payment::Bolt11 made;
    made.network = network_;
    made.amount_msat = msat;
    made.created = clock_.now();
    made.payment_hash = sha256(as_bytes_view(filled(n)));
    made.payment_secret = filled(1);
    return payment::write_bolt11(made, filled(7)).value();
  }

  Buyer::Turn begin(std::optional<Hash256> stale = std::nullopt) {
    std::optional<Buyer::Turn> got;
    buyer_->begin(kShelf, stale, [&](Buyer::Turn turn) { got = std::move(turn); });
    EXPECT_TRUE(got) << "it waits";
    return got.value_or(Buyer::Turn());
  }

  Buyer::Bought buy(std::string bolt11) {
    Buyer::Order order;
    order.shelf = kShelf;
    order.route = "partner";
    order.upstream = "shop";
    order.buyer = "agent";
    order.challenge = {"L402", "TUFD", std::move(bolt11)};
    order.max = max_;
    order.total = total_;
    std::optional<Buyer::Bought> got;
    buyer_->buy(order, [&](Buyer::Bought bought) { got = std::move(bought); });
    return got.value_or(Buyer::Bought());
  }

  // A whole purchase, up to the proof that it works.
  Ticket bought(uint8_t n, Buyer::End end = Buyer::End::good) {
    node_.answer = succeeded(n);
    const Buyer::Bought got = buy(invoice(n));
    EXPECT_EQ(got.state, State::yes) << got.why.reason;
    buyer_->end_turn(kShelf, end, got.ticket, {"worthless"});
    return got.ticket;
  }

  store::TempDir dir_;
  std::unique_ptr<store::SharedDatabase> shared_ = store::open_database(dir_);
  store::PurchaseBook book_{*shared_};
  store::InvoiceBook invoices_{*shared_};
  ManualClock clock_{Time::seconds(1'790'000'000)};
  Node node_;
  std::unique_ptr<Buyer> buyer_;
  payment::Network network_ = payment::Network::regtest;
  Money max_ = Money::nano(20 * kNanoPerSat);
  std::optional<store::PurchaseBook::Total> total_;
};

TEST_F(BuyerTest, PaysOnceAndKeepsWhatItBought) {
  EXPECT_FALSE(buyer_->at_hand(kShelf));
  ASSERT_EQ(begin().kind, Kind::buy);
  node_.answer = succeeded(3, 500);
  const Buyer::Bought got = buy(invoice(3));
  ASSERT_EQ(got.state, State::yes);
  EXPECT_EQ(got.cost, Money::nano(10'500 * kNanoPerSat / 1000));
  EXPECT_EQ(got.ticket.authorization, "L402 TUFD:" + to_hex(as_bytes_view(filled(3))));
  EXPECT_FALSE(buyer_->at_hand(kShelf));  // nobody knows yet whether it works
  buyer_->end_turn(kShelf, Buyer::End::good, got.ticket);
  EXPECT_EQ(buyer_->at_hand(kShelf)->authorization, got.ticket.authorization);
  EXPECT_EQ(begin().kind, Kind::use);
  EXPECT_EQ(begin(got.ticket.payment_hash).kind, Kind::buy);
  EXPECT_TRUE(book_.find(got.ticket.payment_hash).value()->spent);
  EXPECT_EQ(node_.paid.size(), 1U);
}

TEST_F(BuyerTest, NothingIsPaidThatIsNoBargain) {
  const auto refuses = [&](const std::string& bolt11) {
    const Buyer::Bought got = buy(bolt11);
    EXPECT_EQ(got.state, State::no);
    EXPECT_FALSE(got.why.is_ours);
    EXPECT_TRUE(node_.paid.empty());
    return got.why.reason;
  };
  EXPECT_EQ(refuses(invoice(1, 20'001)), "it asks for 20.001 sats, and this route pays up to 20");
  EXPECT_EQ(refuses(invoice(1, std::nullopt)), "its invoice leaves the amount open");
  refuses(invoice(1, payment::kInvoiceMsatMax));
  refuses("lnbcrt1nonsense");
  const std::string old = invoice(1);
  clock_.set(later(clock_.now(), 3600));
  EXPECT_EQ(refuses(old), "its invoice has expired");
  network_ = payment::Network::mainnet;
  EXPECT_EQ(refuses(invoice(1)), "its invoice is of mainnet, and this gateway pays on regtest");
  network_ = payment::Network::regtest;
  store::InvoiceRecord own;
  own.payment_hash = sha256(as_bytes_view(filled(2)));
  ASSERT_TRUE(invoices_.add(own));
  EXPECT_EQ(refuses(invoice(2)), "its invoice is one of this gateway's own");
  EXPECT_TRUE(book_.list(10).value().empty());
}

TEST_F(BuyerTest, AtAFetchedRateNothingIsBoughtWhileNobodyKnowsIt) {
  payment::ExchangeRate rate(payment::RateTerms{});
  rate_ = &rate;
  reopen();
  begin();
  node_.answer = succeeded(1);
  const Buyer::Bought unknown = buy(invoice(1));
  EXPECT_EQ(unknown.state, State::no);
  EXPECT_TRUE(unknown.why.is_ours);
  EXPECT_EQ(unknown.why.reason, "nobody knows now what a satoshi is worth");
  EXPECT_TRUE(node_.paid.empty());
  ASSERT_TRUE(rate.learn(kNanoPerSat / 2, clock_.now()));
  const Buyer::Bought known = buy(invoice(1));
  EXPECT_EQ(known.state, State::yes);
  EXPECT_EQ(known.cost, Money::nano(10 * kNanoPerSat / 2));
}

TEST_F(BuyerTest, TheFeeStaysBelowTheMost) {
  node_.answer = succeeded(1);
  buy(invoice(1, 10'000));
  EXPECT_EQ(node_.paid.at(0).fee_max_msat, 1000);  // a satoshi, where 1% is less
  node_.answer = succeeded(2);
  buy(invoice(2, 19'700));
  EXPECT_EQ(node_.paid.at(1).fee_max_msat, 300);
  max_ = Money::nano(1'000'000 * kNanoPerSat);
  node_.answer = succeeded(3);
  buy(invoice(3, 500'000'000));
  EXPECT_EQ(node_.paid.at(2).fee_max_msat, 5'000'000);
}

TEST_F(BuyerTest, OthersWaitAndShareWhatOneBuys) {
  ASSERT_EQ(begin().kind, Kind::buy);
  std::vector<Buyer::Turn> got;
  for (int i = 0; i < 5; ++i)
    buyer_->begin(kShelf, std::nullopt, [&](Buyer::Turn turn) { got.push_back(std::move(turn)); });
  EXPECT_TRUE(got.empty());
  bought(1);
  ASSERT_EQ(got.size(), 5U);
  for (const Buyer::Turn& turn : got)
    EXPECT_EQ(turn.kind, Kind::use);
  EXPECT_EQ(node_.paid.size(), 1U);
}

// A ticket for two calls, and six that want one: three purchases, and none is tried in vain once it
// is known.
TEST_F(BuyerTest, LearnsHowManyCallsAPurchaseIsWorth) {
  ASSERT_EQ(begin().kind, Kind::buy);
  std::vector<Buyer::Turn> got;
  const auto wait = [&](std::optional<Hash256> stale) {
    buyer_->begin(kShelf, stale, [&](Buyer::Turn turn) { got.push_back(std::move(turn)); });
  };
  for (int i = 0; i < 5; ++i)
    wait(std::nullopt);
  const Ticket first = bought(1);  // one for the buyer, one for the first of five
  ASSERT_EQ(got.size(), 5U);
  got.clear();
  for (int i = 0; i < 4; ++i)
    wait(first.payment_hash);
  ASSERT_EQ(got.size(), 1U);
  ASSERT_EQ(got[0].kind, Kind::buy);
  bought(2);
  ASSERT_EQ(got.size(), 3U);
  EXPECT_EQ(got[1].kind, Kind::use);
  ASSERT_EQ(got[2].kind, Kind::buy);  // not a third use of what is good for two
  bought(3);
  ASSERT_EQ(got.size(), 4U);
  EXPECT_EQ(got[3].kind, Kind::use);
  EXPECT_EQ(node_.paid.size(), 3U);
}

TEST_F(BuyerTest, AnInvoiceIsPaidOnce) {
  bought(1);
  EXPECT_EQ(buy(invoice(1)).state, State::known);
  reopen();
  EXPECT_EQ(buy(invoice(1)).state, State::known);
  EXPECT_EQ(node_.paid.size(), 1U);
}

TEST_F(BuyerTest, WhoTakesMoneyForNothingGetsNoMore) {
  ASSERT_EQ(begin().kind, Kind::buy);
  std::optional<Buyer::Turn> waiting;
  buyer_->begin(kShelf, std::nullopt, [&](Buyer::Turn turn) { waiting = std::move(turn); });
  bought(1, Buyer::End::worthless);
  ASSERT_TRUE(waiting);
  EXPECT_EQ(waiting->kind, Kind::refused);
  EXPECT_EQ(begin().why.reason, "worthless");
  clock_.set(later(clock_.now(), 61));
  EXPECT_EQ(begin().kind, Kind::buy);
}

TEST_F(BuyerTest, WhatIsUnknownIsPaidByNothingElse) {
  ASSERT_EQ(begin().kind, Kind::buy);
  node_.answer.state = PayStatus::State::pending;
  EXPECT_EQ(buy(invoice(1)).state, State::unknown);
  buyer_->end_turn(kShelf, Buyer::End::refused, {}, {"under way", true});
  EXPECT_EQ(begin().kind, Kind::refused);
  reopen();  // nor after a crash
  EXPECT_EQ(begin().kind, Kind::refused);
  node_.found = succeeded(1);
  const Buyer::Turn turn = begin();
  ASSERT_EQ(turn.kind, Kind::use);
  EXPECT_EQ(turn.ticket.authorization, "L402 TUFD:" + to_hex(as_bytes_view(filled(1))));
  EXPECT_EQ(book_.list(1).value()[0].state, PurchaseRecord::State::succeeded);
  EXPECT_EQ(node_.paid.size(), 1U);
}

TEST_F(BuyerTest, WhatHasFailedInTheEndIsBoughtAnew) {
  node_.answer.state = PayStatus::State::pending;
  buy(invoice(1));
  PayStatus failed;
  failed.state = PayStatus::State::failed;
  node_.found = failed;
  buyer_->tick(clock_.now());
  EXPECT_EQ(book_.list(1).value()[0].state, PurchaseRecord::State::failed);
  EXPECT_EQ(begin().kind, Kind::buy);
  bought(2);
}

TEST_F(BuyerTest, WhatWasBoughtOutlivesAnEnd) {
  ASSERT_EQ(begin().kind, Kind::buy);
  const Ticket ticket = bought(1);
  reopen();
  EXPECT_FALSE(buyer_->at_hand(kShelf));
  const Buyer::Turn turn = begin();
  ASSERT_EQ(turn.kind, Kind::use);
  EXPECT_EQ(turn.ticket.payment_hash, ticket.payment_hash);
  EXPECT_EQ(begin(ticket.payment_hash).kind, Kind::buy);
}

TEST_F(BuyerTest, ANodeThatIsAwayLeavesNothingUnknown) {
  node_.is_away = true;
  const Buyer::Bought got = buy(invoice(1));
  EXPECT_EQ(got.state, State::no);
  EXPECT_TRUE(got.why.is_ours);
  EXPECT_TRUE(book_.list(10).value().empty());
}

TEST_F(BuyerTest, TheDayHasATotal) {
  total_ = {clock_.now(), Money::nano(25 * kNanoPerSat)};
  bought(1);
  bought(2);
  EXPECT_EQ(buy(invoice(3)).why.reason, "what this route may spend on purchases a day is used up");
  EXPECT_EQ(node_.paid.size(), 2U);
}

}  // namespace
}  // namespace satgate::flow
