// What would break "strict": going on before the disk has the record, waiting for a sync that
// nobody has asked for, a sync for each call, and going on after a sync has failed.
#include "flow/recorder.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>

#include "net/test_support.h"
#include "store/bank_hooks.h"
#include "store/store_test_support.h"

namespace satgate::flow {
namespace {

using store::BankHooks;

// Counts syncs, and holds them back.
class SlowDisk final : public store::Files {
 public:
  std::atomic<bool> stuck = false;
  std::atomic<bool> fails = false;
  std::atomic<int> begun = 0;

  ssize_t write_at(int fd, const char* bytes, size_t size, uint64_t offset) override {
    return store::system_files().write_at(fd, bytes, size, offset);
  }
  int sync_data(int fd) override {
    ++begun;
    stuck.wait(true);
    if (!fails) return store::system_files().sync_data(fd);
    errno = EIO;
    return -1;
  }
  int allocate(int fd, uint64_t size) override { return store::system_files().allocate(fd, size); }
  void let_go() {
    stuck = false;
    stuck.notify_all();
  }
};

class RecorderTest : public testing::Test {
 protected:
  RecorderTest() {
    store::BankOptions options;
    options.data_dir = dir_.path() / "data";
    options.group_writes = true;
    options.sync_ms = 3'600'000;  // a sync comes only to whoever asks for one
    BankHooks hooks;
    hooks.files = &disk_;
    hooks.keeper_ms = 3'600'000;
    auto opened = store::Bank::open(options, clock_, hooks);
    EXPECT_TRUE(opened) << opened.error().message;
    bank_ = std::move(*opened);
    gateway_ = std::make_unique<Gateway>(*bank_, clock_, nullptr, nullptr);
    recorder_ = std::make_unique<Recorder>(*gateway_, loop_);
    disk_.begun = 0;
  }
  void TearDown() override { disk_.let_go(); }

  // A call that has written something and waits for it.
  net::Task<> call() {
    AuditEvent event;
    event.time = clock_.now();
    event.subject = "agent";
    EXPECT_TRUE(bank_->record(event));
    const bool on_disk = co_await recorder_->recorded(true);
    (on_disk ? gone_on_ : refused_) += 1;
  }
  void come_one_a_turn(int calls) {
    net::spawn(loop_, call());
    if (calls > 1) loop_.post([this, calls] { come_one_a_turn(calls - 1); });
  }
  void run_until(const std::atomic<int>& count, int wanted) {
    for (int i = 0; i < 500 && count < wanted; ++i)
      loop_.run_for(net::Milliseconds{10});
    EXPECT_EQ(count, wanted);
  }

  store::TempDir dir_;
  ManualClock clock_{Time::seconds(1'775'757'600)};
  SlowDisk disk_;
  std::unique_ptr<store::Bank> bank_;
  std::unique_ptr<Gateway> gateway_;
  net::Loop loop_;
  std::unique_ptr<Recorder> recorder_;
  std::atomic<int> gone_on_ = 0;
  std::atomic<int> refused_ = 0;
};

TEST_F(RecorderTest, ALoneCallIsSyncedWithoutAnybodyElse) {
  // In one run of the loop, which sleeps where nobody wakes it.
  EXPECT_TRUE(net::testing::run_to_end(loop_, call()));
  EXPECT_TRUE(net::testing::run_to_end(loop_, call()));
  EXPECT_EQ(gone_on_, 2);
}

TEST_F(RecorderTest, NobodyGoesOnBeforeTheDiskHasIt) {
  disk_.stuck = true;
  for (int i = 0; i < 8; ++i)
    net::spawn(loop_, call());
  run_until(disk_.begun, 1);
  loop_.run_for(net::Milliseconds{50});
  EXPECT_EQ(gone_on_, 0);
  disk_.let_go();
  run_until(gone_on_, 8);
}

TEST_F(RecorderTest, OneSyncTakesAllWhoCanComeAlong) {
  come_one_a_turn(100);
  run_until(gone_on_, 100);
  EXPECT_EQ(disk_.begun, 1);
}

TEST_F(RecorderTest, WhoComesDuringASyncGetsTheNextOne) {
  disk_.stuck = true;
  net::spawn(loop_, call());
  run_until(disk_.begun, 1);
  for (int i = 0; i < 4; ++i)
    net::spawn(loop_, call());
  loop_.run_for(net::Milliseconds{20});
  EXPECT_EQ(gone_on_, 0);
  disk_.let_go();
  run_until(gone_on_, 5);
  EXPECT_EQ(disk_.begun, 2);
}

TEST_F(RecorderTest, NobodyGoesOnAfterASyncThatFailed) {
  disk_.fails = true;
  for (int i = 0; i < 3; ++i)
    net::spawn(loop_, call());
  run_until(refused_, 3);
  EXPECT_EQ(gone_on_, 0);
  EXPECT_FALSE(bank_->healthy());
}

}  // namespace
}  // namespace satgate::flow
