// What a person has decided opens one call, once, whatever happens in between.
#include "store/approval_book.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "store/approval_table.h"
#include "store/sqlite/schema.h"
#include "store/store_test_support.h"

namespace satgate::store {
namespace {

using Answer = ApprovalBook::Answer;
using Standing = ApprovalBook::Standing;
using Undecided = ApprovalBook::Undecided;

constexpr Time kNow = Time::seconds(1'000'000);

Time at(int64_t seconds) {
  return Time::seconds(1'000'000 + seconds);
}

class Approvals : public testing::Test {
 protected:
  Approvals() { open(); }

  void open(ApprovalBook::Bounds bounds = {}, Time now = kNow) {
    book_.reset();
    shared_.reset();
    shared_ = open_database(dir_);
    auto book = ApprovalBook::open(*shared_, now, bounds);
    ASSERT_TRUE(book) << book.error().message;
    book_ = std::move(*book);
  }

  static Approval call(uint8_t token, uint8_t point, std::string arguments) {
    Approval one;
    one.id = random_id<ApprovalId>();
    one.token.bytes[0] = token;
    one.point.bytes[0] = point;
    one.server = "ci";
    one.tool = "deploy";
    one.arguments = sha256(arguments);
    one.quote = Money::credits(10);
    one.subject = "agent";
    one.shown = std::move(arguments);
    one.created = kNow;
    one.expires = at(3600);
    return one;
  }

  Standing ask(const Approval& wanted, Time now = kNow) {
    std::promise<Standing> answer;
    book_->ask(wanted, now, [&](const Standing& standing) { answer.set_value(standing); });
    return answer.get_future().get();
  }
  bool spend(const ApprovalId& id) {
    std::promise<bool> done;
    book_->spend(id, [&](bool is_gone) { done.set_value(is_gone); });
    return done.get_future().get();
  }
  std::expected<Approval, Undecided> approve(const ApprovalId& id) {
    return book_->decide(id, ApprovalState::approved, at(3600));
  }
  size_t rows() {
    const std::lock_guard lock(shared_->mutex);
    return load_approvals(shared_->database)->size();
  }

  TempDir dir_;
  std::unique_ptr<SharedDatabase> shared_;
  std::unique_ptr<ApprovalBook> book_;
};

TEST_F(Approvals, OneCallHasOneAndOthersHaveTheirOwn) {
  const Approval first = call(1, 1, "{}");
  EXPECT_EQ(ask(first).answer, Answer::pending);
  EXPECT_EQ(ask(call(1, 1, "{}")).id, first.id);
  std::vector<Approval> others = {call(2, 1, "{}"), call(1, 2, "{}"), call(1, 1, "{\"a\":1}"),
                                  call(1, 1, "{}"), call(1, 1, "{}"), call(1, 1, "{}")};
  others[3].server = "cid";
  others[3].tool = "eploy";  // the same letters in a row
  others[4].tool = "deploy2";
  others[5].quote = Money::credits(11);
  for (const Approval& other : others)
    EXPECT_EQ(ask(other).id, other.id);
  ASSERT_TRUE(approve(first.id));
  EXPECT_EQ(ask(first).answer, Answer::approved);
  for (const Approval& other : others) {
    EXPECT_EQ(ask(other).answer, Answer::pending);
    EXPECT_FALSE(book_->claim(other.id, kNow));
  }
}

TEST_F(Approvals, AreUsedOnce) {
  const Approval one = call(1, 1, "{}");
  ask(one);
  EXPECT_FALSE(book_->claim(one.id, kNow)) << "not decided";
  ASSERT_TRUE(approve(one.id));
  EXPECT_EQ(rows(), 1u);
  ASSERT_TRUE(book_->claim(one.id, kNow));
  EXPECT_FALSE(book_->claim(one.id, kNow));
  EXPECT_EQ(ask(one).answer, Answer::in_use);
  book_->release(one.id);
  ASSERT_TRUE(book_->claim(one.id, kNow)) << "it was given back";
  ASSERT_TRUE(spend(one.id));
  EXPECT_EQ(rows(), 0u) << "gone before the call is forwarded";
  EXPECT_FALSE(book_->claim(one.id, kNow));
  const Approval again = call(1, 1, "{}");
  EXPECT_EQ(ask(again).answer, Answer::pending);
  EXPECT_EQ(ask(again).id, again.id) << "a new one";
}

TEST_F(Approvals, OfAHundredThreadsOneClaims) {
  const Approval one = call(1, 1, "{}");
  ask(one);
  ASSERT_TRUE(approve(one.id));
  std::atomic<int> claimed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i)
    threads.emplace_back([&] { claimed += book_->claim(one.id, kNow); });
  for (std::thread& thread : threads)
    thread.join();
  EXPECT_EQ(claimed, 1);
}

TEST_F(Approvals, OutliveARestart) {
  const Approval waits = call(1, 1, "{\"a\":1}"), approved = call(1, 1, "{\"a\":2}"),
                 denied = call(1, 1, "{\"a\":3}"), used = call(1, 1, "{\"a\":4}");
  for (const Approval& one : {waits, approved, denied, used})
    ask(one);
  ASSERT_TRUE(approve(approved.id));
  ASSERT_TRUE(book_->decide(denied.id, ApprovalState::denied, at(3600), "too dear – no"));
  ASSERT_TRUE(approve(used.id));
  ASSERT_TRUE(book_->claim(used.id, kNow));
  ASSERT_TRUE(spend(used.id));
  ASSERT_TRUE(book_->claim(approved.id, kNow)) << "a crash before it is used gives it back";
  open();
  EXPECT_EQ(ask(call(1, 1, "{\"a\":1}")).id, waits.id);
  EXPECT_EQ(ask(call(1, 1, "{\"a\":2}")).answer, Answer::approved);
  EXPECT_EQ(ask(call(1, 1, "{\"a\":3}")).answer, Answer::denied);
  EXPECT_EQ(ask(call(1, 1, "{\"a\":3}")).reason, "too dear – no");
  EXPECT_NE(ask(call(1, 1, "{\"a\":4}")).id, used.id);
  EXPECT_EQ(book_->find(waits.id)->shown, "{\"a\":1}");
  EXPECT_EQ(book_->find(waits.id)->quote, Money::credits(10));
  EXPECT_EQ(book_->find(waits.id)->point, waits.point);
  EXPECT_EQ(book_->find(approved.id)->shown, "") << "kept only while it is pending";
}

TEST_F(Approvals, AreDecidedOnceAndADecisionMayBeTakenBack) {
  const Approval one = call(1, 1, "{}");
  ask(one);
  ASSERT_TRUE(approve(one.id));
  EXPECT_EQ(approve(one.id).error(), Undecided::decided);
  ASSERT_TRUE(book_->decide(one.id, ApprovalState::denied, at(60)));
  EXPECT_EQ(approve(one.id).error(), Undecided::decided);
  EXPECT_FALSE(book_->claim(one.id, kNow));
  EXPECT_EQ(ask(one).answer, Answer::denied);
  EXPECT_EQ(ask(one, at(61)).answer, Answer::pending) << "a denial ends, too";
  EXPECT_EQ(approve(random_id<ApprovalId>()).error(), Undecided::unknown);
  const Approval used = call(1, 1, "{\"a\":1}");
  ask(used);
  ASSERT_TRUE(approve(used.id));
  ASSERT_TRUE(book_->claim(used.id, kNow));
  EXPECT_EQ(book_->decide(used.id, ApprovalState::denied, at(60)).error(), Undecided::decided);
}

TEST_F(Approvals, Expire) {
  const Approval one = call(1, 1, "{}"), other = call(1, 1, "{\"a\":1}");
  ask(one);
  ask(other);
  ASSERT_TRUE(book_->decide(other.id, ApprovalState::approved, at(10)));
  EXPECT_FALSE(book_->claim(other.id, at(10)));
  EXPECT_NE(ask(call(1, 1, "{}"), at(3600)).id, one.id) << "nobody need have looked";
  book_->expire(at(3600));
  EXPECT_FALSE(book_->find(other.id));
  open({}, at(8000));
  EXPECT_TRUE(book_->list().empty());
  EXPECT_EQ(rows(), 0u);
}

TEST_F(Approvals, ThatWaitAreBounded) {
  open({.of_one_token = 100, .all = 1000});
  std::atomic<int> full = 0, pending = 0, left = 100'000;
  for (int i = 0; i < 100'000; ++i) {
    const auto token = static_cast<uint8_t>(i % 20);
    book_->ask(call(token, 1, std::to_string(i)), kNow, [&](const Standing& standing) {
      full += standing.answer == Answer::full;
      pending += standing.answer == Answer::pending;
      --left;
      left.notify_one();
    });
  }
  for (int now = left; now > 0; now = left)
    left.wait(now);
  EXPECT_EQ(pending, 1000);
  EXPECT_EQ(full, 99'000);
  EXPECT_EQ(book_->list().size(), 1000u);
  EXPECT_EQ(rows(), 1000u);
  // A token has its share, and one that is decided makes room.
  open({.of_one_token = 50, .all = 10'000});
  EXPECT_EQ(ask(call(0, 1, "new")).answer, Answer::full);
  EXPECT_EQ(ask(call(99, 1, "new")).answer, Answer::pending);
  for (const Approval& one : book_->list()) {
    if (one.token.bytes[0] == 0) {
      ASSERT_TRUE(approve(one.id));
    }
  }
  EXPECT_EQ(ask(call(0, 1, "new")).answer, Answer::pending);
}

TEST_F(Approvals, WakeWhoWaitsForThem) {
  const Approval one = call(1, 1, "{}");
  ask(one);
  std::atomic<int> woken = 0;
  const auto wake = [&] { ++woken; };
  book_->wait(one.id, at(30), wake);
  book_->wait(one.id, at(90), wake);
  book_->expire(at(29));
  EXPECT_EQ(woken, 0);
  book_->expire(at(30));
  EXPECT_EQ(woken, 1);
  ASSERT_TRUE(approve(one.id));
  EXPECT_EQ(woken, 2);
  book_->wait(one.id, at(90), wake);
  EXPECT_EQ(woken, 3) << "it is decided already";
  const Approval other = call(1, 1, "{\"a\":1}");
  ask(other);
  book_->wait(other.id, at(90), wake);
  book_->close_waits();
  EXPECT_EQ(woken, 4);
  book_->wait(other.id, at(90), wake);
  EXPECT_EQ(woken, 5) << "nobody waits any more";
}

TEST_F(Approvals, AreToldOnceWhenTheyAreNew) {
  std::atomic<int> told = 0;
  book_->on_created([&](const Approval&) { ++told; });
  const Approval one = call(1, 1, "{}");
  ask(one);
  ask(one);
  EXPECT_EQ(told, 1);
  book_->on_created(nullptr);
  ask(call(1, 1, "{\"a\":1}"));
  EXPECT_EQ(told, 1);
}

TEST_F(Approvals, ThatCanNotBeWrittenOpenNothing) {
  const Approval one = call(1, 1, "{}");
  ask(one);
  ASSERT_TRUE(approve(one.id));
  {
    const std::lock_guard lock(shared_->mutex);
    ASSERT_TRUE(shared_->database.execute("ALTER TABLE approvals RENAME TO gone"));
  }
  ASSERT_TRUE(book_->claim(one.id, kNow));
  EXPECT_FALSE(spend(one.id));
  const Approval other = call(1, 1, "{\"a\":1}");
  EXPECT_EQ(ask(other).answer, Answer::failed);
  EXPECT_FALSE(book_->find(other.id));
  EXPECT_EQ(book_->decide(one.id, ApprovalState::denied, at(60)).error(), Undecided::failed);
  {
    const std::lock_guard lock(shared_->mutex);
    ASSERT_TRUE(shared_->database.execute("ALTER TABLE gone RENAME TO approvals"));
  }
  EXPECT_TRUE(book_->claim(one.id, kNow)) << "it was not used";
  EXPECT_TRUE(spend(one.id));
}

}  // namespace
}  // namespace satgate::store
