// The development wallet: real invoices, and a preimage for who asks for it.
#include "node/dev_wallet.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>

#include "node/node_test_support.h"

namespace satgate::node::testing {
namespace {

using payment::InvoiceState;

class DevWalletTest : public ::testing::Test {
 public:
  DevWalletTest() {
    std::string pattern = "/tmp/satgate-dev-XXXXXX";
    directory = ::mkdtemp(pattern.data());
    open();
  }
  ~DevWalletTest() override { std::filesystem::remove_all(directory); }

 protected:
  void open() {
    NodeConfig config = config_for("dev", "");
    config.data_dir = directory;
    node.reset();
    node = make_node(config, clock).value();
  }
  ManualClock clock{Time::seconds(kNow)};
  std::filesystem::path directory;
  std::unique_ptr<payment::LightningNode> node;
};

TEST_F(DevWalletTest, SettlesByHandAloneAndTells) {
  // It may be told twice: by the wallet, and by a look at the open invoices.
  const auto told = std::make_shared<std::promise<Hash256>>();
  const auto times = std::make_shared<std::atomic<int>>(0);
  node->watch([told, times](const Hash256& hash) {
    if (times->fetch_add(1) == 0) told->set_value(hash);
  });
  const auto invoice = create(*node, 1'234);
  ASSERT_TRUE(invoice) << invoice.error().message;
  EXPECT_TRUE(invoice->bolt11.starts_with("lnbcrt"));
  EXPECT_EQ(lookup(*node, invoice->payment_hash, invoice->node_id)->state, InvoiceState::open);
  const auto preimage = dev_wallet(*node)->settle(invoice->payment_hash);
  ASSERT_TRUE(preimage);
  EXPECT_EQ(sha256(as_bytes_view(*preimage)), invoice->payment_hash);
  const auto settled = lookup(*node, invoice->payment_hash);
  EXPECT_EQ(settled->state, InvoiceState::settled);
  EXPECT_EQ(settled->received_msat, 1'234);
  EXPECT_EQ(told->get_future().get(), invoice->payment_hash);
  EXPECT_EQ(lookup(*node, filled(3))->state, InvoiceState::unknown);
  EXPECT_FALSE(dev_wallet(*node)->settle(filled(3)));
}

TEST_F(DevWalletTest, ARestartForgetsNothing) {
  const auto first = create(*node, 1'000);
  const auto second = create(*node, 2'000);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE(dev_wallet(*node)->settle(first->payment_hash));
  open();
  EXPECT_EQ(lookup(*node, first->payment_hash)->state, InvoiceState::settled);
  EXPECT_EQ(lookup(*node, second->payment_hash, second->node_id)->state, InvoiceState::open);
  const auto preimage = dev_wallet(*node)->settle(second->bolt11);
  ASSERT_TRUE(preimage) << preimage.error().message;
  EXPECT_EQ(sha256(as_bytes_view(*preimage)), second->payment_hash);
  EXPECT_FALSE(dev_wallet(*node)->settle(invoice_text(filled(3), 1'000)));
}

TEST_F(DevWalletTest, PaysItsOwnInvoicesAndNoOthers) {
  const auto own = create(*node, 1'000);
  ASSERT_TRUE(own);
  const auto pay = [&](const std::string& bolt11) {
    payment::PayRequest request;
    request.bolt11 = bolt11;
    return wait_for<PayStatus>([&](auto done) { node->pay(request, std::move(done)); });
  };
  const auto paid = pay(own->bolt11);
  ASSERT_TRUE(paid) << paid.error().message;
  EXPECT_EQ(paid->state, PayStatus::State::succeeded);
  EXPECT_EQ(lookup(*node, own->payment_hash)->state, InvoiceState::settled);
  const auto find = [&] {
    return wait_for<PayStatus>([&](auto done) { node->find(own->payment_hash, std::move(done)); });
  };
  EXPECT_EQ(find()->state, PayStatus::State::succeeded);
  open();
  EXPECT_EQ(find()->state, PayStatus::State::pending) << "paid, and not provable any more";
  const auto other = pay(invoice_text(filled(3), 1'000));
  EXPECT_TRUE(!other || other->state != PayStatus::State::succeeded);
}

TEST_F(DevWalletTest, ExpiresAndKeepsItsKeyToItself) {
  const auto invoice = create(*node, 1'000);
  ASSERT_TRUE(invoice);
  clock.advance_seconds(601);
  EXPECT_FALSE(dev_wallet(*node)->settle(invoice->payment_hash));
  EXPECT_EQ(lookup(*node, invoice->payment_hash)->state, InvoiceState::expired);
  struct stat status{};
  const auto key = directory / "dev-wallet.key";
  ASSERT_EQ(::stat(key.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ::chmod(key.c_str(), 0644);
  NodeConfig config = config_for("dev", "");
  config.data_dir = directory;
  EXPECT_FALSE(make_node(config, clock));
}

}  // namespace
}  // namespace satgate::node::testing
